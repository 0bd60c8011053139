{#- The book of edges beside `target`, as a relation. -#}
{% macro components_book(target) %}
    {{ return(api.Relation.create(
        database=target.database, schema=target.schema, identifier=target.identifier ~ '__edges', type='table'
    )) }}
{% endmacro %}

{#- The nodes that went, beside `target`, as a relation. -#}
{% macro components_gone(target) %}
    {{ return(api.Relation.create(
        database=target.database, schema=target.schema, identifier=target.identifier ~ '__gone', type='table'
    )) }}
{% endmacro %}

{#- Whether the former result can be gone on from: it is there, with these columns, and so is all that stands beside. -#}
{% macro components_are_kept(existing, columns) %}
    {%- if existing is none or not existing.is_table or should_full_refresh() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- for beside in (braid.components_book(existing), braid.components_gone(existing)) -%}
        {%- if adapter.get_relation(beside.database, beside.schema, beside.identifier) is none -%}
            {{ return(false) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(braid.lower_columns(existing) == columns | map('lower') | list + ['written_number']) }}
{% endmacro %}

{% macro lower_columns(relation) %}
    {{ return(adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list) }}
{% endmacro %}

{#- The number of this run: above all that were written before, also by runs that were made from nothing. -#}
{% macro next_components_number(target) %}
    {%- set numbers = ['select 0 as number'] -%}
    {%- for relation, column in ((target, 'written_number'), (braid.components_gone(target), 'gone_number')) -%}
        {%- set there = adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}
        {%- if there is not none and column in braid.lower_columns(there) -%}
            {%- do numbers.append('select max(' ~ column ~ ') from ' ~ there) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(braid.first_value(
        'select max(number) + 1 from (' ~ numbers | join(' union all ') ~ ') as numbers'
    )) }}
{% endmacro %}

{#- The numbers that `model` (a ref to a model of this materialisation) stands at, as a subquery of one row: that of the
    last run that wrote anything, and that of the one that made all of it from nothing. -#}
{% macro components_numbers(model) -%}
    {%- set gone = braid.components_gone(model) -%}
    (
        select
            max(number) as candidate_number,
            max(first_number) as first_number
        from (
            select
                max(written_number) as number,
                null as first_number
            from {{ model }}

            union all

            select
                max(gone_number) as number,
                max(case when node is null then gone_number end) as first_number
            from {{ gone }}
        ) as numbers
    )
{%- endmacro %}
