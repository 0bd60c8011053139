{#- Materialisation: clusters of records that are one person, joined while all that is between two of them speaks for it.

    The model selects weighed pairs: `record_key_a, record_key_b, link_weight`, and no row when nothing was trained.

        config(
            materialized='matching_clusters',
            meta={'keys': 'int_identity__matching_keys', 'threshold': 'int_identity__matching_model'}
        )

    `keys` names the model with a row per record, `threshold` the one whose `link_weight` says where a link begins. The
    steps of a round are data (matching/clusters.py renders them): each is one CREATE TABLE AS, until no cluster joins
    another. Every round joins at least the best pair that is left, so it ends. -#}
{% materialization matching_clusters, default %}
    {%- do braid.tag_queries() -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set keys = ref(config.meta_require('keys')) | string -%}
    {%- set model_row = ref(config.meta_require('threshold')) -%}
    {%- set weighed = braid.scratch(this, 'weighed') -%}
    {%- set made = [weighed] -%}
    {%- set state = namespace(round=0, joined=1) -%}

    {{ run_hooks(pre_hooks) }}

    {%- do braid.create_scratch(weighed, sql) -%}
    {%- set found = run_query('select link_weight from ' ~ model_row).rows -%}
    {%- set threshold = found[0][0] if found | length > 0 else 1000 -%}
    {%- for name, query in braid.matching_cluster_start() -%}
        {%- set table = braid.scratch(this, name[1:] | replace('_now', '_0')) -%}
        {%- do made.append(table) -%}
        {%- do braid.create_scratch(table, query | replace('@weighed', weighed) | replace('@keys', keys)
            | replace('@threshold', threshold | string) | replace('@linked_now', braid.scratch(this, 'linked_0'))) -%}
    {%- endfor -%}
    {%- for _ in range(1000) if state.joined > 0 -%}
        {%- if state.joined > 0 -%}
            {%- set state.round = state.round + 1 -%}
            {%- for name, query in braid.matching_cluster_round() -%}
                {%- set step = namespace(query=query | replace('@threshold', threshold | string)) -%}
                {%- for kind in ['clusters', 'edges', 'sizes', 'scored', 'joined'] -%}
                    {%- set before = braid.scratch(this, kind ~ '_' ~ (state.round - 1)) -%}
                    {%- set now = braid.scratch(this, kind ~ '_' ~ state.round) -%}
                    {%- set step.query = step.query
                        | replace('@' ~ kind ~ '_before', before) | replace('@' ~ kind ~ '_now', now) -%}
                {%- endfor -%}
                {%- set table = braid.scratch(this, name[1:] | replace('_now', '_' ~ state.round)) -%}
                {%- do made.append(table) -%}
                {%- do braid.create_scratch(table, step.query) -%}
            {%- endfor -%}
            {%- set state.joined = braid.row_count(braid.scratch(this, 'joined_' ~ state.round)) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- if existing is not none and not existing.is_table -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- call statement('main') -%}
        create or replace table {{ target_relation }} as (
            select record_key, cluster_key as person_cluster_key
            from {{ braid.scratch(this, 'clusters_' ~ state.round) }}
        )
    {%- endcall -%}
    {%- for table in made -%}
        {%- do run_query('drop table if exists ' ~ table) -%}
    {%- endfor -%}

    {{ run_hooks(post_hooks) }}
    {% do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
