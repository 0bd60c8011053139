{#- Rows of one of identity's books as the last build left them, as a subquery; no rows when the book is not there yet.

    Not a `ref`: a book is read before it is written in the same build, and two books read each other, which dbt would
    call a circle. Only the columns of `book_columns` are given. Models call the macro named for the book, so that a unit
    test can put rows in its place (`overrides: {macros: {previous_customer_ids: "(select ...)"}}`). -#}
{% macro previous_book(name) -%}
    {%- set columns = braid.book_columns()[name] -%}
    {%- set book = adapter.get_relation(this.database, this.schema, name) if execute else none -%}
    {%- if book is none -%}
        (
            select
                {% for column, type in columns.items() -%}
                    cast(null as {{ type }}) as {{ column }}{{ ', ' if not loop.last }}
                {%- endfor %}
            from (select 1 as nothing) as nothing
            where 1 = 0
        )
    {%- else -%}
        {%- set present = adapter.get_columns_in_relation(book) | map(attribute='name') | map('lower') | list -%}
        {%- for column in columns if column not in present and column not in braid.later_columns()[name] -%}
            {{ exceptions.raise_compiler_error(
                book ~ " has no column " ~ column ~ ": it is not the book of this version; rename or drop it once."
            ) }}
        {%- endfor -%}
        (
            select
                {% for column, type in columns.items() -%}
                    {{ column if column in present else 'cast(null as ' ~ type ~ ') as ' ~ column }}{{ ', ' if not loop.last }}
                {%- endfor %}
            from {{ book }}
        )
    {%- endif -%}
{%- endmacro %}

{% macro previous_customer_ids() -%}
    {{ return(braid.previous_book('customer_ids')) }}
{%- endmacro %}

{% macro previous_customer_xref() -%}
    {{ return(braid.previous_book('customer_xref')) }}
{%- endmacro %}

{% macro previous_identity_builds() -%}
    {{ return(braid.previous_book('identity_builds')) }}
{%- endmacro %}

{% macro previous_identity_over_limits() -%}
    {{ return(braid.previous_book('identity_over_limits')) }}
{%- endmacro %}

{% macro previous_sightings() -%}
    {{ return(braid.previous_book('int_identity__sightings')) }}
{%- endmacro %}

{#- Columns that a book of an earlier version lacks: null until it is written to. -#}
{% macro later_columns() %}
    {{ return({
        'identity_builds': [
            'candidate_number', 'ledger_number', 'number_of_customers', 'largest_record_key', 'largest_records'
        ],
    }) }}
{% endmacro %}

{#- Columns and types of the books that are read before they are written. -#}
{% macro book_columns() %}
    {%- set text, moment, count = dbt.type_string(), dbt.type_timestamp(), dbt.type_bigint() -%}
    {{ return({
        'customer_ids': {
            'customer_id': text,
            'change_type': text,
            'other_customer_id': text,
            'anchor_record_key': text,
            'anchor_created_at': moment,
            'cause': text,
            'decision_id': text,
            'rules_version': text,
            'changed_at': moment,
            'change_number': count,
        },
        'customer_xref': {
            'record_key': text,
            'customer_id': text,
            'valid_from': moment,
            'valid_to': moment,
            'change_number': count,
            'closed_number': count,
        },
        'identity_builds': {
            'build_number': count,
            'built_at': moment,
            'rules_version': text,
            'number_of_decisions': count,
            'graph_number': count,
            'approval_id': text,
            'restored_number': count,
            'candidate_number': count,
            'ledger_number': count,
            'number_of_customers': count,
            'largest_record_key': text,
            'largest_records': count,
        },
        'identity_over_limits': {
            'identifier_type': text,
            'value_hash': text,
        },
        'int_identity__sightings': {
            'record_key': text,
            'link_rule': text,
            'evidence': text,
            'first_seen_at': moment,
        },
    }) }}
{% endmacro %}
