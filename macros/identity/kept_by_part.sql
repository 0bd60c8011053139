{#- Materialisation: a table of rows that are made part by part; a run makes anew only parts whose input changed.

        config(materialized='kept_by_part', meta={'inputs': 'link_inputs'})

    The macro named by `inputs` gives a query of `part_number, digest`, a row for each thing that rows are made of: the
    part it counts for, and a number that is another when it is (a hash). The digests of a part are added up; a part whose
    sum is the one of the run before is left as it is. The model selects the rows, each with its `part_number`, and
    restricts what it reads to `{{ in_changed_parts('part_number') }}`.

    The table has `written_number` beside the model's columns, the number of the run that wrote the row. Beside it
    `<model>__gone` has rows that went, with `gone_number`, and `<model>__parts` the sums. A row of `__gone` that is all
    null tells that everything was made from nothing then. That is what happens when one of the three is missing, when
    the SQL of the model or of its inputs is another, on a full refresh, or when more than half of the parts changed. -#}
{% materialization kept_by_part, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set number = braid.next_run_number(target_relation, config.get('meta').get('noted')) -%}
    {%- set made = [] -%}
    {%- set inputs = context[config.meta_require('inputs')]() -%}
    {%- set state = namespace(changed=none) -%}

    {{ run_hooks(pre_hooks) }}

    {%- if existing is not none and not existing.is_table -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- set now = braid.make_scratch(made, target_relation, 'now',
        'select part_number, sum(digest) as digest from (' ~ inputs ~ ') as inputs group by part_number'
        ~ ' union all select ' ~ braid.sql_part() ~ ', ' ~ local_md5(sql ~ inputs)[:15] | int(base=16)) -%}
    {%- if braid.parts_are_kept(existing) -%}
        {%- set state.changed = braid.changed_parts_of(made, target_relation, now) -%}
    {%- endif -%}
    {%- if state.changed is not none -%}
        {%- if braid.row_count(state.changed) > 0 -%}
            {%- set fresh = braid.make_scratch(made, target_relation, 'fresh', sql) -%}
            {%- if braid.lower_columns(existing) | sort
                == (braid.scratch_columns(fresh) + ['written_number']) | sort -%}
                {%- do braid.replace_parts(made, target_relation, now, state.changed, fresh, number) -%}
            {%- else -%}
                {%- set state.changed = none -%}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
    {%- if state.changed is none -%}
        {%- do braid.parts_from_nothing(target_relation, now, sql, number) -%}
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

{#- Part that `value` (SQL, a number as node_number gives it) counts for. So many parts that one new value in a hundred
    leaves most of them alone at ten million. -#}
{% macro part_number(value) -%}
    cast(mod({{ value }}, {{ braid.number_of_parts() }}) as {{ dbt.type_int() }})
{%- endmacro %}

{% macro number_of_parts() -%}
    1048576
{%- endmacro %}

{#- A part without rows; its sum is that of the SQL which makes the rows: with other SQL every part is another. -#}
{% macro sql_part() -%}
    {{ return('-1') }}
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
    {%- for beside in (braid.rows_beside(existing, 'parts'), braid.rows_beside(existing, 'gone')) -%}
        {%- if adapter.get_relation(beside.database, beside.schema, beside.identifier) is none -%}
            {{ return(false) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(true) }}
{% endmacro %}

{#- Parts whose sum is another than it was, as the temporary table that in_changed_parts reads; none when they are more
    than half, or the SQL is another. -#}
{% macro changed_parts_of(made, target, now) %}
    {%- set parts = braid.rows_beside(target, 'parts') -%}
    {%- set changed = braid.make_scratch(made, target, 'changed',
        'select coalesce(now.part_number, parts.part_number) as part_number from ' ~ now ~ ' as now'
        ~ ' full outer join ' ~ parts ~ ' as parts on now.part_number = parts.part_number'
        ~ ' where now.digest is null or parts.digest is null or now.digest <> parts.digest'
    ) -%}
    {%- if braid.row_count(changed ~ ' where part_number = ' ~ braid.sql_part()) > 0 -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return(changed if 2 * braid.row_count(changed) <= braid.row_count(parts) else none) }}
{% endmacro %}

{#- Columns of a temporary table, in lower case. -#}
{% macro scratch_columns(name) %}
    {{ return(run_query('select * from ' ~ name ~ ' where 1 = 0').column_names | map('lower') | list) }}
{% endmacro %}

{#- Brings the rows of the changed parts, and all that stands beside, up to date. Rows that are as they were keep their
    number. -#}
{% macro replace_parts(made, target, now, changed, fresh, number) %}
    {%- set parts, gone = braid.rows_beside(target, 'parts'), braid.rows_beside(target, 'gone') -%}
    {%- set columns = braid.scratch_columns(fresh) -%}
    {%- set listed = columns | join(', ') -%}
    {%- set in_parts = ' where part_number in (select part_number from ' ~ changed ~ ')' -%}
    {%- set known = braid.make_scratch(made, target, 'known', 'select ' ~ listed ~ ' from ' ~ target ~ in_parts) -%}
    {%- set new = braid.make_scratch(made, target, 'new',
        'select * from ' ~ fresh ~ ' except select * from ' ~ known) -%}
    {%- set old = braid.make_scratch(made, target, 'old',
        'select * from ' ~ known ~ ' except select * from ' ~ fresh) -%}
    {%- set same = [] -%}
    {%- for column in columns -%}
        {%- do same.append(target.identifier ~ '.' ~ column ~ ' is not distinct from old.' ~ column) -%}
    {%- endfor -%}
    {%- set statements = [] -%}
    {%- if braid.row_count(old) > 0 -%}
        {%- do statements.append('delete from ' ~ target ~ ' using ' ~ old ~ ' as old where '
            ~ target.identifier ~ '.part_number = old.part_number and ' ~ same | join(' and ')) -%}
        {%- do statements.append('insert into ' ~ gone ~ ' (' ~ listed ~ ', gone_number) select ' ~ listed ~ ', ' ~ number
            ~ ' from ' ~ old) -%}
    {%- endif -%}
    {%- do statements.append('insert into ' ~ target ~ ' (' ~ listed ~ ', written_number) select ' ~ listed ~ ', '
        ~ number ~ ' from ' ~ new) -%}
    {%- do statements.append('delete from ' ~ parts ~ in_parts) -%}
    {%- do statements.append('insert into ' ~ parts ~ ' (part_number, digest) select part_number, digest from ' ~ now
        ~ in_parts) -%}
    {%- do braid.in_one_transaction(statements) -%}
{% endmacro %}

{#- All parts. The sums go first and come last: whatever happens between, none stand beside other rows. -#}
{% macro parts_from_nothing(target, now, sql, number) %}
    {%- set parts, gone = braid.rows_beside(target, 'parts'), braid.rows_beside(target, 'gone') -%}
    {%- set written = 'cast(' ~ number ~ ' as ' ~ dbt.type_bigint() ~ ')' -%}
    {%- set every_part = sql | replace('in (select part_number from ' ~ braid.changed_parts_name(target) ~ ')', 'is not null') -%}
    {%- do run_query('drop table if exists ' ~ parts) -%}
    {%- do run_query('create or replace table ' ~ target ~ ' as (select made.*, ' ~ written ~ ' as written_number from ('
        ~ every_part ~ ') as made)') -%}
    {%- do run_query('create or replace table ' ~ gone ~ ' as (select made.*, ' ~ written ~ ' as gone_number'
        ~ ' from (select 1 as nothing) as nothing left join (' ~ braid.columns_of(target, 'written_number')
        ~ ' where 1 = 0) as made on 1 = 1)') -%}
    {%- do run_query('create or replace table ' ~ parts ~ ' as (select part_number, digest from ' ~ now ~ ')') -%}
{% endmacro %}

{#- Query of all columns of a table but one. -#}
{% macro columns_of(relation, but) %}
    {{ return('select ' ~ (adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower')
        | reject('equalto', but) | join(', ')) ~ ' from ' ~ relation) }}
{% endmacro %}
