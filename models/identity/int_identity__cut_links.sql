-- Grain: one row per pair of records whose ties a cut takes away, with the (lowest) decision.
-- Each cut on its own splits the records round its two into sides, and ties between sides go: so
-- the two end apart whatever else was decided, and the order of decisions does not count.

{#- Beyond so many ties from both records of a cut a record counts to the first one's side. -#}
{%- set hops = 6 %}

with

decisions as (
    select * from {{ ref('int_identity__decisions') }}
    where
        kind = 'cut'
        and is_active
),

joins as (
    select * from {{ ref('int_identity__joins') }}
),

joined as (
    select * from {{ ref('int_identity__joined_records') }}
),

-- Nobody pays for walking through all links before the first cut is recorded.
links as (
    select
        record_key_a,
        record_key_b
    from {{ ref('int_identity__links') }}
    {% if not has_cuts() %}where 1 = 0{% endif %}

    union all

    select
        record_key_a,
        record_key_b
    from joins
),

ties as (
    select
        record_key_a as record_key,
        record_key_b as neighbour_key
    from links

    union all

    select
        record_key_b as record_key,
        record_key_a as neighbour_key
    from links
),

-- A group whose joins tie the two records of a cut to one another is no whole: its joins are ties
-- like others, and the cut goes through them.
torn as (
    select distinct joined.join_group
    from decisions
    inner join joined
        on decisions.record_key_a = joined.record_key
    inner join joined as other_joined
        on
            decisions.record_key_b = other_joined.record_key
            and joined.join_group = other_joined.join_group
),

wholes as (
    select
        joined.record_key,
        joined.join_group
    from joined
    left join torn
        on joined.join_group = torn.join_group
    where torn.join_group is null
),

cuts as (
    select
        decisions.decision_id,
        coalesce(wholes_a.join_group, decisions.record_key_a) as key_a,
        coalesce(wholes_b.join_group, decisions.record_key_b) as key_b
    from decisions
    left join wholes as wholes_a
        on decisions.record_key_a = wholes_a.record_key
    left join wholes as wholes_b
        on decisions.record_key_b = wholes_b.record_key
),

apart as (
    select
        key_a as one_key,
        key_b as other_key
    from cuts

    union

    select
        key_b as one_key,
        key_a as other_key
    from cuts
),

-- Whoever another cut keeps from the second record is on the first one's side, and the other way
-- round: a family's address cut from each of one person's records leaves that person whole.
named as (
    select
        cuts.decision_id,
        apart.other_key as whole_key,
        1 as side
    from cuts
    inner join apart
        on cuts.key_b = apart.one_key

    union all

    select
        cuts.decision_id,
        apart.other_key as whole_key,
        2 as side
    from cuts
    inner join apart
        on cuts.key_a = apart.one_key
),

seeds as (
    select
        decision_id,
        whole_key,
        -- Kept from both: a side of its own.
        case when min(side) <> max(side) then 3 else min(side) end as side
    from named
    group by decision_id, whole_key
),

reached_0 as (
    select
        seeds.decision_id,
        coalesce(wholes.record_key, seeds.whole_key) as record_key,
        seeds.side
    from seeds
    left join wholes
        on seeds.whole_key = wholes.join_group
),

{% for hop in range(1, hops + 1) -%}
    -- One tie further: the side that is nearer wins, the first where both are equally near.
    found_{{ hop }} as (
        select
            reached.decision_id,
            coalesce(wholes.join_group, ties.neighbour_key) as whole_key,
            min(reached.side) as side
        from reached_{{ hop - 1 }} as reached
        inner join ties
            on reached.record_key = ties.record_key
        left join wholes
            on ties.neighbour_key = wholes.record_key
        left join reached_{{ hop - 1 }} as known
            on
                reached.decision_id = known.decision_id
                and ties.neighbour_key = known.record_key
        where known.record_key is null
        group by reached.decision_id, coalesce(wholes.join_group, ties.neighbour_key)
    ),

    reached_{{ hop }} as (
        select
            decision_id,
            record_key,
            side
        from reached_{{ hop - 1 }}

        union all

        select
            found.decision_id,
            coalesce(wholes.record_key, found.whole_key) as record_key,
            found.side
        from found_{{ hop }} as found
        left join wholes
            on found.whole_key = wholes.join_group
    ),

{% endfor -%}

crossing as (
    select
        ties.record_key,
        ties.neighbour_key,
        reached.decision_id
    from reached_{{ hops }} as reached
    inner join ties
        on reached.record_key = ties.record_key
    left join reached_{{ hops }} as neighbours
        on
            reached.decision_id = neighbours.decision_id
            and ties.neighbour_key = neighbours.record_key
    where reached.side <> coalesce(neighbours.side, 1)
),

final as (
    select
        least(record_key, neighbour_key) as record_key_a,
        greatest(record_key, neighbour_key) as record_key_b,
        min(decision_id) as decision_id
    from crossing
    group by least(record_key, neighbour_key), greatest(record_key, neighbour_key)
)

select * from final
