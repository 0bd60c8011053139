{#- Number of the campaign that a call carries (columns of int_product__events), made like that of a message; null for a
    call that carries none, and for every call where campaigns divide nothing. -#}
{% macro campaign_number() -%}
    {%- set parts = ['campaign_source', 'campaign_medium', 'campaign_name', 'campaign_term', 'campaign_content'] -%}
    case
        when
            {{ var('session_new_campaign') | lower }}
            and coalesce({{ parts | join(', ') }}) is not null
            then {{ braid.message_number("coalesce(" ~ parts | join(", '') || '|' || coalesce(") ~ ", '')") }}
    end
{%- endmacro %}

{#- Stands for no campaign where one is compared: that of an empty text, which no campaign has. -#}
{% macro no_campaign_number() -%}
    {{ return(braid.message_number("''")) }}
{%- endmacro %}
