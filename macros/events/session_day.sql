{#- The day of a moment (SQL, UTC) by the clock that the midnight rule of sessions goes by. -#}
{% macro session_day(moment) -%}
    {%- if var('session_utc_offset_minutes') -%}
        cast({{ dbt.dateadd('minute', var('session_utc_offset_minutes'), moment) }} as date)
    {%- else -%}
        cast({{ moment }} as date)
    {%- endif -%}
{%- endmacro %}
