{#- Every statement of a model, seed, snapshot or test on Snowflake carries a tag that says which, of which run and whose:
    `query_history` and costs are read by it. dbt's own macros ask the session for its tag first and set it back after;
    here the next node sets its own, which is one statement a node instead of three. Between nodes the profile's tag would be
    truer; only hooks run there. -#}
{% macro snowflake__set_query_tag() -%}
    {%- do run_query("alter session set query_tag = " ~ braid.text_literal(braid.query_tag())) -%}
    {{ return(none) }}
{%- endmacro %}

{% macro snowflake__unset_query_tag(original_query_tag) -%}
    {{ return(none) }}
{%- endmacro %}

{#- JSON, well below Snowflake's 2,000 characters. -#}
{% macro query_tag() -%}
    {{ return(tojson({
        'app': 'braid',
        'node_id': model.unique_id,
        'kind': model.resource_type,
        'owner': (model.config.meta or {}).get('owner'),
        'invocation_id': invocation_id,
        'target': target.name,
    })) }}
{%- endmacro %}

{#- For materialisations of our own, which dbt does not tag; nothing on DuckDB. -#}
{% macro tag_queries() %}
    {%- do adapter.dispatch('tag_queries', 'braid')() -%}
{% endmacro %}

{% macro default__tag_queries() %}{% endmacro %}

{% macro snowflake__tag_queries() %}
    {%- do set_query_tag() -%}
{% endmacro %}
