-- Grain: one row per source record and stretch of time in which it was one customer's; valid_to is
-- null while it is.
-- A row is closed, never changed or removed. A book: a full refresh keeps it.
-- Where the build goes by what changed, only rows of touched records and customers are looked at.

{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['record_key', 'change_number'],
    merge_update_columns=['valid_to', 'closed_number'],
    full_refresh=false,
    on_schema_change='append_new_columns'
) }}

-- depends_on: {{ ref('int_identity__build') }}
-- depends_on: {{ ref('int_identity__changed_records') }}
-- depends_on: {{ ref('customer_ids') }}
-- depends_on: {{ ref('customer_id_lookup') }}
{%- set compared = compared_number() %}
{%- set is_first = nothing_was_issued() %}

with

touched as (
    select * from {{ ref('int_identity__touched_clusters') }}
),

clusters as (
    select
        record_key,
        cluster_key
    from touched
    where cluster_key is not null
),

{% if compared -%}
    -- Whole customers are touched: these are all their rows.
    open_rows as (
        select
            record_key,
            customer_id,
            valid_from,
            change_number
        from {{ ref('int_identity__changed_records') }}
        where customer_id is not null
    ),

    -- Who lives in a touched cluster was published with it, or has a row of this build.
    touched_ids as (
        select customer_id
        from {{ ref('int_identity__changed_records') }}
        where customer_id is not null

        union

        select customer_id
        from {{ ref('customer_ids') }}
        where
            change_number > (
                select max(last_ledger_number) from {{ ref('int_identity__build') }}
            )
    ),

    touched_rows as (
        select ids.*
        from {{ ref('customer_ids') }} as ids
        inner join touched_ids
            on ids.customer_id = touched_ids.customer_id
    ),

    {{ ledger_state('touched_rows') }},

    living as (
        select
            customer_id,
            anchor_record_key
        from ledger
        where customer_id = living_customer_id
    ),
{%- elif is_first -%}
    living as (
        select
            customer_id,
            anchor_record_key
        from {{ ref('customer_ids') }}
    ),
{%- else -%}
    open_rows as (
        select * from {{ previous_customer_xref() }} as customer_xref
        where valid_to is null
    ),

    living as (
        select
            customer_id,
            anchor_record_key
        from {{ ref('customer_id_lookup') }}
        where is_living
    ),
{%- endif %}

build as (
    select * from {{ ref('int_identity__build') }}
),

last_write as (
    select max(valid_from) as last_changed_at
    from {{ previous_customer_xref() }} as customer_xref
),

-- A living id is that of the cluster its anchor is in; every cluster has exactly one.
customers as (
    select
        clusters.cluster_key,
        living.customer_id
    from living
    inner join clusters
        on living.anchor_record_key = clusters.record_key
),

today as (
    select
        clusters.record_key,
        customers.customer_id
    from clusters
    inner join customers
        on clusters.cluster_key = customers.cluster_key
),

numbered as (
    select
        max(build.last_graph_number) + 1 as change_number,
        -- Not before the change before it, whatever moment was handed in.
        case
            when max(last_write.last_changed_at) > max(build.built_at)
                then max(last_write.last_changed_at)
            else max(build.built_at)
        end as changed_at
    from build
    cross join last_write
),

final as (
    {% if not is_first -%}
        select
            open_rows.record_key,
            open_rows.customer_id,
            open_rows.valid_from,
            numbered.changed_at as valid_to,
            open_rows.change_number,
            cast(numbered.change_number as {{ dbt.type_bigint() }}) as closed_number
        from open_rows
        cross join numbered
        left join today
            on open_rows.record_key = today.record_key
        where today.customer_id is distinct from open_rows.customer_id

        union all
    {% endif %}
    select
        today.record_key,
        today.customer_id,
        numbered.changed_at as valid_from,
        cast(null as {{ dbt.type_timestamp() }}) as valid_to,
        cast(numbered.change_number as {{ dbt.type_bigint() }}) as change_number,
        cast(null as {{ dbt.type_bigint() }}) as closed_number
    from today
    cross join numbered
    {% if not is_first -%}
        left join open_rows
            on today.record_key = open_rows.record_key
        where open_rows.customer_id is distinct from today.customer_id
    {%- endif %}
)

select * from final
