-- Grain: one row per load of a table: a run of extraction that succeeded, or a build of a mart.
-- What a mart brought is how many rows it grew by; its first build, and a source's first day, are
-- all history and bring nothing that could be compared.

with

extracted as (
    select
        source || '.' || object as table_name,
        run_id,
        finished_at as loaded_at,
        rows_landed as rows_brought,
        min(cast(finished_at as date)) over (partition by source, object) as first_loaded_on
    from {{ source('ops', 'extract_runs') }}
    -- What read single records or a stretch again is no load.
    where
        status = 'succeeded'
        and looked_at is not null
),

built as (
    select
        lower('marts.' || node_name) as table_name,
        invocation_id,
        invoked_at,
        owner,
        row_count - lag(row_count) over (
            partition by node_name order by invoked_at asc, invocation_id asc
        ) as rows_brought
    from {{ source('dbt', 'dbt_results') }}
    where
        kind = 'model'
        and status = 'success'
        and row_count is not null
        and lower(schema_name) = lower('{{ var("schema_prefix") }}marts')
),

final as (
    select
        lower(table_name) as table_name,
        run_id,
        loaded_at,
        cast(loaded_at as date) as loaded_on,
        case when cast(loaded_at as date) > first_loaded_on then rows_brought end as rows_brought,
        rows_brought > 0 as is_news,
        cast(null as {{ dbt.type_string() }}) as owner
    from extracted

    union all

    select
        table_name,
        invocation_id as run_id,
        invoked_at as loaded_at,
        cast(invoked_at as date) as loaded_on,
        rows_brought,
        -- A mart that was built is as new as what it was built from.
        true as is_news,
        owner
    from built
)

select * from final
