{#- Creates, as temporary tables of `model` added to `made`, the components of a graph over numbers.

    `pairs` is the name of a relation `(low, high)`, an undirected edge a row; rows with low = high are no edges. The
    name returned is of a relation `(node, label)`: a row per node that has an edge, one label all over a component.

        a round   every node points to the smallest node within one edge of it, then to where that one points;
                  pointers become nodes, edges are carried over, and whoever has none left is finished
        until     no edge is left

    Pointing keeps every component in one piece, because a node and its pointer are joined by edges that are carried
    over as well. Numbers must be in an order that has nothing to do with the edges (hashes): then a round leaves about
    a third of the nodes of a chain, whatever its length, and less of anything denser. -#}
{% macro component_labels(made, model, pairs) %}
    {%- set state = namespace(edges=pairs, only='low <> high', left=1, found=none) -%}
    {%- set rounds = [] -%}
    {%- for _ in range(64) -%}
        {%- if state.left > 0 -%}
            {%- set nearest = braid.make_scratch(made, model, 'nearest_' ~ loop.index,
                'select node, least(node, min(neighbour)) as label from ('
                ~ ' select low as node, high as neighbour from ' ~ state.edges ~ ' where ' ~ state.only
                ~ ' union all select high, low from ' ~ state.edges ~ ' where ' ~ state.only
                ~ ') as ways group by node'
            ) -%}
            {%- set label = braid.make_scratch(made, model, 'label_' ~ loop.index,
                'select near.node, further.label from ' ~ nearest ~ ' as near'
                ~ ' inner join ' ~ nearest ~ ' as further on near.label = further.node'
            ) -%}
            {%- set contracted = braid.make_scratch(made, model, 'pairs_' ~ loop.index,
                'select distinct least(a.label, b.label) as low, greatest(a.label, b.label) as high'
                ~ ' from ' ~ state.edges ~ ' as edges'
                ~ ' inner join ' ~ label ~ ' as a on edges.low = a.node'
                ~ ' inner join ' ~ label ~ ' as b on edges.high = b.node'
                ~ ' where a.label <> b.label and ' ~ state.only
            ) -%}
            {%- do rounds.append(label) -%}
            {%- set state.edges = contracted -%}
            {%- set state.only = 'true' -%}
            {%- set state.left = braid.row_count(contracted) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if state.left > 0 -%}
        {{ exceptions.raise_compiler_error(model ~ ": " ~ state.left ~ " edges are left after 64 rounds.") }}
    {%- endif -%}

    {#- A label is a node of the next round: where each ends is found from the last round back to the first. -#}
    {%- for label in rounds | reverse -%}
        {%- if state.found is none -%}
            {%- set state.found = label -%}
        {%- else -%}
            {%- set state.found = braid.make_scratch(made, model, 'ended_' ~ loop.index,
                'select label.node, coalesce(later.label, label.label) as label from ' ~ label ~ ' as label'
                ~ ' left join ' ~ state.found ~ ' as later on label.label = later.node'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(state.found) }}
{% endmacro %}
