{#- Which edges came or went since a connected_components model ran last, and what that makes of the components.

    To compare all edges takes time, so a model may name in its config a macro that knows better:
    `meta: {changes: changed_link_ends}`. It is called with the number it gave the last time (none the first time), and
    returns `{'number': number of today, 'nodes': query of numbers, id}`: edges of other nodes are as they were. `nodes` is
    none when it cannot tell. Nodes that the model lists for themselves, each once, are looked after here; `likely` is a
    query of the numbers of those that are likely to be new or gone, or none. -#}

{#- Pairs that came (`is_new`) or went, as a temporary table; none when they are more than a quarter of the book, which
    another version of the warehouse's hash makes all of them, and when a number is listed twice. -#}
{% macro changed_pairs(made, target, sql, nodes, likely) %}
    {%- set book = braid.rows_beside(target, 'edges') -%}
    {%- set known = book | string -%}
    {%- set now = braid.numbered_pairs(sql) -%}
    {%- if nodes is not none -%}
        {%- set listed = braid.listed_changes(made, target, sql, likely) -%}
        {%- if not listed['is_even'] -%}
            {{ return(none) }}
        {%- endif -%}
        {%- set looked_at = braid.make_scratch(made, target, 'looked_at',
            nodes ~ ' union select id from ' ~ listed['rows']
        ) -%}
        {%- set now = braid.pairs_at(braid.numbered_edges(sql), looked_at) -%}
        {%- set known = braid.make_scratch(made, target, 'known',
            braid.pairs_at('select low as a, high as b from ' ~ book, looked_at)
        ) -%}
    {%- endif -%}
    {%- set now = braid.make_scratch(made, target, 'now', now) -%}
    {%- set came = 'select low, high, true as is_new from ' ~ now ~ ' as now where not exists ('
        ~ ' select 1 from ' ~ known ~ ' as book where book.low = now.low and book.high = now.high)' -%}
    {%- set went = 'select low, high, false from ' ~ known ~ ' as book where not exists ('
        ~ ' select 1 from ' ~ now ~ ' as now where now.low = book.low and now.high = book.high)' -%}
    {%- if nodes is not none -%}
        {#- An edge from a node to itself makes a node of it as well. -#}
        {%- set came = came ~ ' union all select id, id, true from ' ~ listed['rows'] ~ ' as listed where is_new' -%}
        {%- set went = went ~ ' and low <> high union all select id, id, false from ' ~ listed['rows'] ~ ' as listed'
            ~ ' where not is_new and not exists ('
            ~ ' select 1 from ' ~ now ~ ' as now where now.low = listed.id and now.high = listed.id)' -%}
    {%- endif -%}
    {%- set changed = braid.make_scratch(made, target, 'changed',
        'select distinct low, high, is_new from (' ~ came ~ ' union all ' ~ went ~ ') as pairs') -%}
    {{ return(changed if 4 * braid.row_count(changed) <= braid.row_count(book) else none) }}
{% endmacro %}

{#- Of edges (a query of `a, b`, numbers) those that have an end among the nodes `at`, as pairs, some twice. One end at a
    time, and before they are put in order: a condition on either, or on the lower one, reads far more. -#}
{% macro pairs_at(edges, at) -%}
    select least(a, b) as low, greatest(a, b) as high
    from (
        select a, b from ({{ edges }}) as edges where a in (select id from {{ at }})
        union all
        select a, b from ({{ edges }}) as edges where b in (select id from {{ at }})
    ) as found
{%- endmacro %}

{#- Numbers of listed nodes that came or went, as braid.differing gives them, and the names of those that came, as the
    temporary table `listed`. -#}
{% macro listed_changes(made, target, sql, likely) %}
    {%- set differ = braid.differing(made, target, 'select id from (' ~ braid.listed_nodes(sql) ~ ') as nodes',
        'select node_number as id from ' ~ target, 'id', 'id', 'id', likely) -%}
    {%- do braid.make_scratch(made, target, 'listed', 'select id, node from (' ~ braid.listed_nodes(sql)
        ~ ') as nodes where id in (select id from ' ~ differ['rows'] ~ ' where is_new)') -%}
    {{ return(differ) }}
{% endmacro %}

{#- Numbers and names of the nodes that the model lists for themselves. -#}
{% macro listed_nodes(sql, salt=0) -%}
    {%- if braid.are_numbered(salt) -%}
        select number_a as id, node_a as node from ({{ sql }}) as edges where number_a is not null and number_b is null
    {%- else -%}
        select {{ braid.node_number('node_a', salt) }} as id, node_a as node from ({{ sql }}) as edges where node_a is not null and node_b is null
    {%- endif -%}
{%- endmacro %}

{#- Numbers and names of `ends` (a subquery of numbers) in the model's rows, with repeats, as a temporary table: from the
    rows that list nodes (`listed`, a query of them), and from all rows only when those and the `touched` nodes do not
    name every end. -#}
{% macro arrived_nodes(made, target, sql, ends, touched, listed) %}
    {%- set arrived = braid.make_scratch(made, target, 'arrived',
        'select id, node from (' ~ listed ~ ') as listed where id in ' ~ ends
    ) -%}
    {%- set unnamed = braid.first_value('select count(*) from ' ~ ends ~ ' as ends where low not in ('
        ~ 'select id from ' ~ arrived ~ ' union all select id from ' ~ touched ~ ')') -%}
    {%- if unnamed > 0 -%}
        {%- do braid.create_scratch(arrived, 'select id, node from (select ' ~ braid.node_number('node')
            ~ ' as id, node from (' ~ braid.every_node(sql) ~ ') as every_node) as numbered where id in ' ~ ends) -%}
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
    {%- set known = 'select node_number as id, component_number as component_id, ' ~ columns[0] ~ ' as node, '
        ~ columns[1] ~ ' as component from ' ~ target -%}
    {%- set touched = braid.make_scratch(made, target, 'touched',
        'select node_number as id, component_number as component_id from ' ~ target ~ ' where node_number in ' ~ ends
    ) -%}
    {%- set torn = braid.make_scratch(made, target, 'torn', known ~ ' where component_number in (select component_id from '
        ~ touched ~ ' where id in ' ~ gone_ends ~ ')'
    ) -%}
    {%- set whole = braid.make_scratch(made, target, 'whole',
        'select id, component_id as whole_id from ' ~ touched
        ~ ' where component_id not in (select component_id from ' ~ torn ~ ')'
    ) -%}
    {#- A component's name is that of a node in it. -#}
    {%- set whole_names = braid.make_scratch(made, target, 'whole_names',
        'select node_number as whole_id, ' ~ columns[0] ~ ' as component from ' ~ target
        ~ ' where node_number in (select whole_id from ' ~ whole ~ ')'
    ) -%}
    {%- set arrived = braid.arrived_nodes(made, target, sql, new_ends, touched, listed) -%}
    {%- set named = braid.numbered_nodes(made, target, 'select node_number as id, ' ~ columns[0] ~ ' as node from ' ~ target
        ~ ' where node_number in (select id from ' ~ arrived ~ ') union all select id, node from ' ~ torn ~ ' union all select id, node from ' ~ arrived
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
        ~ ' union all select whole_id, component from ' ~ whole_names
    ) -%}
    {%- set labels = braid.component_labels(made, target, pairs) -%}
    {%- set labelled = braid.labelled_nodes(made, target, present, labels) -%}
    {%- set result = braid.make_scratch(made, target, 'result', braid.named_components(labelled, columns)) -%}
    {%- set listing = columns | join(', ') ~ ', node_number, component_number' -%}
    {#- Only then all rows are read: most components that grow keep their name. -#}
    {%- set new_names = braid.make_scratch(made, target, 'new_names',
        'select distinct result.node_number as old_id, result.' ~ columns[1] ~ ' as new_name,'
        ~ ' result.component_number as new_id from ' ~ result ~ ' as result inner join ' ~ whole ~ ' as wholes'
        ~ ' on result.node_number = wholes.whole_id where result.node_number <> result.component_number'
    ) -%}
    {%- set renamed = braid.make_scratch(made, target, 'renamed',
        'select known.' ~ columns[0] ~ ', named.new_name as ' ~ columns[1] ~ ', known.node_number,'
        ~ ' named.new_id as component_number from ' ~ target ~ ' as known'
        ~ ' inner join ' ~ new_names ~ ' as named on known.component_number = named.old_id'
    ) -%}
    {#- Rows are deleted and written anew, not updated: a column store would write all of the column again. -#}
    {%- set statements = [] -%}
    {%- if braid.row_count(torn) + braid.row_count(renamed) > 0 -%}
        {%- do statements.append('delete from ' ~ target ~ ' where node_number in (select id from ' ~ torn
            ~ ' union all select node_number from ' ~ renamed ~ ')') -%}
        {%- do statements.append('insert into ' ~ braid.rows_beside(target, 'gone') ~ ' (node, gone_number) select node, '
            ~ number ~ ' from ' ~ torn ~ ' where id not in (select node_number from ' ~ result ~ ')') -%}
    {%- endif -%}
    {%- do statements.append('insert into ' ~ target ~ ' (' ~ listing ~ ', written_number) select ' ~ listing ~ ', ' ~ number
        ~ ' from (select ' ~ listing ~ ' from ' ~ result
        ~ ' where node_number not in (select whole_id from ' ~ whole ~ ')'
        ~ ' union all select ' ~ listing ~ ' from ' ~ renamed ~ ') as written') -%}
    {%- if braid.row_count(changed ~ ' where not is_new') > 0 -%}
        {%- do statements.append('delete from ' ~ book ~ ' using ' ~ changed ~ ' as changed where not changed.is_new and '
            ~ book.identifier ~ '.low = changed.low and ' ~ book.identifier ~ '.high = changed.high') -%}
    {%- endif -%}
    {%- do statements.append('insert into ' ~ book ~ ' (low, high) select low, high from ' ~ changed ~ ' where is_new') -%}
    {%- do braid.in_one_transaction(statements) -%}
    {{ return(true) }}
{% endmacro %}

{#- Number that the model's `changes` macro gave the last time; none when it was not asked yet, or when the edges were
    selected by other SQL (`version`). -#}
{% macro seen_number(target, version) %}
    {%- set seen = braid.rows_beside(target, 'seen') -%}
    {%- set there = adapter.get_relation(seen.database, seen.schema, seen.identifier) -%}
    {%- if there is none or braid.lower_columns(there) != ['seen_number', 'seen_version'] -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set found = run_query("select max(seen_number) from " ~ seen ~ " where seen_version = '" ~ version ~ "'").rows[0][0] -%}
    {{ return(none if found is none else found | int) }}
{% endmacro %}

{#- Another text when the SQL of the model is another, or that of a view it reads, or of one that this one reads: rows
    of a view may be others without a row of a table being written. -#}
{% macro sql_version(sql) %}
    {%- set views, texts = model.depends_on.nodes | list, [sql] -%}
    {%- for view in views -%}
        {%- set node = graph.nodes.get(view) -%}
        {%- if node is not none and node.config.materialized == 'view' -%}
            {%- do texts.append(node.raw_code) -%}
            {%- for parent in node.depends_on.nodes if parent not in views -%}
                {%- do views.append(parent) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(local_md5(texts | join('\n'))) }}
{% endmacro %}

{#- Notes what this run has seen. Comes last, and what the one before saw is forgotten at the beginning: after a run that
    was killed all is compared. -#}
{% macro note_seen(target, number, version) %}
    {%- do run_query('create or replace table ' ~ braid.rows_beside(target, 'seen') ~ ' as (select ' ~ number
        ~ " as seen_number, '" ~ version ~ "' as seen_version)") -%}
{% endmacro %}

{#- `changes` of the candidate clusters: ends of links that came or went, and records that decisions name. A cut goes
    through links of records that it does not name: after the first one all edges are compared. -#}
{% macro changed_link_ends(since) %}
    {%- set links = ref('int_identity__links') -%}
    {%- set gone = braid.rows_beside(links, 'gone') -%}
    {%- set numbers = run_query('select last_number, first_number from '
        ~ braid.run_numbers(links, 'record_key_a') ~ ' as numbers').rows[0] -%}
    {%- set last = numbers[0] | int -%}
    {%- if since is none or braid.has_cuts() or since > last or since < numbers[1] | int -%}
        {{ return({'number': last, 'nodes': none, 'likely': none}) }}
    {%- endif -%}
    {%- set queries = [] -%}
    {%- for key, end in (('record_key_a', 'number_a'), ('record_key_b', 'number_b')) -%}
        {%- do queries.append('select ' ~ end ~ ' as id from ' ~ links ~ ' where written_number > ' ~ since) -%}
        {%- do queries.append('select ' ~ end ~ ' from ' ~ gone ~ ' where gone_number > ' ~ since) -%}
        {%- do queries.append('select ' ~ braid.node_number(key) ~ ' from ' ~ ref('int_identity__decisions')
            ~ ' where ' ~ key ~ ' is not null') -%}
    {%- endfor -%}
    {{ return({'number': last, 'nodes': queries | join(' union '), 'likely': braid.lately_updated()}) }}
{% endmacro %}
