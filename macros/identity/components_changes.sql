{#- Which edges came or went since a connected_components model ran last.

    To compare all edges takes time, so a model may name in its config a macro that knows better:
    `meta: {changes: changed_link_ends}`. It is called with the number it gave the last time (none the first time), and
    returns `{'number': number of today, 'nodes': query of names}`: edges of other nodes are as they were. `nodes` is none
    when it cannot tell. Nodes that the model lists for themselves are looked after here, part by part, as kept_by_part
    does. -#}

{#- Pairs that came (`is_new`) or went, as a temporary table; none when they are more than a quarter of the book, which
    another version of the warehouse's hash makes all of them. -#}
{% macro changed_pairs(made, target, sql, nodes) %}
    {%- set book = braid.rows_beside(target, 'edges') -%}
    {%- set known = book | string -%}
    {%- set now = braid.numbered_pairs(sql) -%}
    {%- if nodes is not none -%}
        {%- set looked_at = braid.looked_at_nodes(made, target, sql, nodes) -%}
        {%- set among = ' in (select id from ' ~ looked_at ~ ')' -%}
        {%- set their_edges = '(low' ~ among ~ ' or high' ~ among ~ ')' -%}
        {#- Nodes by themselves are listed already: those of parts that changed. -#}
        {%- set alone = ' union all select id, id from ' -%}
        {%- set edges = 'select * from (' ~ sql ~ ') as every_row where node_a is not null and node_b is not null' -%}
        {%- set now = 'select low, high from (' ~ braid.numbered_pairs(edges) ~ ') as pairs where ' ~ their_edges
            ~ alone ~ braid.scratch(target, 'listed') ~ ' where id' ~ among -%}
        {%- set known = braid.make_scratch(made, target, 'known',
            'select low, high from ' ~ book ~ ' where low <> high and ' ~ their_edges
            ~ alone ~ braid.scratch(target, 'kept') ~ ' where id' ~ among
        ) -%}
    {%- endif -%}
    {%- set now = braid.make_scratch(made, target, 'now', now) -%}
    {%- set changed = braid.make_scratch(made, target, 'changed',
        'select distinct low, high, true as is_new from ' ~ now ~ ' as now where not exists ('
        ~ ' select 1 from ' ~ known ~ ' as book where book.low = now.low and book.high = now.high'
        ~ ') union all select low, high, false from ' ~ known ~ ' as book where not exists ('
        ~ ' select 1 from ' ~ now ~ ' as now where book.low = now.low and book.high = now.high)'
    ) -%}
    {{ return(changed if 4 * braid.row_count(changed) <= braid.row_count(book) else none) }}
{% endmacro %}

{#- Numbers of `nodes` (a query of names), and of those that came or went as nodes. -#}
{% macro looked_at_nodes(made, target, sql, nodes) %}
    {%- set parts = braid.rows_beside(target, 'parts') -%}
    {%- set now = braid.make_scratch(made, target, 'now_parts', braid.node_parts(sql)) -%}
    {%- set changed = braid.make_scratch(made, target, 'changed_parts',
        'select coalesce(now.part_number, parts.part_number) as part_number from ' ~ now ~ ' as now'
        ~ ' full outer join ' ~ parts ~ ' as parts on now.part_number = parts.part_number'
        ~ ' where now.digest is null or parts.digest is null or now.digest <> parts.digest'
    ) -%}
    {%- set in_parts = ' where ' ~ braid.node_part('id') ~ ' in (select part_number from ' ~ changed ~ ')' -%}
    {%- set listed = braid.make_scratch(made, target, 'listed', 'select id, node from (' ~ braid.listed_nodes(sql)
        ~ ') as nodes' ~ in_parts) -%}
    {%- set kept = braid.make_scratch(made, target, 'kept', 'select low as id from (select low, low as id from '
        ~ braid.rows_beside(target, 'edges') ~ ' where low = high) as nodes' ~ in_parts) -%}
    {{ return(braid.make_scratch(made, target, 'looked_at',
        'select ' ~ braid.node_number('node') ~ ' as id from (' ~ nodes ~ ') as nodes where node is not null'
        ~ ' union select id from ' ~ listed ~ ' where id not in (select id from ' ~ kept ~ ')'
        ~ ' union select id from ' ~ kept ~ ' where id not in (select id from ' ~ listed ~ ')'
    )) }}
{% endmacro %}

{#- Numbers and names of the nodes that the model lists for themselves. -#}
{% macro listed_nodes(sql) -%}
    select {{ braid.node_number('node_a') }} as id, node_a as node from ({{ sql }}) as edges where node_a is not null and node_b is null
{%- endmacro %}

{#- Their sum in each part. -#}
{% macro node_parts(sql) -%}
    select {{ braid.node_part('id') }} as part_number, sum(id) as digest
    from ({{ braid.listed_nodes(sql) }}) as nodes
    group by {{ braid.node_part('id') }}
{%- endmacro %}

{#- Fewer than kept_by_part has: that some are looked at in vain costs next to nothing here. -#}
{% macro node_part(id) -%}
    cast(mod({{ id }}, 524288) as {{ dbt.type_int() }})
{%- endmacro %}

{#- Number that the model's `changes` macro gave the last time; none when it was not asked yet, when what else was
    noted then is missing, or when the edges were selected by other SQL (`version`). -#}
{% macro seen_number(target, version) %}
    {%- set seen = braid.rows_beside(target, 'seen') -%}
    {%- for beside, columns in (
        (seen, ['seen_number', 'seen_version']), (braid.rows_beside(target, 'parts'), ['part_number', 'digest'])
    ) -%}
        {%- set there = adapter.get_relation(beside.database, beside.schema, beside.identifier) -%}
        {%- if there is none or braid.lower_columns(there) != columns -%}
            {{ return(none) }}
        {%- endif -%}
    {%- endfor -%}
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
{% macro note_seen(made, target, sql, number, version) %}
    {%- set seen, parts = braid.rows_beside(target, 'seen'), braid.rows_beside(target, 'parts') -%}
    {%- set noted = braid.scratch(target, 'now_parts') -%}
    {%- if noted not in made -%}
        {%- do braid.make_scratch(made, target, 'now_parts', braid.node_parts(sql)) -%}
    {%- endif -%}
    {%- do run_query('create or replace table ' ~ parts ~ ' as (select part_number, digest from ' ~ noted ~ ')') -%}
    {%- do run_query('create or replace table ' ~ seen ~ ' as (select ' ~ number
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
