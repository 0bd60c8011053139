-- Harm: a column that others count on is gone or means something else, and its owner learns it
-- from a wrong number. Put right what builds on it, then say so: `accepted` in
-- contracts/schema_changes.yml.

{{ config(severity='error', meta={'owner': 'data', 'domain': 'core'}) }}

{{ unaccepted_schema_changes('fatal') }}
