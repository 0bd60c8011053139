{#- An address in the one spelling its mailbox is compared by: trimmed, lower case, without the provider's optional
    points and tags, at the provider's main domain. Null when it is no address.

    `provider` names a relation with the columns of the seed email_domains, left joined on `email_domain`. -#}
{% macro normalised_email(email, provider) -%}
    {%- set address = "lower(trim(" ~ email ~ "))" -%}
    {%- set local_part = "split_part(" ~ address ~ ", '@', 1)" -%}
    case
        when not coalesce({{ is_email(email) }}, false) then null
        else
            case
                when {{ provider }}.ignores_dots
                    then replace({{ email_without_tag(local_part, provider ~ '.tag_separator') }}, '.', '')
                else {{ email_without_tag(local_part, provider ~ '.tag_separator') }}
            end
            || '@' || coalesce({{ provider }}.mailbox_domain, {{ email_domain(email) }})
    end
{%- endmacro %}

{#- What stands after the at sign, lower case; empty when there is none. -#}
{% macro email_domain(email) -%} split_part(lower(trim({{ email }})), '@', 2) {%- endmacro %}

{#- Whether a text has the form of one address: something, one at sign, a domain with a point. -#}
{% macro is_email(email) -%}
    {{ regexp_full_match(
        "lower(trim(" ~ email ~ "))",
        "'[^@ ,;:<>()\"]+@[^@ ,;:<>()\".]+([.][^@ ,;:<>()\".]+)+'"
    ) }}
{%- endmacro %}

{#- The part before the first separator; the whole when the separator is null or nothing stands before it. -#}
{% macro email_without_tag(local_part, separator) -%}
    coalesce(
        nullif(split_part({{ local_part }}, nullif({{ separator }}, ''), 1), ''),
        {{ local_part }}
    )
{%- endmacro %}
