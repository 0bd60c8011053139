{#- Materialisation: the connected components of the graph a model selects.

    The model selects `node_a, node_b`: an edge a row, in any direction, repeats allowed; a node without edges is a row
    with a null `node_b`. The table has a row per node, the node and its component's name: the smallest node in it.

        config(
            materialized='connected_components',
            meta={'node_column': 'record_key', 'component_column': 'cluster_key'}
        )

    Neither warehouse needs a scripting language: the loop is Jinja, each step one CREATE TABLE AS over integers.

        a round   every node points to the smallest node within two edges of it; pointers are followed to their ends;
                  each tree so found becomes one node, edges are carried over, and whoever has none left is finished
        until     no edge is left

    Two nodes that still point to themselves are at least three edges apart, so each has a neighbour of its own that
    does not: every round at least halves the nodes at work, and pointers double their reach with each step. A chain
    of 1,000 takes one round of ten steps. -#}
{% materialization connected_components, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set node_column = config.meta_require('node_column') -%}
    {%- set component_column = config.meta_require('component_column') -%}
    {%- set input = braid.scratch(this, 'input') -%}
    {%- set nodes = braid.scratch(this, 'nodes') -%}
    {%- set hop = braid.scratch(this, 'hop') -%}
    {%- set scratch_tables = [input, nodes, hop] -%}
    {%- set state = namespace(rounds=0, left=0, edges=none, label=none) -%}

    {{ run_hooks(pre_hooks) }}

    {%- do braid.create_scratch(input, sql) -%}
    {%- do braid.create_scratch(nodes,
        'select node, row_number() over (order by node asc) as id from ('
        ~ ' select node_a as node from ' ~ input ~ ' where node_a is not null'
        ~ ' union select node_b from ' ~ input ~ ' where node_b is not null) as every_node'
    ) -%}
    {%- set state.edges = braid.scratch(this, 'edges_0') -%}
    {%- do scratch_tables.append(state.edges) -%}
    {%- do braid.create_scratch(state.edges,
        'select distinct least(a.id, b.id) as low, greatest(a.id, b.id) as high from ' ~ input ~ ' as edges'
        ~ ' inner join ' ~ nodes ~ ' as a on edges.node_a = a.node'
        ~ ' inner join ' ~ nodes ~ ' as b on edges.node_b = b.node where a.id <> b.id'
    ) -%}
    {%- set state.left = braid.row_count(state.edges) -%}
    {%- set labels = [] -%}

    {%- for _ in range(64) if state.left > 0 -%}
        {%- if state.left > 0 -%}
            {#- Pointers: first to the smallest neighbour, then to the smallest of the neighbours' pointers. -#}
            {%- do braid.create_scratch(hop,
                'select node, least(node, min(neighbour)) as parent from ' ~ braid.both_ways(state.edges) ~ ' group by node'
            ) -%}
            {%- set state.label = braid.scratch(this, 'label_' ~ state.rounds ~ '_0') -%}
            {%- do scratch_tables.append(state.label) -%}
            {%- do braid.create_scratch(state.label,
                'select ways.node, least(min(own.parent), min(theirs.parent)) as parent from '
                ~ braid.both_ways(state.edges)
                ~ ' inner join ' ~ hop ~ ' as own on ways.node = own.node'
                ~ ' inner join ' ~ hop ~ ' as theirs on ways.neighbour = theirs.node group by ways.node'
            ) -%}
            {%- set jump = namespace(steps=0, moved=1) -%}
            {%- for _ in range(64) -%}
                {%- if jump.moved > 0 -%}
                    {%- set pointers = ' from ' ~ state.label ~ ' as child inner join ' ~ state.label
                        ~ ' as ancestor on child.parent = ancestor.node' -%}
                    {%- set jump.moved = braid.first_value(
                        'select count(*)' ~ pointers ~ ' where child.parent <> ancestor.parent'
                    ) -%}
                    {%- if jump.moved > 0 -%}
                        {%- set jump.steps = jump.steps + 1 -%}
                        {%- set further = braid.scratch(this, 'label_' ~ state.rounds ~ '_' ~ jump.steps) -%}
                        {%- do scratch_tables.append(further) -%}
                        {%- do braid.create_scratch(further, 'select child.node, ancestor.parent' ~ pointers) -%}
                        {%- set state.label = further -%}
                    {%- endif -%}
                {%- endif -%}
            {%- endfor -%}
            {%- do labels.append(state.label) -%}
            {%- set state.rounds = state.rounds + 1 -%}
            {%- set contracted = braid.scratch(this, 'edges_' ~ state.rounds) -%}
            {%- do scratch_tables.append(contracted) -%}
            {%- do braid.create_scratch(contracted,
                'select distinct least(a.parent, b.parent) as low, greatest(a.parent, b.parent) as high from '
                ~ state.edges ~ ' as edges inner join ' ~ state.label ~ ' as a on edges.low = a.node'
                ~ ' inner join ' ~ state.label ~ ' as b on edges.high = b.node where a.parent <> b.parent'
            ) -%}
            {%- set state.edges = contracted -%}
            {%- set state.left = braid.row_count(state.edges) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if state.left > 0 -%}
        {{ exceptions.raise_compiler_error(this ~ ": " ~ state.left ~ " edges are left after 64 rounds.") }}
    {%- endif -%}

    {#- A round's trees are nodes of the next one: names are found from the last round back to the first. -#}
    {%- set state.label = none -%}
    {%- for label in labels | reverse -%}
        {%- if state.label is none -%}
            {%- set state.label = label -%}
        {%- else -%}
            {%- set whole = braid.scratch(this, 'whole_' ~ loop.index) -%}
            {%- do scratch_tables.append(whole) -%}
            {%- do braid.create_scratch(whole,
                'select label.node, coalesce(later.parent, label.parent) as parent from ' ~ label ~ ' as label'
                ~ ' left join ' ~ state.label ~ ' as later on label.parent = later.node'
            ) -%}
            {%- set state.label = whole -%}
        {%- endif -%}
    {%- endfor -%}

    {%- if existing is not none and not existing.is_table -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- call statement('main') -%}
        create or replace table {{ target_relation }} as (
            select
                nodes.node as {{ node_column }},
                {%- if state.label is none %}
                nodes.node as {{ component_column }}
            from {{ nodes }} as nodes
                {%- else %}
                coalesce(smallest.node, nodes.node) as {{ component_column }}
            from {{ nodes }} as nodes
            left join {{ state.label }} as label
                on nodes.id = label.node
            left join {{ nodes }} as smallest
                on label.parent = smallest.id
                {%- endif %}
        )
    {%- endcall -%}
    {%- for table in scratch_tables | unique -%}
        {%- do run_query('drop table if exists ' ~ table) -%}
    {%- endfor -%}

    {{ run_hooks(post_hooks) }}
    {% do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- Both directions of undirected edges, as the relation `ways (node, neighbour)`. -#}
{% macro both_ways(edges) %}
    {{ return(
        '(select low as node, high as neighbour from ' ~ edges
        ~ ' union all select high, low from ' ~ edges ~ ') as ways'
    ) }}
{% endmacro %}

{% macro row_count(relation) %}
    {{ return(braid.first_value('select count(*) from ' ~ relation)) }}
{% endmacro %}

{% macro first_value(query) %}
    {{ return(run_query(query).rows[0][0] | int) }}
{% endmacro %}
