{#- An ISO 8601 text as a timestamp without a zone, in UTC: `text_as_timestamp('created_at_text')`. A text without an offset
    is UTC already. Null when the text is null or no time. -#}
{% macro text_as_timestamp(text) -%}
    {%- set zoned -%}
        case
            when {{ regexp_full_match(text, "'.*([zZ]|[+-][0-9]{2}:?[0-9]{2})'") }} then {{ text }}
            else {{ text }} || 'Z'
        end
    {%- endset -%}
    {{ return(adapter.dispatch('text_as_timestamp', 'braid')(zoned)) }}
{%- endmacro %}

{% macro default__text_as_timestamp(zoned) -%}
    try_cast({{ zoned }} as timestamptz) at time zone 'UTC'
{%- endmacro %}

{% macro snowflake__text_as_timestamp(zoned) -%}
    cast(convert_timezone('UTC', try_cast({{ zoned }} as timestamp_tz)) as timestamp_ntz)
{%- endmacro %}
