{#- Fails with every combination of `columns` that occurs more than once or holds a null. -#}
{% test unique_combination(model, columns) %}
    select
        {{ columns | join(', ') }},
        count(*) as occurrences
    from {{ model }}
    group by {{ columns | join(', ') }}
    having
        count(*) > 1
        {% for column in columns %}
            or count({{ column }}) = 0
        {%- endfor %}
{% endtest %}
