{#- Rows of `now` that are not in `book` (`is_new`), and rows of the book that are not in `now`: two queries of the same
    `columns`, compared by `key`, a column of numbers. Gives `rows`, the temporary table `<target>__differ` of `columns`
    and `is_new`, its `count`, and `known`, how many the book has; `is_even` is false where that does not account for all
    rows, which is so when keys repeat.

    Most runs take nothing away. The number of rows and the sum of their keys tell so, and spare them the second of two
    joins of everything with everything. -#}
{% macro differing(made, target, now, book, columns, key) %}
    {%- set lacking = ') as one where not exists (select 1 from (' -%}
    {%- set same = ') as other where other.' ~ key ~ ' = one.' ~ key ~ ')' -%}
    {%- set differ = braid.make_scratch(made, target, 'differ',
        'select ' ~ columns ~ ', true as is_new from (' ~ now ~ lacking ~ book ~ same) -%}
    {%- set all, known = braid.rows_and_sum('(' ~ now ~ ') as now', key), braid.rows_and_sum('(' ~ book ~ ') as book', key) -%}
    {%- set came = braid.rows_and_sum(differ, key) -%}
    {%- set went = [0, 0] -%}
    {%- if all != [known[0] + came[0], known[1] + came[1]] -%}
        {%- do run_query('insert into ' ~ differ ~ ' select ' ~ columns ~ ', false as is_new from (' ~ book ~ lacking ~ now
            ~ same) -%}
        {%- set went = braid.rows_and_sum(differ ~ ' where not is_new', key) -%}
    {%- endif -%}
    {{ return({
        'rows': differ,
        'count': came[0] + went[0],
        'known': known[0],
        'is_even': all == [known[0] + came[0] - went[0], known[1] + came[1] - went[1]],
    }) }}
{% endmacro %}

{#- How many rows a relation has, and the sum of a column of numbers, of what remains of each when divided: as a list.
    So small that a warehouse which adds in floating point loses nothing. -#}
{% macro rows_and_sum(relation, key) %}
    {%- set found = run_query('select count(*), cast(coalesce(sum(mod(' ~ key ~ ', 268435399)), 0) as '
        ~ dbt.type_string() ~ ') from ' ~ relation).rows[0] -%}
    {{ return([found[0] | int, found[1] | int]) }}
{% endmacro %}
