-- Harm: one link over test@test.com or a switchboard merges strangers, who then see each other's
-- orders and mail.

{{ config(severity='error', meta={'owner': 'data', 'domain': 'core'}) }}

with

links as (
    select * from {{ ref('int_identity__links') }}
),

set_aside as (
    select * from {{ ref('int_identity__flagged_identifiers') }}
),

final as (
    select
        links.record_key_a,
        links.record_key_b,
        links.link_rule,
        links.evidence,
        set_aside.why
    from links
    inner join set_aside
        on
            links.link_rule = set_aside.identifier_type
            and links.evidence = set_aside.identifier_value
)

select * from final
