{#- An amount in the reporting currency (var `reporting_currency`): `reporting_amount('orders.amount', 'orders.currency',
    'rates.rate')`. Null when the amount is, and when there is no rate; the currency itself needs none. -#}
{% macro reporting_amount(amount, currency, rate) -%}
    case
        when {{ currency }} = '{{ var("reporting_currency") | upper }}' then {{ amount }}
        else {{ amount }} * {{ rate }}
    end
{%- endmacro %}
