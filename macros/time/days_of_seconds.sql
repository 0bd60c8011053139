{#- Seconds as days with two digits, half a hundredth up: `days_of_seconds('seconds_in_stage')`. Null when the seconds are;
    the seconds must not be negative. Whole numbers inside, since the two warehouses divide decimals differently. -#}
{% macro days_of_seconds(seconds) -%}
    cast(floor(({{ seconds }} * 100 + 43200) / 86400) as decimal(18, 0)) * cast(0.01 as decimal(3, 2))
{%- endmacro %}
