-- Grain: one row per record, identifier type and value as its source wrote it.
-- Only what identifiers.yml lets a record say: speakers are joined, not assumed. Calls made under a
-- placeholder ("undefined", "guest") are many people's: such a user says nothing else. A value was
-- seen with its first call, else when its record was made.

with

records as (
    select * from {{ ref('int_identity__records') }}
),

salesforce_contacts as (
    select * from {{ ref('stg_salesforce__contacts') }}
),

salesforce_leads as (
    select * from {{ ref('stg_salesforce__leads') }}
),

hubspot_contacts as (
    select * from {{ ref('stg_hubspot__contacts') }}
),

external_ids as (
    select * from {{ ref('stg_segment__profile_external_ids') }}
    where not is_deleted
),

events as (
    select * from {{ ref('stg_events__events') }}
    where
        user_id is not null
        and anonymous_id is not null
),

segment_types as (
    select * from {{ ref('identifier_segment_types') }}
),

speakers as (
    select * from {{ ref('identifier_speakers') }}
),

placeholders as (
    select * from {{ ref('int_identity__placeholder_users') }}
),

placeholder_users as (
    select records.record_key
    from records
    inner join placeholders
        on records.record_id = placeholders.user_id
    where records.record_source = 'segment:user'
),

-- HubSpot gives the survivor the ids of the contacts merged into it.
merged_contacts as (
    {{ split_rows('hubspot_contacts', ['record_key'], 'merged_contact_ids', ';') }}
),

said as (
    select
        record_key,
        'email' as identifier_type,
        email as written_value,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from records

    union all

    select
        record_key,
        'phone' as identifier_type,
        phone as written_value,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from records

    union all

    select
        record_key,
        'phone' as identifier_type,
        mobile_phone as written_value,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from records

    union all

    select
        record_key,
        'user_id' as identifier_type,
        user_id as written_value,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from records

    union all

    select
        record_key,
        'loyalty_id' as identifier_type,
        loyalty_id as written_value,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from records

    union all

    select
        record_key,
        'anonymous_id' as identifier_type,
        record_id as written_value,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from records
    where record_source = 'segment:anonymous'

    union all

    -- Signing in ties the device to the user.
    select
        {{ record_key('segment', 'user', 'user_id') }} as record_key,
        'anonymous_id' as identifier_type,
        anonymous_id as written_value,
        min(received_at) as seen_at
    from events
    group by user_id, anonymous_id

    union all

    select
        {{ record_key('segment', 'user', 'external_ids.user_id') }} as record_key,
        segment_types.identifier_type,
        external_ids.external_id as written_value,
        external_ids.created_at as seen_at
    from external_ids
    inner join segment_types
        on external_ids.external_id_type = segment_types.segment_type

    union all

    select
        record_key,
        'salesforce_id' as identifier_type,
        contact_id as written_value,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from salesforce_contacts

    union all

    select
        record_key,
        'salesforce_id' as identifier_type,
        master_contact_id as written_value,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from salesforce_contacts

    union all

    select
        record_key,
        'salesforce_id' as identifier_type,
        lead_id as written_value,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from salesforce_leads

    union all

    select
        record_key,
        'salesforce_id' as identifier_type,
        master_lead_id as written_value,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from salesforce_leads

    union all

    select
        record_key,
        'salesforce_id' as identifier_type,
        converted_contact_id as written_value,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from salesforce_leads

    union all

    select
        record_key,
        'salesforce_id' as identifier_type,
        salesforce_contact_id as written_value,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from hubspot_contacts

    union all

    select
        record_key,
        'hubspot_id' as identifier_type,
        contact_id as written_value,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from hubspot_contacts

    union all

    select
        record_key,
        'hubspot_id' as identifier_type,
        part as written_value,
        cast(null as {{ dbt.type_timestamp() }}) as seen_at
    from merged_contacts
),

final as (
    select
        said.record_key,
        said.identifier_type,
        trim(said.written_value) as written_value,
        min(coalesce(said.seen_at, records.created_at)) as seen_at
    from said
    inner join records
        on said.record_key = records.record_key
    inner join speakers
        on
            said.identifier_type = speakers.identifier_type
            and records.record_source = speakers.record_source
    left join placeholder_users
        on said.record_key = placeholder_users.record_key
    where
        nullif(trim(said.written_value), '') is not null
        and (
            placeholder_users.record_key is null
            or said.identifier_type = 'user_id'
        )
    group by said.record_key, said.identifier_type, trim(said.written_value)
)

select * from final
