-- Grain: one row per message, rule it breaks, place in it, and what became of it.
-- An event that passed and a dead letter break rules alike; a letter that no plan judged has the
-- collector's rule alone, of the call as a whole.

with

events as (
    select * from {{ ref('stg_events__events') }}
    where violations is not null
),

landed as (
    select message_id from {{ ref('stg_events__events') }}
),

letters as (
    select * from {{ source('ops', 'dead_letters') }}
),

outcomes as (
    select * from {{ source('ops', 'dead_letter_outcomes') }}
    where status in ('replayed', 'present')
),

-- A replayed event is in no log: where raw was filled again from it, its letter waits again.
settled as (
    select distinct
        outcomes.source,
        outcomes.message_id,
        outcomes.rule
    from outcomes
    inner join landed on outcomes.message_id = landed.message_id
),

messages as (
    select
        event_source,
        message_id,
        coalesce(event_name, event_type) as event_name,
        event_version,
        'passed' as outcome,
        null as letter_rule,
        '{"all":' || violations || '}' as told,
        false as is_settled,
        1 as attempts,
        received_at as first_seen_at,
        received_at as last_seen_at
    from events

    union all

    select
        letters.source as event_source,
        letters.message_id,
        coalesce(letters.event, letters.event_name, letters.type) as event_name,
        letters.event_version,
        'dead_letter' as outcome,
        letters.rule as letter_rule,
        '{"all":' || letters.violations || '}' as told,
        settled.rule is not null as is_settled,
        letters.attempts,
        letters.first_seen_at,
        letters.last_seen_at
    from letters
    left join settled
        on
            letters.source = settled.source
            and letters.message_id = settled.message_id
            and letters.rule = settled.rule
),

broken as (
    {{ json_array_rows(
        'messages',
        [
            'event_source', 'message_id', 'event_name', 'event_version', 'outcome', 'letter_rule',
            'is_settled', 'attempts', 'first_seen_at', 'last_seen_at'
        ],
        'told',
        'all'
    ) }}
),

every as (
    select
        event_source,
        message_id,
        event_name,
        event_version,
        outcome,
        letter_rule,
        is_settled,
        attempts,
        first_seen_at,
        last_seen_at,
        {{ json_text('element', 'rule') }} as violated_rule,
        {{ json_text('element', 'path') }} as violated_path
    from broken

    union all

    select
        event_source,
        message_id,
        event_name,
        event_version,
        outcome,
        letter_rule,
        is_settled,
        attempts,
        first_seen_at,
        last_seen_at,
        letter_rule as violated_rule,
        null as violated_path
    from messages
    where told is null
),

-- Odd names and places in lists are not told, so violations may read alike.
final as (
    select distinct
        event_source,
        message_id,
        coalesce(event_name, '') as event_name,
        event_version,
        outcome,
        letter_rule,
        violated_rule,
        -- Which entry of a list it is says nothing; that it is one does.
        coalesce({{ regexp_replace_all('violated_path', '[[][0-9]+[]]', '[]') }}, '')
            as violated_path,
        is_settled,
        attempts,
        first_seen_at,
        last_seen_at
    from every
)

select * from final
