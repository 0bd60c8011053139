{#- Number of the candidate that is published, when rows of a later number are all that this build need look at; '' when
    it has to look at everything. Asked while the model compiles, so that it reads no more than it needs. A unit test says
    so itself: `overrides: {macros: {compared_number: ""}}`. -#}
{% macro compared_number() %}
    {%- set build = ref('int_identity__build') -%}
    {%- if not execute or adapter.get_relation(build.database, build.schema, build.identifier) is none -%}
        {{ return('') }}
    {%- endif -%}
    {%- set number = run_query('select max(compared_number) from ' ~ build).rows[0][0] -%}
    {{ return('' if number is none else number | int | string) }}
{% endmacro %}

{#- Whether there is no graph that this build's could be compared with. Asked while the model compiles, like the above. -#}
{% macro nothing_is_published() %}
    {%- set build = ref('int_identity__build') -%}
    {%- if not execute or adapter.get_relation(build.database, build.schema, build.identifier) is none -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(braid.first_value('select coalesce(max(last_graph_number), 0) from ' ~ build) == 0) }}
{% endmacro %}

{#- Whether there is neither an id nor a graph of an earlier build: then each id is the customer that it was minted for,
    and no row of the xref is open. Asked while the model compiles, like the above. -#}
{% macro nothing_was_issued() %}
    {%- set build = ref('int_identity__build') -%}
    {%- if not execute or adapter.get_relation(build.database, build.schema, build.identifier) is none -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(braid.first_value(
        'select coalesce(max(last_graph_number), 0) + coalesce(max(last_ledger_number), 0) from ' ~ build
    ) == 0) }}
{% endmacro %}

{#- Numbers that the candidate clusters stand at (run_numbers); a macro, for unit tests to override. -#}
{% macro candidate_numbers() -%}
    {{ return(braid.run_numbers(ref('int_identity__candidate_clusters'), 'node')) }}
{%- endmacro %}

{#- Records that went from the candidate clusters, with the number of the run, as a subquery. -#}
{% macro gone_candidates() -%}
    {{ return('(select node, gone_number from ' ~ braid.rows_beside(ref('int_identity__candidate_clusters'), 'gone') ~ ')') }}
{%- endmacro %}
