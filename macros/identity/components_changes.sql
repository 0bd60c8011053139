{#- Which edges came or went since a connected_components model ran last.

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
