{#- Loads that are out of the ordinary, of a severity of contracts/load_anomalies.yml: what a test of them selects. -#}
{% macro loads_out_of_the_ordinary(severity) -%}
select
    table_name,
    measure,
    verdict,
    owner,
    judged_on,
    measured,
    usual,
    lowest,
    highest,
    compared_with,
    number_compared
from {{ ref('ops_load_verdicts') }}
where
    severity = '{{ severity }}'
    and verdict in ('dropped', 'spiked', 'late')
{%- endmacro %}
