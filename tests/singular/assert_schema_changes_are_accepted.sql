-- Harm: a source drifts bit by bit, and nobody has ever looked. A warning, until somebody says in
-- contracts/schema_changes.yml that the change is seen to, or that such changes may be ignored.

{{ config(severity='warn', meta={'owner': 'data', 'domain': 'core'}) }}

{{ unaccepted_schema_changes('warn') }}
