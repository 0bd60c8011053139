{#- Query over the rows of `customer_ids` (`book`, a subquery): each record that an id was issued for, and the id, of those
    ids that once had to go on without it (`moved`, `closed`). Only these can find their own record among those that nobody
    has seen yet: the record of any other id was there all the time. Where there are none, nothing is searched. -#}
{% macro displaced_ids(book) -%}
    select
        issued.customer_id,
        issued.anchor_record_key
    from {{ book }} as issued
    where
        issued.change_type in ('minted', 'split')
        and issued.customer_id in (
            select displaced.customer_id
            from {{ book }} as displaced
            where displaced.change_type in ('moved', 'closed')
        )
{%- endmacro %}
