-- Grain: one row per live record of a person that may be compared, in the columns that keys are
-- made of.
-- Consent and region may forbid it; such a record is still linked by identifiers it shares.

{{ config(materialized='view') }}

with

records as (
    select * from {{ ref('int_identity__records') }}
    where
        not is_deleted
        and (given_name is not null or family_name is not null)
        and {{ matching_is_allowed('consent', 'region') }}
),

final as (
    select
        record_key,

        given_name as first_name,
        cast(null as {{ dbt.type_string() }}) as middle_name,
        family_name as last_name,
        cast(null as {{ dbt.type_string() }}) as full_name,
        cast(date_of_birth as {{ dbt.type_string() }}) as date_of_birth,
        email,
        coalesce(mobile_phone, phone) as phone,
        street,
        city,
        cast(null as {{ dbt.type_string() }}) as state,
        postal_code as postcode,
        country,
        cast(null as {{ dbt.type_string() }}) as national_id,
        job_title as occupation,
        cast(null as {{ dbt.type_string() }}) as birth_place
    from records
)

select * from final
