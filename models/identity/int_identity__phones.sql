-- Grain: one row per phone number as written and region it is read in.
-- A number is possible or it is nothing: too short, too long, letters in it, an unknown calling
-- code give null.

with

records as (
    select * from {{ ref('int_identity__records') }}
),

external_ids as (
    select * from {{ ref('stg_segment__profile_external_ids') }}
    where not is_deleted
),

phone_types as (
    select segment_types.segment_type
    from {{ ref('identifier_segment_types') }} as segment_types
    inner join {{ ref('identifier_types') }} as identifier_types
        on segment_types.identifier_type = identifier_types.identifier_type
    where identifier_types.normaliser = 'phone'
),

phone_regions as (
    select
        region,
        calling_code,
        coalesce(trunk_prefix, '') as trunk_prefix,
        international_prefix,
        shortest,
        longest
    from {{ ref('phone_regions') }}
),

-- Regions that share a calling code share a trunk prefix; lengths are those of any of them.
calling_codes as (
    select
        calling_code,
        max(trunk_prefix) as trunk_prefix,
        min(shortest) as shortest,
        max(longest) as longest
    from phone_regions
    group by calling_code
),

written as (
    select
        record_key,
        phone
    from records
    where phone is not null

    union all

    select
        record_key,
        mobile_phone as phone
    from records
    where mobile_phone is not null

    -- Segment keeps numbers among a user's external ids too.
    union all

    select
        records.record_key,
        trim(external_ids.external_id) as phone
    from external_ids
    inner join phone_types
        on external_ids.external_id_type = phone_types.segment_type
    inner join records
        on
            external_ids.user_id = records.record_id
            and records.record_source = 'segment:user'
),

in_region as (
    select distinct
        written.phone as written_phone,
        records.phone_region as region
    from written
    inner join records
        on written.record_key = records.record_key
),

bare as (
    select
        written_phone,
        region,
        {{ phone_without_extension('written_phone') }} as phone
    from in_region
),

with_digits as (
    select
        bare.written_phone,
        bare.region,
        bare.phone,
        phone_regions.international_prefix,
        {{ regexp_full_match('bare.phone', "'(tel:)?[( ]*[+].*'") }} as has_plus,
        {{ regexp_replace_all('bare.phone', '[^0-9]') }} as all_digits
    from bare
    inner join phone_regions
        on bare.region = phone_regions.region
    -- Letters stand for digits only in advertisements.
    where {{ regexp_full_match('bare.phone', "'(tel:)?[^a-z]*'") }}
),

dialled as (
    select
        *,
        has_plus
        or left(all_digits, length(international_prefix)) = international_prefix as is_international
    from with_digits
),

dialled_digits as (
    select
        *,
        case
            when is_international and not has_plus
                then substr(
                    {{ phone_digits('phone', 'is_international') }},
                    length(international_prefix) + 1
                )
            else {{ phone_digits('phone', 'is_international') }}
        end as digits
    from dialled
),

-- No calling code begins with another one, so at most one of the three lengths is found.
from_abroad as (
    select
        dialled_digits.written_phone,
        dialled_digits.region,
        calling_codes.calling_code,
        {{ national_number(
            'substr(dialled_digits.digits, length(calling_codes.calling_code) + 1)',
            'calling_codes'
        ) }} as national_number
    from dialled_digits
    inner join calling_codes
        on calling_codes.calling_code in (
            left(dialled_digits.digits, 1),
            left(dialled_digits.digits, 2),
            left(dialled_digits.digits, 3)
        )
    where dialled_digits.is_international
),

from_home as (
    select
        dialled_digits.written_phone,
        dialled_digits.region,
        phone_regions.calling_code,
        {{ national_number('dialled_digits.digits', 'phone_regions', true) }} as national_number
    from dialled_digits
    inner join phone_regions
        on dialled_digits.region = phone_regions.region
    where not dialled_digits.is_international
),

numbers as (
    select * from from_abroad

    union all

    select * from from_home
),

final as (
    select
        in_region.written_phone,
        in_region.region,
        case
            when length(numbers.calling_code || numbers.national_number) <= 15
                then '+' || numbers.calling_code || numbers.national_number
        end as e164
    from in_region
    left join numbers
        on
            in_region.written_phone = numbers.written_phone
            and in_region.region = numbers.region
)

select * from final
