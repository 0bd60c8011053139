{#- Query of the numbers (id) of records that are likely to be new or others since the last build: those whose source says
    that they were updated since, or within a day before, for clocks differ and a late commit is read by the next run. None
    before the first build. A guess: a source may say nothing, or what is not so. -#}
{% macro lately_updated() %}
    {%- set builds = adapter.get_relation(this.database, this.schema, 'identity_builds') -%}
    {%- if builds is none -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return('select record_number as id from ' ~ ref('int_identity__records') ~ ' where updated_at >= (select '
        ~ dbt.dateadd('day', -1, 'max(built_at)') ~ ' from ' ~ builds ~ ')') }}
{% endmacro %}
