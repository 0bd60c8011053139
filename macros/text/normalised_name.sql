{#- A name made comparable: plain letters (see plain_letters) and digits, without blanks, points, hyphens, apostrophes and
    the like. 'O’Brien-Núñez', ' o'brien nunez ' and 'OBRIEN NUÑEZ' are one. Null when nothing is left. -#}
{% macro normalised_name(name) -%}
    nullif({{ regexp_replace_all(plain_letters(name), between_letters()) }}, '')
{%- endmacro %}
