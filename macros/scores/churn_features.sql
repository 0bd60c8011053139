{#- What the risk to lose a customer is judged by: columns of int_finance__churn_examples, and what each is called where a
    score is explained. One list for learning and for scoring. All are doubles and never null; times are in days. -#}
{% macro churn_features() %}
    {{ return([
        {'name': 'days_since_purchase', 'sql': 'ln(1.0 + days_since_purchase)'},
        {'name': 'purchase_days', 'sql': 'ln(purchase_days)'},
        {'name': 'came_back', 'sql': 'case when purchase_days > 1 then 1.0 else 0.0 end'},
        {
            'name': 'overdue',
            'sql': 'case when purchase_days > 1 then ln(1.0 + days_since_purchase)'
            ~ ' - ln(1.0 + cast(days_between as double) / (purchase_days - 1)) else 0.0 end',
        },
        {'name': 'customer_age', 'sql': 'ln(1.0 + age_days)'},
        {'name': 'recent_purchase_days', 'sql': 'ln(1.0 + recent_purchase_days)'},
        {
            'name': 'cancelled_share',
            'sql': 'cast(number_of_cancellations as double) / (number_of_orders + number_of_cancellations)',
        },
    ]) }}
{% endmacro %}
