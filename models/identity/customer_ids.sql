-- Grain: one row per change of a customer id: minted, split, merged, restored, moved, closed.
-- An id goes where its anchor record goes, and of the ids that meet in one cluster the one issued
-- first is the customer's: so a cut gives back what a merge took. A book: a full refresh keeps it.
-- Where the build goes by what changed, only ids of touched records and customers are looked at.

{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    on_schema_change='append_new_columns'
) }}

-- depends_on: {{ ref('int_identity__build') }}
{%- set compared = compared_number() %}
{%- set records = 'touched_records' if compared else ref('int_identity__records') %}

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

identifiers as (
    select * from {{ ref('int_identity__identifiers') }}
),

moved_records as (
    select * from {{ ref('int_identity__moved_records') }}
),

decisions as (
    select * from {{ ref('int_identity__decisions') }}
),

build as (
    select * from {{ ref('int_identity__build') }}
),

last_change as (
    select
        max(change_number) as change_number,
        max(changed_at) as last_changed_at
    from {{ previous_customer_ids() }} as customer_ids
),

{% if compared -%}
    -- Looked up once; where all are needed a common table expression would be a copy of them.
    touched_records as (
        select
            record_key,
            created_at
        from {{ ref('int_identity__records') }}
        where
            record_number in (
                select {{ node_number('touched.record_key') }} from touched
            )
    ),

    last_xref as (
        select
            record_key,
            customer_id
        from touched
        where customer_id is not null
    ),

    touched_keys as (
        select record_key from touched

        union

        select moved_records.record_key
        from moved_records
        inner join touched
            on moved_records.successor_key = touched.record_key
    ),

    -- The record that an id goes by, named in its newest row, is its living customer's; an id that
    -- was issued and no more is a customer. Few rows are neither.
    touched_ids as (
        select customer_id from {{ previous_customer_ids() }} as customer_ids
        where
            change_type not in ('minted', 'split')
            and anchor_record_key in (select touched_keys.record_key from touched_keys)

        union

        select customer_id
        from ({{ displaced_ids(previous_customer_ids()) }}) as displaced_ids
        where anchor_record_key in (select touched_keys.record_key from touched_keys)

        union

        select customer_id from last_xref
    ),

    touched_rows as (
        select customer_ids.*
        from {{ previous_customer_ids() }} as customer_ids
        inner join touched_ids
            on customer_ids.customer_id = touched_ids.customer_id
    ),

    {{ ledger_state('touched_rows', 'every_touched_id') }},

    -- Whose living customer is not touched is where it was.
    ledger as (
        select * from every_touched_id
        where
            living_customer_id is null
            or living_customer_id in (select last_xref.customer_id from last_xref)
    ),
{%- else -%}
    last_xref as (
        select * from {{ previous_customer_xref() }} as customer_xref
        where valid_to is null
    ),

    {{ ledger_state(previous_customer_ids() ~ ' as customer_ids') }},
{%- endif %}

-- The cluster an id is in now. Its own anchor first: a record that was gone and is back counts.
placed as (
    select
        ledger.*,
        case
            when own_clusters.record_key is not null then ledger.own_record_key
            when last_clusters.record_key is not null then ledger.anchor_record_key
        end as home_record_key,
        coalesce(own_clusters.cluster_key, last_clusters.cluster_key) as cluster_key
    from ledger
    left join clusters as own_clusters
        on ledger.own_record_key = own_clusters.record_key
    left join clusters as last_clusters
        on
            ledger.anchor_record_key = last_clusters.record_key
            and ledger.anchor_record_key <> ledger.own_record_key
),

gone as (
    select
        customer_id,
        own_record_key as record_key,
        1 as nearness
    from placed
    where home_record_key is null

    union all

    select
        customer_id,
        anchor_record_key as record_key,
        2 as nearness
    from placed
    where home_record_key is null
),

