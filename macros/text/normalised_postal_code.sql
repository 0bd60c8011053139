{#- A postal code made comparable: letters and digits alone, lower case, the first five of a nine-digit ZIP code. Null when
    nothing is left. -#}
{% macro normalised_postal_code(postal_code) -%}
    {%- set bare = regexp_replace_all("lower(" ~ postal_code ~ ")", "[^a-z0-9]") -%}
    nullif(case when {{ regexp_full_match(bare, "'[0-9]{9}'") }} then left({{ bare }}, 5) else {{ bare }} end, '')
{%- endmacro %}
