{#- Materialisation: the connected components of the graph a model selects, kept from run to run.

    The model selects `node_a, node_b`: an edge a row, in any direction, repeats allowed; a node without edges is a row
    with a null `node_b`. The table has a row per node: the node, its component's name, which is the smallest node in it,
    and `written_number`, the number of the run that wrote the row. The query is read several times a run, so it should
    only read tables.

        config(
            materialized='connected_components',
            meta={'node_column': 'record_key', 'component_column': 'cluster_key'}
        )

    Neither warehouse needs a scripting language: the loop is Jinja, each step one CREATE TABLE AS over numbers, which
    are hashes of the nodes' names (see component_labels). Two names of one number (three chances in a million
    among ten million names) are noticed, and all of it is done again with other numbers, from nothing each time.
    Two cases are not: the second name has no row of its own in a model that gives every other node one, or it comes
    in a later run without an edge to any other number. Then a node is missing from the table, which
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
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set number = braid.next_run_number(target_relation, config.get('meta').get('noted')) -%}
    {%- set columns = [config.meta_require('node_column'), config.meta_require('component_column')] -%}
    {%- set made = [] -%}
    {%- set state = namespace(kept=braid.components_are_kept(existing, columns), changed=none) -%}
    {%- set told = {'number': 0, 'nodes': none} -%}
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
        {%- set state.changed = braid.changed_pairs(made, target_relation, sql, told['nodes']) -%}
        {%- set state.kept = state.changed is not none -%}
    {%- endif -%}
    {%- if state.kept -%}
        {%- set state.kept = braid.components_of_changes(
            made, target_relation, sql, columns, state.changed, number,
            'select node from ' ~ (braid.scratch(target_relation, 'listed') if told['nodes'] is not none
                else '(' ~ braid.listed_nodes(sql) ~ ') as listed')
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
    {{ return(braid.lower_columns(existing) == columns | map('lower') | list + ['written_number']) }}
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

{#- Query: each of the `labelled` nodes with its component's name, named as `columns`. A node without edges is its own. -#}
{% macro named_components(labelled, columns) -%}
    with smallest as (
        select label, min(node) as component from {{ labelled }} where label is not null group by label
    )
    select
        labelled.node as {{ columns[0] }},
        coalesce(smallest.component, labelled.node) as {{ columns[1] }}
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
        ~ braid.named_components(state.nodes, columns) ~ ') as named)') -%}
    {%- do run_query('create or replace table ' ~ braid.rows_beside(target, 'gone') ~ ' as (select cast(null as '
        ~ dbt.type_string() ~ ') as node, ' ~ written ~ ' as gone_number)') -%}
    {%- if state.salt == 0 -%}
        {%- do run_query('create or replace table ' ~ book ~ ' as (select low, high from ' ~ state.pairs ~ ')') -%}
    {%- endif -%}
{% endmacro %}

{#- Numbers and names of `ends` (a subquery of numbers) in the model's rows, with repeats, as a temporary table: from the
    rows that list nodes (`listed`, a query of names), and from all rows only when those and the `touched` nodes do not
    name every end. -#}
{% macro arrived_nodes(made, target, sql, ends, touched, listed) %}
    {%- set numbered = 'select id, node from (select ' ~ braid.node_number('node') ~ ' as id, node from (' -%}
    {%- set among = ') as every_node) as numbered where id in ' ~ ends -%}
    {%- set arrived = braid.make_scratch(made, target, 'arrived',
        numbered ~ listed ~ among
    ) -%}
    {%- set unnamed = braid.first_value('select count(*) from ' ~ ends ~ ' as ends where low not in ('
        ~ 'select id from ' ~ arrived ~ ' union all select id from ' ~ touched ~ ')') -%}
    {%- if unnamed > 0 -%}
        {%- do braid.create_scratch(arrived, numbered ~ braid.every_node(sql) ~ among) -%}
    {%- endif -%}
    {{ return(arrived) }}
{% endmacro %}

{#- Brings `target` and its book up to date with the `changed` pairs. False, and nothing is written, when a new node's
    number is taken.

    A component that only gained edges is one node of the graph that is looked at, by its name's number: a record that
    joins a giant costs as much as one that joins a pair. A component that lost an edge is looked at node by node. -#}
{% macro components_of_changes(made, target, sql, columns, changed, number, listed) %}
    {%- set book = braid.rows_beside(target, 'edges') -%}
    {%- if braid.row_count(changed) == 0 -%}
        {{ return(true) }}
    {%- endif -%}
    {%- set ends = '(select low from ' ~ changed ~ ' union select high from ' ~ changed ~ ')' -%}
    {%- set new_ends = ends | replace(changed, changed ~ ' where is_new') -%}
    {%- set gone_ends = ends | replace(changed, changed ~ ' where not is_new') -%}
    {%- set known = 'select ' ~ braid.node_number(columns[0]) ~ ' as id, ' ~ columns[0] ~ ' as node, '
        ~ columns[1] ~ ' as component from ' ~ target -%}
    {%- set touched = braid.make_scratch(made, target, 'touched',
        known ~ ' where ' ~ braid.node_number(columns[0]) ~ ' in ' ~ ends
    ) -%}
    {%- set torn = braid.make_scratch(made, target, 'torn', known ~ ' where ' ~ columns[1]
        ~ ' in (select component from ' ~ touched ~ ' where id in ' ~ gone_ends ~ ')'
    ) -%}
    {%- set whole = braid.make_scratch(made, target, 'whole',
        'select id, ' ~ braid.node_number('component') ~ ' as whole_id, component from ' ~ touched
        ~ ' where component not in (select component from ' ~ torn ~ ')'
    ) -%}
    {%- set arrived = braid.arrived_nodes(made, target, sql, new_ends, touched, listed) -%}
    {%- set named = braid.numbered_nodes(made, target, 'select id, node from ' ~ touched
        ~ ' union all select id, node from ' ~ torn ~ ' union all select id, node from ' ~ arrived
    ) -%}
    {%- if named is none -%}
        {{ return(false) }}
    {%- endif -%}
    {#- Old edges of torn components, without those that went, and the new ones. -#}
    {%- set pairs = braid.make_scratch(made, target, 'pairs',
        'select book.low, book.high from ' ~ book ~ ' as book'
        ~ ' inner join ' ~ torn ~ ' as torn on book.low = torn.id'
        ~ ' left join ' ~ changed ~ ' as changed on book.low = changed.low and book.high = changed.high'
        ~ ' where changed.low is null union all'
        ~ ' select least(a, b), greatest(a, b) from ('
        ~ ' select coalesce(whole_a.whole_id, changed.low) as a, coalesce(whole_b.whole_id, changed.high) as b'
        ~ ' from ' ~ changed ~ ' as changed'
        ~ ' left join ' ~ whole ~ ' as whole_a on changed.low = whole_a.id'
        ~ ' left join ' ~ whole ~ ' as whole_b on changed.high = whole_b.id'
        ~ ' where changed.is_new) as new_pairs'
    ) -%}
    {%- set present = braid.make_scratch(made, target, 'present',
        'select id, node from ' ~ named
        ~ ' where id in (select low from ' ~ pairs ~ ' union select high from ' ~ pairs ~ ')'
        ~ ' and id not in (select id from ' ~ whole ~ ')'
        ~ ' union all select distinct whole_id, component from ' ~ whole
    ) -%}
    {%- set labels = braid.component_labels(made, target, pairs) -%}
    {%- set labelled = braid.labelled_nodes(made, target, present, labels) -%}
    {%- set result = braid.make_scratch(made, target, 'result', braid.named_components(labelled, columns)) -%}
    {#- Only then all rows are read: most components that grow keep their name. -#}
    {%- set new_names = braid.make_scratch(made, target, 'new_names',
        'select distinct result.' ~ columns[0] ~ ' as component, result.' ~ columns[1] ~ ' from ' ~ result ~ ' as result'
        ~ ' inner join ' ~ whole ~ ' as wholes on result.' ~ columns[0] ~ ' = wholes.component'
        ~ ' where result.' ~ columns[0] ~ ' <> result.' ~ columns[1]
    ) -%}
    {%- set renamed = braid.make_scratch(made, target, 'renamed',
        'select known.' ~ columns[0] ~ ', named.' ~ columns[1] ~ ' from ' ~ target ~ ' as known'
        ~ ' inner join ' ~ new_names ~ ' as named on known.' ~ columns[1] ~ ' = named.component'
    ) -%}
    {#- Rows are deleted and written anew, not updated: a column store would write all of the column again. -#}
    {%- set statements = [] -%}
    {%- if braid.row_count(torn) + braid.row_count(renamed) > 0 -%}
        {%- do statements.append('delete from ' ~ target ~ ' where ' ~ columns[0] ~ ' in (select node from ' ~ torn
            ~ ' union all select ' ~ columns[0] ~ ' from ' ~ renamed ~ ')') -%}
        {%- do statements.append('insert into ' ~ braid.rows_beside(target, 'gone') ~ ' (node, gone_number) select node, '
            ~ number ~ ' from ' ~ torn ~ ' where node not in (select ' ~ columns[0] ~ ' from ' ~ result ~ ')') -%}
    {%- endif -%}
    {%- do statements.append('insert into ' ~ target ~ ' (' ~ columns | join(', ') ~ ', written_number) select '
        ~ columns | join(', ') ~ ', ' ~ number ~ ' from (select ' ~ columns | join(', ') ~ ' from ' ~ result
        ~ ' where ' ~ columns[0] ~ ' not in (select component from ' ~ whole ~ ')'
        ~ ' union all select ' ~ columns | join(', ') ~ ' from ' ~ renamed ~ ') as written') -%}
    {%- if braid.row_count(changed ~ ' where not is_new') > 0 -%}
        {%- do statements.append('delete from ' ~ book ~ ' using ' ~ changed ~ ' as changed where not changed.is_new and '
            ~ book.identifier ~ '.low = changed.low and ' ~ book.identifier ~ '.high = changed.high') -%}
    {%- endif -%}
    {%- do statements.append('insert into ' ~ book ~ ' (low, high) select low, high from ' ~ changed ~ ' where is_new') -%}
    {%- do braid.in_one_transaction(statements) -%}
    {{ return(true) }}
{% endmacro %}

{% macro row_count(relation) %}
    {{ return(braid.first_value('select count(*) from ' ~ relation)) }}
{% endmacro %}

{% macro first_value(query) %}
    {{ return(run_query(query).rows[0][0] | int) }}
{% endmacro %}
