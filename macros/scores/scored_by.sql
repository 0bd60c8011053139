{#- The version of a score that is used, as one row of columns: model_version, intercept, and for each feature its
    `<name>_weight`, `<name>_mean` and `<name>_deviation`. `cutoff` is a relation with one cutoff_day.

    Of the versions that learnt for this horizon (days), and from nothing after the cut-off, the one that learnt from most,
    of several the newest. No row where there is none. A feature that the version has not met has weight 0. -#}
{% macro scored_by(score, features, cutoff, horizon_days) %}
    select
        weights.model_version,
        max(models.intercept) as intercept
        {%- for feature in features %},
        coalesce(max(case when weights.feature = '{{ feature.name }}' then weights.weight end), 0.0)
            as {{ feature.name }}_weight,
        coalesce(max(case when weights.feature = '{{ feature.name }}' then weights.mean end), 0.0)
            as {{ feature.name }}_mean,
        coalesce(max(case when weights.feature = '{{ feature.name }}' then weights.deviation end), 1.0)
            as {{ feature.name }}_deviation
        {%- endfor %}
    from {{ source('ops', 'score_weights') }} as weights
    inner join (
        select
            scores.model_version,
            scores.intercept
        from {{ source('ops', 'score_models') }} as scores
        inner join {{ cutoff }} as known
            on scores.learnt_until <= known.cutoff_day
        where
            scores.score = '{{ score }}'
            and scores.horizon_days = {{ horizon_days }}
        qualify row_number() over (
            order by scores.learnt_until desc, scores.trained_at desc, scores.model_version desc
        ) = 1
    ) as models
        on weights.model_version = models.model_version
    where weights.score = '{{ score }}'
    group by weights.model_version
{% endmacro %}

{#- Columns `<name>_effect` of a row that has the features and the weights: what the feature adds to the log-odds, against
    a customer who is the mean of those learnt from. Six digits, so that all warehouses add them up alike. -#}
{% macro feature_effects(features) %}
    {%- for feature in features %}
        cast(
            {{ feature.name }}_weight * ({{ feature.name }} - {{ feature.name }}_mean) / {{ feature.name }}_deviation
            as decimal(18, 6)
        ) as {{ feature.name }}_effect,
    {%- endfor %}
{% endmacro %}

{#- The probability that a row's effects, and base_effect, add up to. -#}
{% macro probability_of_effects(features) %}
    cast(
        1.0 / (1.0 + exp(greatest(-700.0, least(700.0, -cast(base_effect
        {%- for feature in features %} + {{ feature.name }}_effect{% endfor %} as double)))))
        as decimal(18, 6)
    )
{% endmacro %}

{#- Name of the feature that adds most (`towards` 1) or takes most (-1); null where none does. The first listed of equals. -#}
{% macro strongest_feature(features, towards) %}
    case
        {%- for feature in features %}
        when {{ towards }} * {{ feature.name }}_effect > 0
            {%- for other in features if other.name != feature.name %}
            and {{ towards }} * {{ feature.name }}_effect >= {{ towards }} * {{ other.name }}_effect
            {%- endfor %}
            then '{{ feature.name }}'
        {%- endfor %}
    end
{% endmacro %}
