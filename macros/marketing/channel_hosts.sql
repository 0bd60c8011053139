{#- Sites by channel, as a list of `{channel, hosts}`, from the seed channel_hosts. Asked of the warehouse while the model
    compiles: a pattern that is a constant is read once, not once a visit. A unit test says it itself:
    `overrides: {macros: {channel_hosts: [{channel: social, hosts: [x]}]}}`. -#}
{% macro channel_hosts() %}
    {%- set seed = ref('channel_hosts') -%}
    {%- if not execute or adapter.get_relation(seed.database, seed.schema, seed.identifier) is none -%}
        {{ return([]) }}
    {%- endif -%}
    {%- set found = {} -%}
    {%- for row in run_query('select channel, host_name from ' ~ seed ~ ' order by channel, host_name').rows -%}
        {%- do found.setdefault(row[0], []).append(row[1]) -%}
    {%- endfor -%}
    {%- set listed = [] -%}
    {%- for channel, hosts in found.items() -%}
        {%- do listed.append({'channel': channel, 'hosts': hosts}) -%}
    {%- endfor -%}
    {{ return(listed) }}
{% endmacro %}
