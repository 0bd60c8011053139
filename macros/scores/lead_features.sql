{#- What a lead's chance to convert is judged by: columns of int_sales__lead_examples. As churn_features. Only what has a
    moment is here: a field of the lead that may have been filled in since, like its status, would tell the outcome. -#}
{% macro lead_features() %}
    {{ return([
        {'name': 'lead_age', 'sql': 'ln(1.0 + age_days)'},
        {'name': 'source_rate', 'sql': 'coalesce(source_rate, 0.0)'},
        {'name': 'recent_visits', 'sql': 'ln(1.0 + recent_visits)'},
        {'name': 'responses', 'sql': 'ln(1.0 + responses)'},
        {'name': 'recent_sales_activities', 'sql': 'ln(1.0 + recent_sales_activities)'},
        {
            'name': 'silence',
            'sql': 'ln(1.0 + least(coalesce(days_since_touch, age_days), age_days))',
        },
    ]) }}
{% endmacro %}
