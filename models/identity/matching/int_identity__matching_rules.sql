-- Grain: one row per rule of blocking, with the pairs it would make in this build.
-- A rule that training had no use for is not used, and one that would explode is refused, whatever
-- training said: the records may have changed.

{%- set limits = matching_limits() %}
{%- set keys = ref('int_identity__matching_keys') | string %}

with

measured as (
    {%- for rule in matching_rules() %}
        select
            '{{ rule["name"] }}' as rule_name,
            counted.pairs as number_of_pairs
        from ({{ rule["count"] | replace('@keys', keys) }}) as counted
        {% if not loop.last %}
            union all
        {% endif %}
    {% endfor %}
),

records as (
    select count(*) as number_of_records from {{ ref('int_identity__matching_keys') }}
),

trained as (
    select match_rules.*
    from {{ source('ops', 'match_rules') }} as match_rules
    inner join {{ ref('int_identity__matching_model') }} as models
        on match_rules.model_version = models.model_version
),

final as (
    select
        measured.rule_name,

        coalesce(trained.verdict, 'untrained') as verdict,

        measured.number_of_pairs,

        coalesce(trained.verdict, 'untrained') = 'used'
        and measured.number_of_pairs <= greatest(
            {{ limits['pairs_per_record'] }} * records.number_of_records,
            {{ limits['pairs_at_least'] }}
        ) as is_used
    from measured
    cross join records
    left join trained
        on measured.rule_name = trained.rule_name
)

select * from final
