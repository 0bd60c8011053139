{#- Events are kept from run to run, and go by run numbers: a row of int_product__events says which run wrote it, and the
    tables made of it remember the number up to which they have read. -#}

{#- Number of this run: above all that were written, and above what a reader has read of a table that was dropped since. A
    unit test says one itself: `overrides: {macros: {events_run_number: 7}}`. -#}
{% macro events_run_number() %}
    {%- if not execute or not this.identifier -%}
        {{ return(1) }}
    {%- endif -%}
    {{ return(braid.next_run_number(this, {'int_product__session_events': 'read_number'})) }}
{% endmacro %}

{#- Number of this run of a table that is made of the events. A unit test says one itself. -#}
{% macro sessions_run_number() %}
    {%- if not execute or not this.identifier -%}
        {{ return(1) }}
    {%- endif -%}
    {{ return(braid.next_run_number(this, {'int_product__sessions': 'read_number'})) }}
{% endmacro %}

{#- The rules of sessions as one text; a table that was made under others is made anew. -#}
{% macro session_rules() -%}
    {%- for name in ('session_gap_minutes', 'session_utc_offset_minutes') -%}
        {%- if var(name) is not integer or (name == 'session_gap_minutes' and var(name) < 1) -%}
            {{ exceptions.raise_compiler_error(
                "The var " ~ name ~ " is " ~ var(name) ~ "; it must be a whole number of minutes"
                ~ (", 1 or more." if name == 'session_gap_minutes' else ".")
            ) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(
        'gap ' ~ var('session_gap_minutes')
        ~ (', campaign' if var('session_new_campaign') else '')
        ~ (', midnight ' ~ var('session_utc_offset_minutes') if var('session_midnight') else '')
    ) }}
{%- endmacro %}

{#- What a session table may leave as it is: 'changes' when rows of the events past a number are all there is to look at,
    'nothing' when all has to be compared (other rules, or events that were all made anew), '' when there is no table.
    The rules are those of the calls that are there: what went keeps the rules of when it went. A unit test says so
    itself. -#}
{% macro session_scope() %}
    {%- if not is_incremental() or not execute or not this.identifier -%}
        {{ return('') }}
    {%- endif -%}
    {%- set asked = run_query(
        'select max(case when not is_gone then session_rules end), max(read_number) from ' ~ this
    ).rows[0] -%}
    {%- if asked[0] is none -%}
        {{ return('nothing') }}
    {%- endif -%}
    {%- set first = braid.first_value('select min(written_number) from ' ~ ref('int_product__events')) -%}
    {{ return('changes' if asked[0] == braid.session_rules() and first is not none and first <= asked[1] else 'nothing') }}
{% endmacro %}
