{#- Which fifth of `number` rows a rank from 1 lies in, 1 to 5; in whole numbers, so that no division is rounded. Null of
    a null rank. -#}
{% macro fifth(rank, number) %}
    case
        {%- for fifth in range(1, 5) %}
        when 5 * ({{ rank }} - 1) < {{ fifth }} * {{ number }} then {{ fifth }}
        {%- endfor %}
        when {{ rank }} is not null then 5
    end
{% endmacro %}
