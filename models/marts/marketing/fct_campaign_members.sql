-- Grain: one row per lead or contact in a Salesforce campaign, those taken out again too.
-- The customer is the contact, else the lead. Whoever was only put on a list has not responded.

with

campaign_members as (
    select * from {{ ref('stg_salesforce__campaign_members') }}
),

xref as (
    select * from {{ ref('customer_xref_current') }}
),

keyed as (
    select
        *,
        coalesce(
            {{ record_key('salesforce', 'contact', 'contact_id') }},
            {{ record_key('salesforce', 'lead', 'lead_id') }}
        ) as record_key
    from campaign_members
),

final as (
    select
        cast(
            {{ record_key('salesforce', 'campaign_member', 'keyed.campaign_member_id') }}
            as {{ dbt.type_string() }}
        ) as campaign_member_key,
        cast(
            {{ record_key('salesforce', 'campaign', 'keyed.campaign_id') }}
            as {{ dbt.type_string() }}
        ) as campaign_key,
        cast(xref.customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(keyed.record_key as {{ dbt.type_string() }}) as record_key,

        cast(keyed.member_status as {{ dbt.type_string() }}) as member_status,

        coalesce(keyed.has_responded, false) as has_responded,
        keyed.is_deleted,

        cast(keyed.created_at as date) as added_on,
        case
            when keyed.has_responded
                then coalesce(keyed.first_responded_on, cast(keyed.created_at as date))
        end as responded_on,
        keyed.created_at,
        keyed.updated_at
    from keyed
    left join xref
        on keyed.record_key = xref.record_key
)

select * from final
