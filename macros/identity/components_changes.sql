{#- Which edges came or went since a connected_components model ran last, and what that makes of the components.

    To compare all edges takes time, so a model may name in its config a macro that knows better:
    `meta: {changes: changed_link_ends}`. It is called with the number it gave the last time (none the first time), and
    returns `{'number': number of today, 'nodes': query of names}`: edges of other nodes are as they were. `nodes` is none
    when it cannot tell. Nodes that the model lists for themselves are looked after here. -#}

{#- Pairs that came (`is_new`) or went, as a temporary table; none when they are more than a quarter of the book, which
    another version of the warehouse's hash makes all of them. -#}
{% macro changed_pairs(made, target, sql, nodes) %}
    {%- set book = braid.rows_beside(target, 'edges') -%}
    {%- set known = book | string -%}
    {%- set now = braid.numbered_pairs(sql) -%}
    {%- if nodes is not none -%}
        {%- do braid.listed_changes(made, target, sql) -%}
        {%- set looked_at = braid.make_scratch(made, target, 'looked_at',
            'select ' ~ braid.node_number('node') ~ ' as id from (' ~ nodes ~ ') as nodes where node is not null'
            ~ ' union select id from ' ~ braid.scratch(target, 'differ')
        ) -%}
        {%- set among = ' in (select id from ' ~ looked_at ~ ')' -%}
        {%- set edges = 'select * from (' ~ sql ~ ') as every_row where ' ~ (
            'number_a is not null and number_b is not null' if braid.are_numbered()
            else 'node_a is not null and node_b is not null') -%}
        {%- set now = 'select low, high from (' ~ braid.numbered_pairs(edges) ~ ') as pairs where low' ~ among
            ~ ' or high' ~ among -%}
        {%- set known = braid.make_scratch(made, target, 'known',
            'select low, high from ' ~ book ~ ' where low' ~ among ~ ' or high' ~ among
        ) -%}
    {%- endif -%}
    {%- set now = braid.make_scratch(made, target, 'now', now) -%}
    {%- set came = 'select low, high, true as is_new from ' ~ now ~ ' as now where not exists ('
        ~ ' select 1 from ' ~ known ~ ' as book where book.low = now.low and book.high = now.high)' -%}
    {%- set went = 'select low, high, false from ' ~ known ~ ' as book where not exists ('
        ~ ' select 1 from ' ~ now ~ ' as now where now.low = book.low and now.high = book.high)' -%}
    {%- if nodes is not none -%}
        {#- An edge from a node to itself makes a node of it as well. -#}
        {%- set differ = braid.scratch(target, 'differ') -%}
        {%- set came = came ~ ' union all select id, id, true from ' ~ differ ~ ' as listed where is_new' -%}
        {%- set went = went ~ ' and low <> high union all select id, id, false from ' ~ differ ~ ' as listed'
            ~ ' where not is_new and not exists ('
            ~ ' select 1 from ' ~ now ~ ' as now where now.low = listed.id and now.high = listed.id)' -%}
    {%- endif -%}
    {%- set changed = braid.make_scratch(made, target, 'changed',
        'select distinct low, high, is_new from (' ~ came ~ ' union all ' ~ went ~ ') as pairs') -%}
    {{ return(changed if 4 * braid.row_count(changed) <= braid.row_count(book) else none) }}
{% endmacro %}

{#- Numbers of listed nodes that came (`is_new`) or went, and the names of those that came, as the temporary tables
    `differ` and `listed`. -#}
{% macro listed_changes(made, target, sql) %}
    {%- set differ = braid.make_scratch(made, target, 'differ',
        'select coalesce(now.id, book.low) as id, book.low is null as is_new'
        ~ ' from (select id from (' ~ braid.listed_nodes(sql) ~ ') as nodes) as now'
        ~ ' full outer join (select low from ' ~ braid.rows_beside(target, 'edges') ~ ' where low = high) as book'
        ~ ' on now.id = book.low where now.id is null or book.low is null'
    ) -%}
    {%- do braid.make_scratch(made, target, 'listed', 'select id, node from (' ~ braid.listed_nodes(sql)
        ~ ') as nodes where id in (select id from ' ~ differ ~ ' where is_new)') -%}
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
        'select distinct result.' ~ columns[0] ~ ' as old_name, result.' ~ columns[1] ~ ' as new_name'
        ~ ' from ' ~ result ~ ' as result inner join ' ~ whole ~ ' as wholes'
        ~ ' on result.' ~ columns[0] ~ ' = wholes.component'
        ~ ' where result.' ~ columns[0] ~ ' <> result.' ~ columns[1]
    ) -%}
    {%- set renamed = braid.make_scratch(made, target, 'renamed',
        'select known.' ~ columns[0] ~ ', named.new_name as ' ~ columns[1] ~ ' from ' ~ target ~ ' as known'
        ~ ' inner join ' ~ new_names ~ ' as named on known.' ~ columns[1] ~ ' = named.old_name'
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
        {{ return({'number': last, 'nodes': none}) }}
    {%- endif -%}
    {%- set queries = [] -%}
    {%- for key in ('record_key_a', 'record_key_b') -%}
        {%- do queries.append('select ' ~ key ~ ' as node from ' ~ links ~ ' where written_number > ' ~ since) -%}
        {%- do queries.append('select ' ~ key ~ ' from ' ~ gone ~ ' where gone_number > ' ~ since) -%}
        {%- do queries.append('select ' ~ key ~ ' from ' ~ ref('int_identity__decisions')) -%}
    {%- endfor -%}
    {{ return({'number': last, 'nodes': queries | join(' union ')}) }}
{% endmacro %}
