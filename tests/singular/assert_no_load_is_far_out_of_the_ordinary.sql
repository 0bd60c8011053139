-- Harm: of the tables that contracts/load_anomalies.yml calls fatal, an odd load reaches the marts,
-- and somebody decides by it. Put right what landed, or say there that the level is a new one.

{{ config(severity='error', meta={'owner': 'data', 'domain': 'core'}) }}

{{ loads_out_of_the_ordinary('fatal') }}
