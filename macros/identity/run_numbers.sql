{#- A kept table's runs are numbered. Its rows say which run wrote them (`written_number`), and a table beside it has
    what went (`<model>__gone`, `gone_number`). These macros read and count those numbers. -#}

{#- A table that stands beside `target`, named for what it holds, as a relation. -#}
{% macro rows_beside(target, what) %}
    {{ return(api.Relation.create(
        database=target.database, schema=target.schema, identifier=target.identifier ~ '__' ~ what, type='table'
    )) }}
{% endmacro %}

{#- The number of this run: above all that were written before, also by runs that were made from nothing. `noted` has the
    tables in which readers note up to which number they have read, and the column of each: a table that was dropped
    with what stands beside it must not begin again with numbers that somebody has read already. -#}
{% macro next_run_number(target, noted) %}
    {%- set numbers = ['select 0 as number'] -%}
    {%- for relation, column in ((target, 'written_number'), (braid.rows_beside(target, 'gone'), 'gone_number')) -%}
        {%- set there = adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}
        {%- if there is not none and column in braid.lower_columns(there) -%}
            {%- do numbers.append('select max(' ~ column ~ ') from ' ~ there) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name, column in (noted or {}).items() -%}
        {%- set there = adapter.get_relation(target.database, target.schema, name) -%}
        {%- if there is not none and column in braid.lower_columns(there) -%}
            {%- do numbers.append('select max(' ~ column ~ ') from ' ~ there) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(braid.first_value(
        'select max(number) + 1 from (' ~ numbers | join(' union all ') ~ ') as numbers'
    )) }}
{% endmacro %}

{#- The numbers that `model` stands at, as a subquery of one row: that of the last run that wrote anything, and that of
    the one that made all of it from nothing. `key` is a column that is null in the row that tells of the latter. -#}
{% macro run_numbers(model, key) -%}
    (
        select
            max(number) as last_number,
            max(first_number) as first_number
        from (
            select
                max(written_number) as number,
                null as first_number
            from {{ model }}

            union all

            select
                max(gone_number) as number,
                max(case when {{ key }} is null then gone_number end) as first_number
            from {{ braid.rows_beside(model, 'gone') }}
        ) as numbers
    )
{%- endmacro %}

{#- Names of a table's columns, in lower case. -#}
{% macro lower_columns(relation) %}
    {{ return(adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list) }}
{% endmacro %}
