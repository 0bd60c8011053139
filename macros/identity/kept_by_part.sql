{#- Materialisation: a table of rows that are made part by part; a run makes anew only parts whose input changed.

        config(materialized='kept_by_part', meta={'inputs': 'link_inputs'})

    The macro named by `inputs` gives a query of `part_number, digest, owner_number`, a row for each thing that rows are
    made of: the part it counts for (a number as node_number gives it), a number that is another when it or its part is (a
    hash of all of it), and that of whoever it is about. A macro named by `likely` gives a query of owners that are likely to
    have changed, or none; it makes a run quicker, and may be wrong. A part without inputs that came or went is left as it is. The model selects the rows, each with its
    `part_number`, and restricts what it reads to `{{ in_changed_parts('part_number') }}`.

    The table has two numbers beside the model's columns: `row_digest`, a hash of them, by which the rows of a part are
    compared without reading them, and `written_number`, the number of the run that wrote the row. Beside it
    `<model>__gone` has rows that went, with `gone_number`, and `<model>__inputs` the inputs. A row of `__gone` that is
    all null tells that everything was made from nothing then. That is what happens when one of the three is missing,
    when the SQL of the model or of its inputs is another, on a full refresh, or when more than half of the inputs
    changed. -#}
{% materialization kept_by_part, default %}
    {%- do braid.tag_queries() -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set number = braid.next_run_number(target_relation, config.get('meta').get('noted')) -%}
    {%- set made = [] -%}
    {%- set inputs = braid.every_input(sql, context[config.meta_require('inputs')]()) -%}
    {%- set state = namespace(changed=none) -%}

    {{ run_hooks(pre_hooks) }}

    {%- if existing is not none and not existing.is_table -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- if braid.parts_are_kept(existing) -%}
        {%- set state.changed = braid.changed_inputs(made, target_relation, inputs) -%}
    {%- endif -%}
    {%- if state.changed is not none and state.changed['count'] > 0 -%}
        {%- set fresh = braid.make_scratch(made, target_relation, 'fresh', sql) -%}
        {%- if braid.lower_columns(existing) == braid.scratch_columns(fresh) + ['row_digest', 'written_number'] -%}
            {%- do braid.replace_parts(made, target_relation, state.changed['inputs'], fresh, number) -%}
        {%- else -%}
            {%- set state.changed = none -%}
        {%- endif -%}
    {%- endif -%}
    {%- if state.changed is none -%}
        {%- do braid.parts_from_nothing(target_relation, inputs, sql, number) -%}
    {%- endif -%}
    {%- do braid.drop_scratch(made) -%}
    {%- call statement('main', fetch_result=true) -%}
        select count(*) from {{ target_relation }}
    {%- endcall -%}

    {{ run_hooks(post_hooks) }}
    {% do persist_docs(target_relation, model) %}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- The inputs and, as one of their own, the SQL that makes rows of them: with other SQL every part is another. -#}
{% macro every_input(sql, inputs) -%}
    {{ inputs }} union all select {{ braid.sql_part() }} as part_number,
        {{ braid.node_number("'" ~ local_md5(sql ~ inputs) ~ "'") }} as digest, {{ braid.sql_part() }} as owner_number
{%- endmacro %}

{#- A part without rows, that of the SQL. -#}
{% macro sql_part() -%}
    {{ return(braid.node_number("'the SQL'")) }}
{%- endmacro %}

{#- Whether the part in a column is one that this run makes anew. A unit test reads all parts:
    `overrides: {macros: {in_changed_parts: "true"}}`; before it is told so, its model has no name. -#}
{% macro in_changed_parts(column) -%}
    {%- if this.identifier -%}
        {{ column }} in (select part_number from {{ braid.changed_parts_name(this) }})
    {%- else -%}
        {{ column }} is not null
    {%- endif -%}
{%- endmacro %}

{% macro changed_parts_name(model) -%}
    {{ return(braid.scratch(model, 'changed')) }}
{%- endmacro %}

{% macro parts_are_kept(existing) %}
    {%- if existing is none or not existing.is_table or should_full_refresh() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- for beside in (braid.rows_beside(existing, 'inputs'), braid.rows_beside(existing, 'gone')) -%}
        {%- if adapter.get_relation(beside.database, beside.schema, beside.identifier) is none -%}
            {{ return(false) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(braid.lower_columns(braid.rows_beside(existing, 'inputs')) == ['part_number', 'digest', 'owner_number']) }}
{% endmacro %}

{#- Inputs that came (`is_new`) or went, as a temporary table, and how many; their parts are in the one that
    in_changed_parts reads. None when they are more than half, or the SQL is another. -#}
{% macro changed_inputs(made, target, inputs) %}
    {%- set book = braid.rows_beside(target, 'inputs') -%}
    {%- set likely = config.get('meta').get('likely') -%}
    {%- set differ = braid.differing(made, target, inputs, 'select part_number, digest, owner_number from ' ~ book,
        'part_number, digest, owner_number', 'digest', 'owner_number', context[likely]() if likely else none) -%}
    {%- do braid.make_scratch(made, target, 'changed', 'select distinct part_number from ' ~ differ['rows']) -%}
    {%- set of_sql = braid.row_count(differ['rows'] ~ ' where part_number = ' ~ braid.sql_part()) -%}
    {%- if of_sql > 0 or 2 * differ['count'] > differ['known'] -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return({'inputs': differ['rows'], 'count': differ['count']}) }}
{% endmacro %}

{#- Columns of a temporary table, or of a query in brackets with a name, in lower case. -#}
{% macro scratch_columns(name) %}
    {{ return(run_query('select * from ' ~ name ~ ' where 1 = 0').column_names | map('lower') | list) }}
{% endmacro %}

{#- Brings the rows of the changed parts, and all that stands beside, up to date. Rows that are as they were keep their
    number. -#}
{% macro replace_parts(made, target, inputs, fresh, number) %}
    {%- set book, gone = braid.rows_beside(target, 'inputs'), braid.rows_beside(target, 'gone') -%}
    {%- set columns = braid.scratch_columns(fresh) -%}
    {%- set listed = columns | join(', ') -%}
    {%- set known = braid.make_scratch(made, target, 'known', 'select part_number, row_digest from ' ~ target
        ~ ' where part_number in (select part_number from ' ~ braid.changed_parts_name(target) ~ ')') -%}
    {%- set fresh = braid.make_scratch(made, target, 'digested', braid.digested(fresh, columns)) -%}
    {%- set lacking = ' as one where not exists (select 1 from ' -%}
    {%- set same = ' as other where other.part_number = one.part_number and other.row_digest = one.row_digest)' -%}
    {%- set old = braid.make_scratch(made, target, 'old',
        'select distinct part_number, row_digest from ' ~ known ~ lacking ~ fresh ~ same) -%}
    {%- set statements = [] -%}
    {%- if braid.row_count(old) > 0 -%}
        {%- set is_old = ' where ' ~ target.identifier ~ '.part_number = old.part_number and ' ~ target.identifier
            ~ '.row_digest = old.row_digest' -%}
        {%- do statements.append('insert into ' ~ gone ~ ' (' ~ listed ~ ', row_digest, gone_number) select '
            ~ target.identifier ~ '.' ~ columns | join(', ' ~ target.identifier ~ '.') ~ ', old.row_digest, ' ~ number
            ~ ' from ' ~ target ~ ', ' ~ old ~ ' as old' ~ is_old) -%}
        {%- do statements.append('delete from ' ~ target ~ ' using ' ~ old ~ ' as old' ~ is_old) -%}
    {%- endif -%}
    {%- do statements.append('insert into ' ~ target ~ ' (' ~ listed ~ ', row_digest, written_number) select ' ~ listed
        ~ ', row_digest, ' ~ number ~ ' from ' ~ fresh ~ lacking ~ known ~ same) -%}
    {%- if braid.row_count(inputs ~ ' where not is_new') > 0 -%}
        {%- do statements.append('delete from ' ~ book ~ ' where digest in (select digest from ' ~ inputs
            ~ ' where not is_new)') -%}
    {%- endif -%}
    {%- do statements.append('insert into ' ~ book ~ ' (part_number, digest, owner_number) select part_number, digest, owner_number from '
        ~ inputs ~ ' where is_new') -%}
    {%- do braid.in_one_transaction(statements) -%}
{% endmacro %}

{#- Query of a relation's rows (`columns`, a list) with their digest. -#}
{% macro digested(relation, columns) -%}
    select {{ columns | join(', ') }}, {{ braid.node_number(columns | join(', ')) }} as row_digest from {{ relation }}
{%- endmacro %}

{#- All parts. The inputs go first and come last: whatever happens between, none stand beside other rows. -#}
{% macro parts_from_nothing(target, inputs, sql, number) %}
    {%- set book, gone = braid.rows_beside(target, 'inputs'), braid.rows_beside(target, 'gone') -%}
    {%- set written = 'cast(' ~ number ~ ' as ' ~ dbt.type_bigint() ~ ')' -%}
    {%- set every_part = sql | replace('in (select part_number from ' ~ braid.changed_parts_name(target) ~ ')', 'is not null') -%}
    {%- set columns = braid.scratch_columns('(' ~ every_part ~ ') as made') -%}
    {%- do run_query('drop table if exists ' ~ book) -%}
    {%- do run_query('create or replace table ' ~ target ~ ' as (select made.*, ' ~ braid.node_number(columns | join(', '))
        ~ ' as row_digest, ' ~ written ~ ' as written_number from (' ~ every_part ~ ') as made)') -%}
    {%- do run_query('create or replace table ' ~ gone ~ ' as (select made.*, ' ~ written ~ ' as gone_number'
        ~ ' from (select 1 as nothing) as nothing left join (' ~ braid.columns_of(target, 'written_number')
        ~ ' where 1 = 0) as made on 1 = 1)') -%}
    {%- do run_query('create or replace table ' ~ book ~ ' as (select part_number, digest, owner_number from (' ~ inputs
        ~ ') as inputs)') -%}
{% endmacro %}

{#- Query of all columns of a table but one. -#}
{% macro columns_of(relation, but) %}
    {{ return('select ' ~ (adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower')
        | reject('equalto', but) | join(', ')) ~ ' from ' ~ relation) }}
{% endmacro %}
