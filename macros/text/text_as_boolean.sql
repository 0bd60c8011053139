{#- JSON's `true` and `false` as a boolean; null for any other text. -#}
{% macro text_as_boolean(text) -%}
    case {{ text }} when 'true' then true when 'false' then false end
{%- endmacro %}
