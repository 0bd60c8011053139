{#- The most steps that any funnel has: so many passes find who took them in order. Asked of the seed while the model
    compiles; a unit test says so itself: `overrides: {macros: {most_funnel_steps: 3}}`. -#}
{% macro most_funnel_steps() %}
    {%- set steps = ref('funnel_steps') -%}
    {%- if not execute or adapter.get_relation(steps.database, steps.schema, steps.identifier) is none -%}
        {{ return(2) }}
    {%- endif -%}
    {{ return(braid.first_value('select coalesce(max(step_number), 2) from ' ~ steps) | int) }}
{% endmacro %}
