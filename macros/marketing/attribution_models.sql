{#- The models of credit: columns `<model>_weight` of int_marketing__paths, `<model>_share` of fct_attribution. -#}
{% macro attribution_models() %}
    {{ return([
        'first_touch', 'last_touch', 'last_non_direct', 'linear', 'position_based', 'time_decay', 'shapley'
    ]) }}
{% endmacro %}
