{#- Appends what came of each node of this run to `ops.dbt_results`, and forgets what is older than the var
    `kept_results_days`. To be called by on-run-end, which has dbt's `results`; unit tests are not kept, since they try
    rules on rows of their own, and a run of nothing else sends no statement.

    Only literals and numbers are written, only tables that exist are counted, and nothing is sent to a warehouse that
    takes no rows, so that a record never fails a run. Who may read only says so by the var `keep_results`, where the
    warehouse cannot. What `--empty` and `--sample` make is no table's past. dbt's message is left out: of a failed model it
    quotes values, and the books hold nobody's data. -#}
{% macro keep_results(results) %}
    {%- if execute and flags.WHICH in ('build', 'run', 'test', 'seed', 'snapshot') -%}
        {%- set kept = [] -%}
        {%- for result in results if result.node.resource_type in ('model', 'seed', 'snapshot', 'test') -%}
            {%- do kept.append(result) -%}
        {%- endfor -%}
        {%- if kept and var('keep_results') and not flags.EMPTY and not flags.SAMPLE
            and braid.takes_rows(source('dbt', 'dbt_results').database) -%}
            {%- set counts = braid.built_rows(kept) -%}
            {%- set backslash = braid.backslash_in_text() -%}
            {%- set run = [
                braid.text_literal(invocation_id),
                "'" ~ run_started_at.strftime('%Y-%m-%d %H:%M:%S.%f') ~ "'",
                braid.text_literal(flags.WHICH),
                braid.text_literal(target.name),
                'true' if flags.FULL_REFRESH else 'false',
                'true' if braid.is_whole_run(kept) else 'false',
            ] | join(', ') -%}
            {%- set rows = [] -%}
            {%- for result in kept -%}
                {%- set cells = braid.result_values(result, counts, backslash) -%}
                {%- do rows.append('(' ~ cells | join(', ') ~ ')') -%}
            {%- endfor -%}
            {%- set book = source('dbt', 'dbt_results') -%}
            {%- for some in rows | batch(300) -%}
                {%- call statement('kept_results', auto_begin=false) -%}
                    insert into {{ book }} (
                        invocation_id, invoked_at, command, target, is_full_refresh, is_whole,
                        node_id, node_name, kind, materialization, schema_name, tested_node,
                        severity, owner, domain, status, started_at, query_id,
                        failures, row_count, rows_affected, seconds
                    )
                    select {{ run }}, results.*
                    from (values {{ some | join(',\n') }}) as results
                {%- endcall -%}
            {%- endfor -%}
            {#- Days that are no number forget nothing. -#}
            {%- set days = var('kept_results_days') | int -%}
            {%- if flags.WHICH == 'build' and days > 0 -%}
                {%- set since = run_started_at - modules.datetime.timedelta(days=days) -%}
                {%- call statement('forgotten_results', auto_begin=false) -%}
                    delete from {{ book }} where invoked_at < '{{ since.strftime('%Y-%m-%d %H:%M:%S') }}'
                {%- endcall -%}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- Whether a build has a result for everything in the project: what such a build does not have is no longer in it. Read
    from the results, since what was asked for does not say: `dbt retry` has the arguments of the run before and runs a
    part of it. Unit tests may be left out, as Dagster does. -#}
{% macro is_whole_run(kept) %}
    {%- set found = {} -%}
    {%- for result in kept -%}
        {%- do found.update({result.node.unique_id: true}) -%}
    {%- endfor -%}
    {%- set missing = [] -%}
    {%- for node in graph.nodes.values()
        if node.resource_type in ('model', 'seed', 'snapshot', 'test') and node.unique_id not in found
        and node.config.materialized != 'ephemeral' -%}
        {%- do missing.append(node.unique_id) -%}
    {%- endfor -%}
    {{ return(flags.WHICH == 'build' and not missing) }}
{% endmacro %}

{#- One result as a list of SQL values, in the order of the columns above. A test without an owner of its own has that
    of the node it tests, or of the first node it reads that has one. Texts are made literals here, in one go: a call of a
    macro for each would take most of the hook's time. -#}
{% macro result_values(result, counts, backslash) %}
    {%- set node = result.node -%}
    {%- set is_test = node.resource_type == 'test' -%}
    {%- set meta = node.config.meta -%}
    {%- set found = namespace(tested=none, owner=meta.get('owner'), domain=meta.get('domain'), began=none) -%}
    {%- if is_test -%}
        {%- for name in [node.attached_node] + node.depends_on.nodes if name -%}
            {%- set tested = graph.nodes.get(name) or graph.sources.get(name) -%}
            {%- if tested -%}
                {%- set meta = tested.config.meta -%}
                {%- set found.tested = found.tested or tested.name -%}
                {%- set found.owner = found.owner or meta.get('owner') -%}
                {%- set found.domain = found.domain or meta.get('domain') -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for timing in result.timing if timing.started_at and found.began is none -%}
        {%- set found.began = timing.started_at.strftime('%Y-%m-%d %H:%M:%S.%f') -%}
    {%- endfor -%}
    {%- set cells = [] -%}
    {%- for text in [
        node.unique_id,
        node.name,
        node.resource_type,
        none if is_test else node.config.materialized,
        none if is_test else node.schema,
        found.tested,
        node.config.severity | lower if is_test else none,
        found.owner,
        found.domain,
        result.status,
        found.began,
        result.adapter_response.get('query_id'),
    ] -%}
        {%- do cells.append(
            'null' if text is none
            else "'" ~ text | string | replace("'", "''") | replace('\\', backslash) ~ "'"
        ) -%}
    {%- endfor -%}
    {%- set affected = result.adapter_response.get('rows_affected') -%}
    {%- set count = counts.get(node.unique_id) -%}
    {{ return(cells + [
        'null' if result.failures is none or not is_test else result.failures | int | string,
        'null' if count is none else count | int | string,
        'null' if affected is not number or affected < 0 else affected | int | string,
        '%.3f' | format(result.execution_time),
    ]) }}
{% endmacro %}

{#- node id -> rows of the tables that this run made, in two statements for all of them; both engines answer a plain
    count from what they know of a table, without reading it. -#}
{% macro built_rows(results) %}
    {%- set counts = {} -%}
    {%- set made = [] -%}
    {%- for result in results
        if result.status == 'success' and result.node.resource_type != 'test'
        and result.node.config.materialized not in ('view', 'ephemeral') -%}
        {%- do made.append(result.node) -%}
    {%- endfor -%}
    {%- if made -%}
        {%- set known = run_query(
            "select lower(table_schema) || '.' || lower(table_name) from "
            ~ braid.information_schema(made[0].database) ~ ".tables where lower(table_schema) in ('"
            ~ made | map(attribute='schema') | map('lower') | unique | sort | join("', '") ~ "')"
            ~ braid.in_this_database(made[0].database, 'table_catalog')
        ).columns[0].values() | list -%}
        {%- set asked = [] -%}
        {%- for node in made if (node.schema ~ '.' ~ node.alias) | lower in known -%}
            {%- do asked.append(
                'select ' ~ braid.text_literal(node.unique_id) ~ ' as node_id, count(*) as row_count from '
                ~ api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias)
            ) -%}
        {%- endfor -%}
        {%- if asked -%}
            {%- for row in run_query(asked | join('\nunion all\n')).rows -%}
                {%- do counts.update({row[0]: row[1]}) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(counts) }}
{% endmacro %}

{#- Whether rows can be written at all; a DuckDB file may be opened read-only. Snowflake has no word for what all the
    roles of a session may do together. -#}
{% macro takes_rows(database) %}
    {{ return(adapter.dispatch('takes_rows', 'braid')(database)) }}
{% endmacro %}

{% macro default__takes_rows(database) %}
    {{ return(true) }}
{% endmacro %}

{% macro duckdb__takes_rows(database) %}
    {{ return(not run_query(
        'select coalesce(bool_or(readonly), false) from duckdb_databases() where lower(database_name) = lower('
        ~ braid.text_literal(database) ~ ')'
    ).columns[0].values()[0]) }}
{% endmacro %}
