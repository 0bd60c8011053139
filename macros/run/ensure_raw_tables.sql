{#- Creates every declared source schema and table that is missing and adds declared columns a table lacks, so that the
    project builds on an empty warehouse, with only some of the systems connected, and against a CRM without our custom
    fields. Names and types come from the sources' YAML. Nothing is altered, narrowed or dropped; a second run finds
    nothing to do and runs one query.

    Every type declared there is one that extraction would choose or one that holds it, so that tables made here can
    take what lands later. -#}
{% macro ensure_raw_tables() %}
    {%- if execute and flags.WHICH in ('build', 'run', 'test', 'seed', 'snapshot', 'run-operation') -%}
        {%- set declared = graph.sources.values() | selectattr('package_name', 'equalto', project_name) | list -%}
        {%- set schemas = declared | map(attribute='schema') | unique | sort -%}
        {%- set existing = braid.existing_columns(declared[0].database, schemas) -%}
        {%- set known_schemas = braid.existing_schemas(declared[0].database) -%}
        {%- for schema in schemas if schema | lower not in known_schemas -%}
            {%- do adapter.create_schema(api.Relation.create(database=declared[0].database, schema=schema)) -%}
        {%- endfor -%}
        {%- for table in declared -%}
            {%- set relation = source(table.source_name, table.name) -%}
            {%- set present = existing.get(table.schema | lower ~ '.' ~ table.identifier | lower) -%}
            {%- if present is none -%}
                {%- set columns = [] -%}
                {%- for column in table.columns.values() -%}
                    {%- do columns.append(braid.source_column(column.name) ~ ' ' ~ column.data_type) -%}
                {%- endfor -%}
                {%- do run_query(
                    'create table if not exists ' ~ relation ~ ' (' ~ columns | join(', ') ~ ')'
                ) -%}
            {%- else -%}
                {%- for column in table.columns.values() if column.name | lower not in present -%}
                    {%- do run_query(
                        'alter table ' ~ relation ~ ' add column '
                        ~ braid.source_column(column.name) ~ ' ' ~ column.data_type
                    ) -%}
                {%- endfor -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{#- 'schema.table' -> list of column names, all lower case, of tables in these schemas. -#}
{% macro existing_columns(database, schemas) %}
    {%- set found = {} -%}
    {%- set rows = run_query(
        "select lower(table_schema), lower(table_name), lower(column_name) from "
        ~ braid.information_schema(database) ~ ".columns where lower(table_schema) in ('"
        ~ schemas | map('lower') | join("', '") ~ "')"
        ~ braid.in_this_database(database, 'table_catalog')
    ) -%}
    {%- for row in rows.rows -%}
        {%- do found.setdefault(row[0] ~ '.' ~ row[1], []).append(row[2]) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}

{% macro existing_schemas(database) %}
    {{ return(run_query(
        'select distinct lower(schema_name) from ' ~ braid.information_schema(database) ~ '.schemata where true'
        ~ braid.in_this_database(database, 'catalog_name')
    ).columns[0].values() | list) }}
{% endmacro %}

{#- A source column's name as extraction writes it: quoted, in the case an unquoted name would have. -#}
{% macro source_column(name) %}
    {{ return(adapter.dispatch('source_column', 'braid')(name)) }}
{% endmacro %}

{% macro default__source_column(name) %}
    {{ return(adapter.quote(name)) }}
{% endmacro %}

{% macro snowflake__source_column(name) %}
    {{ return(adapter.quote(name | upper)) }}
{% endmacro %}

{#- DuckDB has one information schema for all attached databases; Snowflake has one in each. -#}
{% macro information_schema(database) %}
    {{ return(adapter.dispatch('information_schema', 'braid')(database)) }}
{% endmacro %}

{% macro default__information_schema(database) %}
    {{ return('information_schema') }}
{% endmacro %}

{% macro snowflake__information_schema(database) %}
    {{ return(database ~ '.information_schema') }}
{% endmacro %}

{% macro in_this_database(database, column) %}
    {{ return(" and lower(" ~ column ~ ") = '" ~ database | lower ~ "'") }}
{% endmacro %}
