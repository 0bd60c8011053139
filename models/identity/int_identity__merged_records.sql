-- Grain: one row per record that its system merged into another one.
-- A chain of merges leads to the last survivor. Records merged in a circle have none: they are
-- left out, and so is what was merged into them.

with recursive

salesforce_accounts as (
    select * from {{ ref('stg_salesforce__accounts') }}
    where
        is_deleted
        and master_account_id is not null
),

salesforce_contacts as (
    select * from {{ ref('stg_salesforce__contacts') }}
    where
        is_deleted
        and master_contact_id is not null
),

salesforce_leads as (
    select * from {{ ref('stg_salesforce__leads') }}
    where
        is_deleted
        and master_lead_id is not null
),

hubspot_records as (
    select
        'contact' as object,
        contact_id as record_id,
        merged_contact_ids as merged_ids,
        is_deleted,
        updated_at,
        deleted_noticed_at
    from {{ ref('stg_hubspot__contacts') }}

    union all

    select
        'company' as object,
        company_id as record_id,
        merged_company_ids as merged_ids,
        is_deleted,
        updated_at,
        deleted_noticed_at
    from {{ ref('stg_hubspot__companies') }}

    union all

    select
        'deal' as object,
        deal_id as record_id,
        merged_deal_ids as merged_ids,
        is_deleted,
        updated_at,
        deleted_noticed_at
    from {{ ref('stg_hubspot__deals') }}
),

hubspot_lists as (
    {{ split_rows('hubspot_records', ['object', 'record_id'], 'merged_ids', ';') }}
),

-- Survivors of several merges list all they ever took in, so an id may stand in the lists of some
-- that were merged away since: the one that lives, or the newest, comes closest to the end.
hubspot_merges as (
    select
        hubspot_lists.object,
        hubspot_lists.part as record_id,
        hubspot_lists.record_id as into_record_id,
        merged_away.deleted_noticed_at,
        row_number() over (
            partition by hubspot_lists.object, hubspot_lists.part
            order by
                survivors.is_deleted asc,
                survivors.updated_at desc nulls last,
                hubspot_lists.record_id desc
        ) as likeliest_first
    from hubspot_lists
    inner join hubspot_records as survivors
        on
            hubspot_lists.object = survivors.object
            and hubspot_lists.record_id = survivors.record_id
    left join hubspot_records as merged_away
        on
            hubspot_lists.object = merged_away.object
            and hubspot_lists.part = merged_away.record_id
    where hubspot_lists.part <> hubspot_lists.record_id
),

steps as (
    select
        'salesforce' as source,
        'account' as object,
        account_id as record_id,
        master_account_id as into_record_id,
        deleted_noticed_at as merge_noticed_at
    from salesforce_accounts
    where account_id <> master_account_id

    union all

    select
        'salesforce' as source,
        'contact' as object,
        contact_id as record_id,
        master_contact_id as into_record_id,
        deleted_noticed_at as merge_noticed_at
    from salesforce_contacts
    where contact_id <> master_contact_id

    union all

    select
        'salesforce' as source,
        'lead' as object,
        lead_id as record_id,
        master_lead_id as into_record_id,
        deleted_noticed_at as merge_noticed_at
    from salesforce_leads
    where lead_id <> master_lead_id

    union all

    select
        'hubspot' as source,
        object,
        record_id,
        into_record_id,
        deleted_noticed_at as merge_noticed_at
    from hubspot_merges
    where likeliest_first = 1
),

-- From the last survivors back: each record has one way on, so it is met once, a circle never.
final (source, object, record_id, surviving_record_id, merge_noticed_at) as (
    select
        steps.source,
        steps.object,
        steps.record_id,
        steps.into_record_id as surviving_record_id,
        steps.merge_noticed_at
    from steps
    left join steps as onward
        on
            steps.source = onward.source
            and steps.object = onward.object
            and steps.into_record_id = onward.record_id
    where onward.record_id is null

    union all

    select
        steps.source,
        steps.object,
        steps.record_id,
        final.surviving_record_id,
        steps.merge_noticed_at
    from steps
    inner join final
        on
            steps.source = final.source
            and steps.object = final.object
            and steps.into_record_id = final.record_id
)

select * from final