-- An id whose anchor is gone goes on with the record that took it over, else with the earliest of
-- the records its customer had.
heirs as (
    select
        gone.customer_id,
        clusters.record_key,
        clusters.cluster_key,
        gone.nearness,
        cast(null as {{ dbt.type_timestamp() }}) as created_at
    from gone
    inner join moved_records
        on gone.record_key = moved_records.record_key
    inner join clusters
        on moved_records.successor_key = clusters.record_key

    union all

    select
        placed.customer_id,
        clusters.record_key,
        clusters.cluster_key,
        3 as nearness,
        records.created_at
    from placed
    inner join last_xref
        on placed.living_customer_id = last_xref.customer_id
    inner join clusters
        on last_xref.record_key = clusters.record_key
    inner join {{ records }} as records
        on last_xref.record_key = records.record_key
    where placed.home_record_key is null
),

first_heirs as (
    select
        customer_id,
        record_key,
        cluster_key
    from heirs
    qualify row_number() over (
        partition by customer_id
        order by nearness asc, created_at asc nulls last, record_key asc
    ) = 1
),

homes as (
    select
        placed.customer_id,
        placed.own_record_key,
        placed.anchor_record_key,
        placed.anchor_created_at,
        placed.issued_number,
        placed.living_customer_id,
        coalesce(placed.home_record_key, first_heirs.record_key) as home_record_key,
        coalesce(placed.cluster_key, first_heirs.cluster_key) as cluster_key
    from placed
    left join first_heirs
        on placed.customer_id = first_heirs.customer_id
),

first_ids as (
    select
        cluster_key,
        customer_id as first_customer_id
    from homes
    where cluster_key is not null
    qualify row_number() over (
        partition by cluster_key
        order by
            issued_number asc,
            anchor_created_at asc nulls last,
            own_record_key asc,
            customer_id asc
    ) = 1
),

unclaimed as (
    select
        clusters.cluster_key,
        clusters.record_key,
        coalesce(records.created_at, cast('9999-12-31' as {{ dbt.type_timestamp() }}))
            as created_at
    from clusters
    inner join {{ records }} as records
        on clusters.record_key = records.record_key
    left join first_ids
        on clusters.cluster_key = first_ids.cluster_key
    where first_ids.cluster_key is null
),

-- Two plain aggregates: ranking the records of every cluster would sort them all.
earliest as (
    select
        cluster_key,
        min(created_at) as created_at
    from unclaimed
    group by cluster_key
),

anchors as (
    select
        unclaimed.cluster_key,
        min(unclaimed.record_key) as anchor_record_key,
        min(unclaimed.created_at) as anchor_created_at
    from unclaimed
    inner join earliest
        on
            unclaimed.cluster_key = earliest.cluster_key
            and unclaimed.created_at = earliest.created_at
    group by unclaimed.cluster_key
),

-- Records that were another customer's before: their new id is what a split left behind.
origins as (
    select
        unclaimed.cluster_key,
        min(last_xref.customer_id) as customer_id
    from unclaimed
    inner join last_xref
        on unclaimed.record_key = last_xref.record_key
    inner join ledger
        on last_xref.customer_id = ledger.customer_id
    group by unclaimed.cluster_key
),

changes as (
    select
        {{ customer_id('anchors.anchor_record_key') }} as customer_id,
        case when origins.customer_id is null then 'minted' else 'split' end as change_type,
        origins.customer_id as other_customer_id,
        anchors.anchor_record_key,
        nullif(anchors.anchor_created_at, cast('9999-12-31' as {{ dbt.type_timestamp() }}))
            as anchor_created_at,
        anchors.cluster_key,
        false as was_closed
    from anchors
    left join origins
        on anchors.cluster_key = origins.cluster_key

    union all

    select
        homes.customer_id,
        case
            when homes.cluster_key is null then 'closed'
            when first_ids.first_customer_id = homes.customer_id then 'restored'
            else 'merged'
        end as change_type,
        case
            when first_ids.first_customer_id = homes.customer_id then homes.living_customer_id
            else first_ids.first_customer_id
        end as other_customer_id,
        coalesce(homes.home_record_key, homes.anchor_record_key) as anchor_record_key,
        homes.anchor_created_at,
        homes.cluster_key,
        homes.living_customer_id is null as was_closed
    from homes
    left join first_ids
        on homes.cluster_key = first_ids.cluster_key
    where first_ids.first_customer_id is distinct from homes.living_customer_id

    union all

    select
        customer_id,
        'moved' as change_type,
        null as other_customer_id,
        home_record_key as anchor_record_key,
        anchor_created_at,
        cluster_key,
        false as was_closed
    from homes
    where home_record_key <> anchor_record_key
),

