-- Grain: one row per measure of the graph that would be published, with its limit.
-- The graph is published when no measure is over; an approval raises every limit by what was seen,
-- for one graph. The first graph has nothing to be compared with, and passes.

{%- set measures = [
    'merged_customers', 'customers_in_one', 'split_customers', 'records_gained', 'largest_cluster',
    'over_limit_identifiers',
] %}

with

graph_changes as (
    select * from {{ ref('int_identity__graph_changes') }}
),

over_limits as (
    select * from {{ ref('int_identity__new_over_limits') }}
),

limits as (
    select * from {{ ref('identity_gate_limits') }}
),

decisions as (
    select * from {{ ref('int_identity__decisions') }}
    where
        kind = 'approve'
        and is_active
),

build as (
    select * from {{ ref('int_identity__build') }}
),

published as (
    select
        number_of_customers,
        records_before
    from graph_changes
    where change_type = 'published'
),

seen as (
    select
        'merged_customers' as measure,
        sum(number_of_customers - 1) as measured
    from graph_changes
    where change_type = 'merged'

    union all

    select
        'customers_in_one' as measure,
        max(number_of_customers) as measured
    from graph_changes
    where change_type = 'merged'

    union all

    select
        'split_customers' as measure,
        count(*) as measured
    from graph_changes
    where change_type = 'split'

    union all

    select
        'records_gained' as measure,
        max(records_after - records_before) as measured
    from graph_changes
    where change_type in ('merged', 'grown')

    union all

    select
        'largest_cluster' as measure,
        max(records_after) as measured
    from graph_changes
    where change_type = 'largest'

    union all

    select
        'over_limit_identifiers' as measure,
        count(*) as measured
    from over_limits
),

measures as (
    select
        seen.measure,
        case
            when published.records_before is null then 0
            else coalesce(seen.measured, 0)
        end as measured,
        greatest(
            limits.most,
            floor(
                limits.percent_of_published / 100.0
                * case
                    when seen.measure in ('records_gained', 'largest_cluster')
                        then coalesce(published.records_before, 0)
                    else coalesce(published.number_of_customers, 0)
                end
            )
        ) as most
    from seen
    cross join published
    inner join limits
        on seen.measure = limits.measure
),

-- An approval is for the next graph: what was published since has spent it.
approvals as (
    select
        decisions.decision_id,
        decisions.allows,
        decisions.decision_number
    from decisions
    inner join build
        on decisions.decision_number > build.previous_number_of_decisions
),

approved as (
    {%- for measure in measures %}
        select
            '{{ measure }}' as measure,
            max(cast({{ json_text('approvals.allows', measure) }} as {{ dbt.type_bigint() }}))
                as measured
        from approvals
        {%- if not loop.last %}

            union all
        {% endif %}
    {%- endfor %}
),

newest as (
    select decision_id
    from approvals
    qualify row_number() over (order by decision_number desc) = 1
),

judged as (
    select
        measures.measure,
        measures.measured,
        measures.most,
        case
            when measures.measured > measures.most then approved.measured + measures.most
        end as approved_most
    from measures
    left join approved
        on measures.measure = approved.measure
),

final as (
    select
        judged.measure,
        cast(judged.measured as {{ dbt.type_bigint() }}) as measured,
        cast(judged.most as {{ dbt.type_bigint() }}) as most,
        cast(judged.approved_most as {{ dbt.type_bigint() }}) as approved_most,
        case when judged.approved_most is not null then newest.decision_id end as approval_id,
        judged.measured > greatest(judged.most, coalesce(judged.approved_most, 0)) as is_over
    from judged
    left join newest
        on 1 = 1
)

select * from final
