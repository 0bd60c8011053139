{#- Rows of `now` that are not in `book` (`is_new`), and rows of the book that are not in `now`: two queries of the same
    `columns`, compared by `key`, a column of numbers. Gives `rows`, the temporary table `<target>__differ` of `columns`
    and `is_new`, its `count`, and `known`, how many the book has; `is_even` is false where that does not account for all
    rows, which is so when keys repeat.

    The number of rows and sums of their keys tell whether all is found. So nothing is compared where nothing changed; then
    what is likely to have changed is (`likely`, a query of numbers, id: rows of these `owner`s, a column of both queries;
    none when nothing is known); and a guess that does not account for everything is followed by joins of everything with
    everything: only one, unless something is gone. -#}
{% macro differing(made, target, now, book, columns, key, owner, likely=none) %}
    {%- set all, known = braid.rows_and_sums('(' ~ now ~ ') as now', key), braid.rows_and_sums('(' ~ book ~ ') as book', key) -%}
    {%- set differ = braid.make_scratch(made, target, 'differ',
        'select ' ~ columns ~ ', true as is_new from (' ~ now ~ ') as now where 1 = 0') -%}
    {%- set found = namespace(differences=braid.differences(differ, key, all, known)) -%}
    {%- if likely is not none and not found.differences['is_even'] -%}
        {%- do braid.likely_differences(made, target, now, book, columns, key, owner, likely, known[0]) -%}
        {%- set found.differences = braid.differences(differ, key, all, known) -%}
    {%- endif -%}
    {%- if not found.differences['is_even'] -%}
        {%- do braid.create_scratch(differ, braid.lacking(now, book, columns, key, 'true')) -%}
        {%- set found.differences = braid.differences(differ, key, all, known) -%}
    {%- endif -%}
    {%- if not found.differences['is_even'] -%}
        {%- do run_query('insert into ' ~ differ ~ ' ' ~ braid.lacking(book, now, columns, key, 'false')) -%}
        {%- set found.differences = braid.differences(differ, key, all, known) -%}
    {%- endif -%}
    {{ return({
        'rows': differ,
        'count': found.differences['count'],
        'known': known[0],
        'is_even': found.differences['is_even'],
    }) }}
{% endmacro %}

{#- Fills `<target>__differ` with what differs among rows of likely owners, unless those are so many that everything is
    compared as quickly. -#}
{% macro likely_differences(made, target, now, book, columns, key, owner, likely, known) %}
    {%- set owners = braid.make_scratch(made, target, 'likely', likely) -%}
    {%- if 4 * braid.row_count(owners) <= known -%}
        {%- set theirs = ' where ' ~ owner ~ ' in (select id from ' ~ owners ~ ')' -%}
        {%- set likely_now = braid.make_scratch(made, target, 'likely_now', 'select ' ~ columns ~ ' from (' ~ now ~ ') as now' ~ theirs) -%}
        {%- set likely_book = braid.make_scratch(made, target, 'likely_book', 'select ' ~ columns ~ ' from (' ~ book ~ ') as book' ~ theirs) -%}
        {%- do braid.make_scratch(made, target, 'differ',
            braid.lacking('select * from ' ~ likely_now, 'select * from ' ~ likely_book, columns, key, 'true')
            ~ ' union all ' ~ braid.lacking('select * from ' ~ likely_book, 'select * from ' ~ likely_now, columns, key, 'false')) -%}
    {%- endif -%}
{% endmacro %}

{#- Query of the rows of `some` (a query) that are not in `others`, with what is said of them: `is_new`. -#}
{% macro lacking(some, others, columns, key, is_new) -%}
    select {{ columns }}, {{ is_new }} as is_new from ({{ some }}) as one
    where not exists (select 1 from ({{ others }}) as other where other.{{ key }} = one.{{ key }})
{%- endmacro %}

{#- How many differences were found, and whether they make `known` (rows and sums) into `all`. -#}
{% macro differences(differ, key, all, known) %}
    {%- set came = braid.rows_and_sums(differ ~ ' where is_new', key) -%}
    {%- set went = braid.rows_and_sums(differ ~ ' where not is_new', key) -%}
    {%- set made_up = [] -%}
    {%- for number in known -%}
        {%- do made_up.append(number + came[loop.index0] - went[loop.index0]) -%}
    {%- endfor -%}
    {{ return({'count': came[0] + went[0], 'is_even': made_up == all}) }}
{% endmacro %}

{#- How many rows a relation has, and two sums of a column of numbers, of what remains of each when divided: as a list.
    So small that a warehouse which adds in floating point loses nothing, and two, so that no other rows give the same. -#}
{% macro rows_and_sums(relation, key) %}
    {%- set sums = [] -%}
    {%- for divisor in (268435399, 268435367) -%}
        {%- do sums.append('cast(coalesce(sum(mod(' ~ key ~ ', ' ~ divisor ~ ')), 0) as ' ~ dbt.type_string() ~ ')') -%}
    {%- endfor -%}
    {{ return(run_query('select count(*), ' ~ sums | join(', ') ~ ' from ' ~ relation).rows[0] | map('int') | list) }}
{% endmacro %}
