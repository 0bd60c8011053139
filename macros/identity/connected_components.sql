{#- Materialisation: the connected components of the graph a model selects, kept from run to run.

    The model selects `node_a, node_b`: an edge a row, in any direction, repeats allowed; a node without edges is a row
    with a null `node_b`. The table has a row per node: the node, its component's name, which is the smallest node in it,
    the hashes of both names, `node_number` and `component_number`, which are quicker to look up than names, and
    `written_number`, the number of the run that wrote the row. The query is read several times a run, so it should
    only read tables.

        config(
            materialized='connected_components',
            meta={'node_column': 'record_key', 'component_column': 'cluster_key'}
        )

    Neither warehouse needs a scripting language: the loop is Jinja, each step one CREATE TABLE AS over numbers, which
    are hashes of the nodes' names (see component_labels). Two names of one number (three chances in a million
    among ten million names) are noticed, and all of it is done again with other numbers, from nothing each time.
    Two cases are not: the second name has no row of its own in a model that gives every other node one, or it comes
    in a later run without an edge to any other number, of a model without `changes`. Then a node is missing from the table, which
    assert_every_record_has_one_customer tells; a row for each node and a full refresh put it right.

    Whoever goes by what changed reads the numbers: a component that is another than it was after run n has a row with a
    number above n, and `<model>__gone` has the nodes that went since, with the number of the run that took them away. A
    row without a node tells that all was made from nothing then; what went before is not known any more.

    Beside the table `<model>__edges` keeps the edges it was made from. The next run compares (components_changes), and works on the
    components that a new or a gone edge touches; all others stay as they are. The result is the same as from nothing,
    which is what happens when there is no book of edges (a full refresh, a run that was killed between the two
    tables), or when more than a quarter of the edges differ.

    A model that has the numbers of its nodes at hand (as node_number gives them) says `meta: {numbered: true}` and selects
    them as well, `number_a, number_b`: then most steps need not read the names. -#}
{% materialization connected_components, default %}
    {%- do braid.tag_queries() -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set number = braid.next_run_number(target_relation, config.get('meta').get('noted')) -%}
    {%- set columns = [config.meta_require('node_column'), config.meta_require('component_column')] -%}
    {%- set made = [] -%}
    {%- set state = namespace(kept=braid.components_are_kept(existing, columns), changed=none) -%}
    {%- set told = {'number': 0, 'nodes': none, 'likely': none} -%}
    {%- set changes = config.get('meta').get('changes') -%}
    {%- if changes -%}
        {%- do told.update(context[changes](braid.seen_number(target_relation, braid.sql_version(sql)))) -%}
        {%- do run_query('drop table if exists ' ~ braid.rows_beside(target_relation, 'seen')) -%}
    {%- endif -%}

    {{ run_hooks(pre_hooks) }}

    {%- if existing is not none and not existing.is_table -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- if state.kept -%}
        {%- set state.changed = braid.changed_pairs(made, target_relation, sql, told['nodes'], told['likely']) -%}
        {%- set state.kept = state.changed is not none -%}
    {%- endif -%}
    {%- if state.kept -%}
        {%- set state.kept = braid.components_of_changes(
            made, target_relation, sql, columns, state.changed, number,
            'select id, node from ' ~ braid.scratch(target_relation, 'listed') if told['nodes'] is not none
                else braid.listed_nodes(sql)
        ) -%}
    {%- endif -%}
    {%- if not state.kept -%}
        {%- do braid.components_from_nothing(made, target_relation, sql, columns, number) -%}
    {%- endif -%}
    {%- if changes -%}
        {%- do braid.note_seen(target_relation, told['number'], braid.sql_version(sql)) -%}
    {%- endif -%}
    {%- do braid.drop_scratch(made) -%}
    {#- dbt wants one statement of the name main: it tells how many nodes there are. -#}
    {%- call statement('main', fetch_result=true) -%}
        select count(*) from {{ target_relation }}
    {%- endcall -%}

    {{ run_hooks(post_hooks) }}
    {% do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- Whether the former result can be gone on from: it is there, with these columns, and so is all that stands beside. -#}
{% macro components_are_kept(existing, columns) %}
    {%- if existing is none or not existing.is_table or should_full_refresh() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- for beside in (braid.rows_beside(existing, 'edges'), braid.rows_beside(existing, 'gone')) -%}
        {%- if adapter.get_relation(beside.database, beside.schema, beside.identifier) is none -%}
            {{ return(false) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(braid.lower_columns(existing) == columns | map('lower') | list
        + ['node_number', 'component_number', 'written_number']) }}
{% endmacro %}

{#- Whether the model gives the numbers that this salt asks for. -#}
{% macro are_numbered(salt=0) %}
    {{ return(salt == 0 and config.get('meta').get('numbered', false)) }}
{% endmacro %}

{#- The model's rows as `(low, high)` of node numbers; a node by itself is a pair of twice the same. -#}
{% macro numbered_pairs(sql, salt=0) -%}
    select least(a, b) as low, greatest(a, b) as high
    from (
        select
            {%- if braid.are_numbered(salt) %}
            coalesce(number_a, number_b) as a,
            coalesce(number_b, number_a) as b
            {%- else %}
            {{ braid.node_number('coalesce(node_a, node_b)', salt) }} as a,
            {{ braid.node_number('coalesce(node_b, node_a)', salt) }} as b
            {%- endif %}
        from ({{ sql }}) as edges
        where coalesce({{ 'number_a, number_b' if braid.are_numbered(salt) else 'node_a, node_b' }}) is not null
    ) as numbered
{%- endmacro %}

{#- The model's rows with two ends, as `(a, b)` of node numbers. -#}
{% macro numbered_edges(sql) -%}
    {%- if braid.are_numbered() -%}
        select number_a as a, number_b as b from ({{ sql }}) as edges where number_a is not null and number_b is not null
    {%- else -%}
        select {{ braid.node_number('node_a') }} as a, {{ braid.node_number('node_b') }} as b
        from ({{ sql }}) as edges where node_a is not null and node_b is not null
    {%- endif -%}
{%- endmacro %}

{#- The names in the model's rows, with repeats. -#}
{% macro every_node(sql) -%}
    select node_a as node from ({{ sql }}) as edges where node_a is not null
    union all
    select node_b from ({{ sql }}) as edges where node_b is not null
{%- endmacro %}

{#- Names by number out of `names`, a query of `(id, node)` with repeats, as a temporary table; none when two names
    have one number. -#}
{% macro numbered_nodes(made, target, names) %}
    {%- set nodes = braid.make_scratch(made, target, 'nodes',
        'select id, min(node) as node, max(node) as other from (' ~ names ~ ') as names group by id'
    ) -%}
    {%- set clashes = braid.first_value('select count(*) from ' ~ nodes ~ ' where node <> other') -%}
    {{ return(nodes if clashes == 0 else none) }}
{% endmacro %}

{#- The same out of the model's rows. Comparing names is dear, and a model that has one row without a second end for
    every node (the candidate clusters do) is spared it: as many numbers as rows means that no name repeats and none
    clashes, and every one of the `labels` has to find its node. -#}
{% macro every_numbered_node(made, target, sql, salt, labels) %}
    {%- set nodes = braid.make_scratch(made, target, 'nodes',
        'select listed.id, listed.node, labels.label from (' ~ braid.listed_nodes(sql, salt) ~ ') as listed'
        ~ ' left join ' ~ labels ~ ' as labels on listed.id = labels.node'
    ) -%}
    {%- set rows = braid.row_count(nodes) -%}
    {%- set numbers = braid.first_value('select count(distinct id) from ' ~ nodes) -%}
    {%- set found = braid.first_value('select count(label) from ' ~ nodes) -%}
    {%- if numbers == rows and found == braid.row_count(labels) -%}
        {{ return(nodes) }}
    {%- endif -%}
    {%- set nodes = braid.numbered_nodes(made, target,
        'select ' ~ braid.node_number('node', salt) ~ ' as id, node from (' ~ braid.every_node(sql) ~ ') as every_node'
    ) -%}
    {{ return(none if nodes is none else braid.labelled_nodes(made, target, nodes, labels)) }}
{% endmacro %}

{#- Temporary table: `nodes` with the label of their component; null for a node without edges. -#}
{% macro labelled_nodes(made, target, nodes, labels) %}
    {{ return(braid.make_scratch(made, target, 'labelled',
        'select nodes.id, nodes.node, labels.label from ' ~ nodes ~ ' as nodes'
        ~ ' left join ' ~ labels ~ ' as labels on nodes.id = labels.node'
    )) }}
{% endmacro %}

{#- Query: each of the `labelled` nodes with its component's name, named as `columns`, and the numbers of both. A node
    without edges is its own. -#}
{% macro named_components(labelled, columns, salt=0) -%}
    {%- set own_number = 'labelled.id' if salt == 0 else braid.node_number('labelled.node') -%}
    with smallest as (
        select label, component, {{ braid.node_number('component') }} as component_number
        from (
            select label, min(node) as component from {{ labelled }} where label is not null group by label
        ) as components
    )
    select
        labelled.node as {{ columns[0] }},
        coalesce(smallest.component, labelled.node) as {{ columns[1] }},
        {{ own_number }} as node_number,
        coalesce(smallest.component_number, {{ own_number }}) as component_number
    from {{ labelled }} as labelled
    left join smallest on labelled.label = smallest.label
{%- endmacro %}

{% macro components_from_nothing(made, target, sql, columns, number) %}
    {%- set book = braid.rows_beside(target, 'edges') -%}
    {%- set state = namespace(nodes=none, pairs=none, labels=none, salt=0) -%}
    {%- for salt in range(8) -%}
        {%- if state.nodes is none -%}
            {%- set state.salt = salt -%}
            {%- set state.pairs = braid.make_scratch(made, target, 'pairs',
                braid.numbered_pairs(sql, salt)
            ) -%}
            {%- set state.labels = braid.component_labels(made, target, state.pairs) -%}
            {%- set state.nodes = braid.every_numbered_node(made, target, sql, salt, state.labels) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if state.nodes is none -%}
        {{ exceptions.raise_compiler_error(target ~ ": two nodes have the same number, whatever the salt.") }}
    {%- endif -%}
    {#- The book goes first and comes last: whatever happens between, no book stands beside another result. -#}
    {%- do run_query('drop table if exists ' ~ book) -%}
    {%- set written = 'cast(' ~ number ~ ' as ' ~ dbt.type_bigint() ~ ')' -%}
    {%- do run_query('create or replace table ' ~ target ~ ' as (select named.*, ' ~ written ~ ' as written_number from ('
        ~ braid.named_components(state.nodes, columns, state.salt) ~ ') as named)') -%}
    {%- do run_query('create or replace table ' ~ braid.rows_beside(target, 'gone') ~ ' as (select cast(null as '
        ~ dbt.type_string() ~ ') as node, ' ~ written ~ ' as gone_number)') -%}
    {%- if state.salt == 0 -%}
        {%- do run_query('create or replace table ' ~ book ~ ' as (select low, high from ' ~ state.pairs ~ ')') -%}
    {%- endif -%}
{% endmacro %}

{% macro row_count(relation) %}
    {{ return(braid.first_value('select count(*) from ' ~ relation)) }}
{% endmacro %}

{% macro first_value(query) %}
    {{ return(run_query(query).rows[0][0] | int) }}
{% endmacro %}
