{#- A text as a whole number: `text_as_integer('quantity_text')`. Null when the text is null, has a fraction, is no number,
    or has more than 18 digits; casting alone would round a fraction away. -#}
{% macro text_as_integer(text) -%}
    case
        when {{ regexp_full_match(text, "'-?[0-9]{1,18}([.]0+)?'") }}
            then cast(split_part({{ text }}, '.', 1) as bigint)
    end
{%- endmacro %}
