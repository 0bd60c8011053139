{#- Common table expressions that end in `over_limit`: one row per value that too many carry, or that stands in a crowd
    (identifier_type, identifier_value, why). Relations: `linking`, what ties records (record_key, identifier_type,
    identifier_value, seen_at); `stated`, what they say that is not blocked; `limits`, how many are too many. -#}
{% macro values_over_limits(linking, stated, limits) -%}
too_many_records as (
    select
        linking.identifier_type,
        linking.identifier_value,
        limits.most,
        limits.window_days,
        count(*) || ' records (limit ' || limits.most || ')' as why
    from {{ linking }} as linking
    inner join {{ limits }} as limits
        on
            linking.identifier_type = limits.identifier_type
            and limits.evidence = 'records'
    group by
        linking.identifier_type,
        linking.identifier_value,
        limits.most,
        limits.window_days
    having count(*) > limits.most
),

too_many_people as (
    select
        linking.identifier_type,
        linking.identifier_value,
        count(distinct stated.identifier_value) || ' different ' || limits.evidence
        || ' (limit ' || limits.most || ')' as why
    from {{ linking }} as linking
    inner join {{ limits }} as limits
        on linking.identifier_type = limits.identifier_type
    inner join {{ stated }} as stated
        on
            limits.evidence = stated.identifier_type
            and linking.record_key = stated.record_key
    group by linking.identifier_type, linking.identifier_value, limits.evidence, limits.most
    having count(distinct stated.identifier_value) > limits.most
),

crowded_records as (
    select
        linking.identifier_type,
        linking.record_key,
        limits.most,
        limits.window_days,
        'its record carries ' || count(*) || ' (limit ' || limits.most || ')' as why
    from {{ linking }} as linking
    inner join {{ limits }} as limits
        on
            linking.identifier_type = limits.identifier_type
            and limits.evidence = 'per_record'
    group by
        linking.identifier_type,
        linking.record_key,
        limits.most,
        limits.window_days
    having count(*) > limits.most
),

-- Limits within a window are for those who are over them at all. What says no moment counts as seen
-- at one and the same.
seen as (
    select
        'records' as evidence,
        linking.identifier_type,
        linking.identifier_value as counted_for,
        linking.record_key as counted,
        coalesce(linking.seen_at, cast('1970-01-01' as {{ dbt.type_timestamp() }})) as seen_at,
        too_many_records.most,
        too_many_records.window_days
    from {{ linking }} as linking
    inner join too_many_records
        on
            linking.identifier_type = too_many_records.identifier_type
            and linking.identifier_value = too_many_records.identifier_value
    where too_many_records.window_days is not null

    union all

    select
        'per_record' as evidence,
        linking.identifier_type,
        linking.record_key as counted_for,
        linking.identifier_value as counted,
        coalesce(linking.seen_at, cast('1970-01-01' as {{ dbt.type_timestamp() }})) as seen_at,
        crowded_records.most,
        crowded_records.window_days
    from {{ linking }} as linking
    inner join crowded_records
        on
            linking.identifier_type = crowded_records.identifier_type
            and linking.record_key = crowded_records.record_key
    where crowded_records.window_days is not null
),

in_order as (
    select
        *,
        row_number() over (
            partition by evidence, identifier_type, counted_for
            order by seen_at asc, counted asc
        ) as place
    from seen
),

-- What stands `most` places further on came within the window: they are `most` + 1.
crowded_windows as (
    select distinct
        earlier.evidence,
        earlier.identifier_type,
        earlier.counted_for,
        earlier.most,
        earlier.window_days
    from in_order as earlier
    inner join in_order as later
        on
            earlier.evidence = later.evidence
            and earlier.identifier_type = later.identifier_type
            and earlier.counted_for = later.counted_for
            and earlier.place + earlier.most = later.place
    where
        later.seen_at < {{ dbt.dateadd('day', 'earlier.window_days', 'earlier.seen_at') }}
),

crowds as (
    select
        'records' as evidence,
        identifier_type,
        identifier_value as counted_for,
        why
    from too_many_records
    where window_days is null

    union all

    select
        'per_record' as evidence,
        identifier_type,
        record_key as counted_for,
        why
    from crowded_records
    where window_days is null

    union all

    select
        evidence,
        identifier_type,
        counted_for,
        case evidence
            when 'records' then 'more than ' || most || ' records within '
            else 'its record came by more than ' || most || ' within '
        end || window_days || ' days' as why
    from crowded_windows
),

reasons as (
    select
        identifier_type,
        counted_for as identifier_value,
        why
    from crowds
    where evidence = 'records'

    union all

    select
        identifier_type,
        identifier_value,
        why
    from too_many_people

    union all

    -- All values of a crowded record are set aside, for everyone who shares them.
    select distinct
        linking.identifier_type,
        linking.identifier_value,
        crowds.why
    from {{ linking }} as linking
    inner join crowds
        on
            linking.identifier_type = crowds.identifier_type
            and linking.record_key = crowds.counted_for
    where crowds.evidence = 'per_record'
),

over_limit as (
    select
        identifier_type,
        identifier_value,
        {{ dbt.listagg('why', "'; '", 'order by why asc') }} as why
    from reasons
    group by identifier_type, identifier_value
)
{%- endmacro %}