new_decisions as (
    select decisions.*
    from decisions
    inner join build
        on decisions.decision_number > build.previous_number_of_decisions
),

decided_records as (
    select
        record_key_a as record_key,
        decision_id,
        kind,
        decision_number
    from new_decisions
    where record_key_a is not null

    union all

    select
        record_key_b as record_key,
        decision_id,
        kind,
        decision_number
    from new_decisions
    where record_key_b is not null

    union all

    select
        identifiers.record_key,
        new_decisions.decision_id,
        new_decisions.kind,
        new_decisions.decision_number
    from new_decisions
    inner join identifiers
        on
            new_decisions.identifier_type = identifiers.identifier_type
            and (
                new_decisions.identifier_value = lower(identifiers.identifier_value)
                or new_decisions.identifier_value = lower(identifiers.written_value)
            )
),

-- A decision explains what becomes of the clusters and customers that its records are in.
decided as (
    select
        'cluster:' || clusters.cluster_key as part,
        decided_records.decision_id,
        decided_records.kind,
        decided_records.decision_number
    from decided_records
    inner join clusters
        on decided_records.record_key = clusters.record_key

    union all

    select
        'customer:' || last_xref.customer_id as part,
        decided_records.decision_id,
        decided_records.kind,
        decided_records.decision_number
    from decided_records
    inner join last_xref
        on decided_records.record_key = last_xref.record_key
),

newest_decided as (
    select
        part,
        decision_id,
        kind
    from decided
    qualify row_number() over (
        partition by part
        order by decision_number desc, decision_id desc
    ) = 1
),

numbered as (
    select
        coalesce(change_number, 0) + 1 as change_number,
        last_changed_at
    from last_change
),

final as (
    select
        changes.customer_id,
        changes.change_type,
        changes.other_customer_id,
        changes.anchor_record_key,
        changes.anchor_created_at,

        case
            when changes.change_type in ('minted', 'moved', 'closed') or changes.was_closed
                then 'record'
            when coalesce(here.kind, there.kind) = 'cut' then 'cut'
            when
                coalesce(here.kind, there.kind, build.restoring_decision_id) is not null
                then 'decision'
            when build.rules_version <> build.previous_rules_version then 'rule_version'
            else 'link'
        end as cause,
        case
            when changes.change_type not in ('minted', 'moved', 'closed') and not changes.was_closed
                then coalesce(
                    here.decision_id,
                    there.decision_id,
                    build.restoring_decision_id
                )
        end as decision_id,
        build.rules_version,

        -- Not before the change before it, whatever moment was handed in.
        case
            when numbered.last_changed_at > build.built_at then numbered.last_changed_at
            else build.built_at
        end as changed_at,
        cast(numbered.change_number as {{ dbt.type_bigint() }}) as change_number
    from changes
    cross join build
    cross join numbered
    cross join last_change
    left join newest_decided as here
        on 'cluster:' || changes.cluster_key = here.part
    left join newest_decided as there
        on 'customer:' || changes.other_customer_id = there.part
    -- A build changes its ids once. Run again by itself, this model would read ids that the build's
    -- own records do not know yet, and issue them a second time.
    where
        coalesce(last_change.change_number, 0)
        = coalesce(build.last_ledger_number, last_change.change_number, 0)
)

select * from final
