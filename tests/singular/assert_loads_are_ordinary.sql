-- Harm: a load of a tenth of the usual rows, or none for days, builds as green as any other, and
-- pages go on showing the past. A warning; contracts/load_anomalies.yml says of which tables.

{{ config(severity='warn', meta={'owner': 'data', 'domain': 'core'}) }}

{{ loads_out_of_the_ordinary('warn') }}
