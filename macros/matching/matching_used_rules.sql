{#- The rules of blocking that a build may use, out of the table of measured rules: only these are rendered, for a join
    that is only filtered away may still be made. None while dbt parses, or before the table is there. -#}
{% macro matching_used_rules(measured) %}
    {%- set used = [] -%}
    {%- if execute and load_relation(measured) is not none -%}
        {%- set names = run_query('select rule_name from ' ~ measured ~ ' where is_used').columns[0].values() | list -%}
        {%- for rule in braid.matching_rules() if rule['name'] in names -%}
            {%- do used.append(rule) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(used) }}
{% endmacro %}
