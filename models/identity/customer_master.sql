-- Grain: one row per customer, the golden record; `<field>_from` names the record a value came
-- from.
-- A customer whose records are all deleted stays, without values and with has_live_record false.
-- An opt-out outlives the record that said it: deleting or merging a record asks for no more mail.

{%- set fields = [
    'email', 'phone', 'user_id', 'given_name', 'family_name', 'company', 'job_title', 'street',
    'city', 'postal_code', 'country', 'date_of_birth',
] %}

with

xref as (
    select * from {{ ref('customer_xref_current') }}
),

ids as (
    select * from {{ ref('customer_id_lookup') }}
),

records as (
    select * from {{ ref('int_identity__records') }}
),

provenance as (
    select * from {{ ref('customer_master_provenance') }}
),

pivoted as (
    select
        customer_id,
        {%- for field in fields %}
            max(case when field = '{{ field }}' then field_value end) as {{ field }},
            max(case when field = '{{ field }}' then record_key end) as {{ field }}_from
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from provenance
    group by customer_id
),

summed as (
    select
        xref.customer_id,
        count(*) as number_of_records,
        sum(
            case when records.record_key is null or records.is_deleted then 0 else 1 end
        ) as number_of_live_records,
        count(distinct records.source_system) as number_of_systems,
        max(case when records.record_source <> 'segment:anonymous' then 1 else 0 end) = 1
            as is_identified,
        max(case when records.has_opted_out_of_email then 1 else 0 end) = 1
            as has_opted_out_of_email,
        min(records.created_at) as first_seen_at,
        max(records.updated_at) as last_seen_at
    from xref
    -- A record that is gone stays in a graph that the gate holds.
    left join records
        on xref.record_key = records.record_key
    group by xref.customer_id
),

final as (
    select
        summed.customer_id,
        ids.anchor_record_key,
        {%- for field in fields if field != 'date_of_birth' %}
            pivoted.{{ field }},
            pivoted.{{ field }}_from,
        {%- endfor %}

        cast(summed.number_of_records as {{ dbt.type_bigint() }}) as number_of_records,
        cast(summed.number_of_live_records as {{ dbt.type_bigint() }}) as number_of_live_records,
        cast(summed.number_of_systems as {{ dbt.type_bigint() }}) as number_of_systems,

        summed.number_of_live_records > 0 as has_live_record,
        summed.is_identified,
        summed.has_opted_out_of_email,

        cast(pivoted.date_of_birth as date) as date_of_birth,
        pivoted.date_of_birth_from,
        summed.first_seen_at,
        summed.last_seen_at
    from summed
    left join ids
        on summed.customer_id = ids.customer_id
    left join pivoted
        on summed.customer_id = pivoted.customer_id
)

select * from final
