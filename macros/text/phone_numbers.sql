{#- A phone number as somebody typed it, without extension ('x12', 'ext. 12', '#12'); lower case, trimmed. -#}
{% macro phone_without_extension(phone) -%}
    {{ regexp_replace_all("lower(trim(" ~ phone ~ "))", "[ ,;]*(extension|ext|x|#)[ .:=]*[0-9]{1,6} *$") }}
{%- endmacro %}

{#- Digits alone. '(0)', which shows where the trunk prefix would go, is left out after a country code. -#}
{% macro phone_digits(phone, has_country_code) -%}
    {{ regexp_replace_all(
        "case when " ~ has_country_code ~ " then replace(" ~ phone ~ ", '(0)', '') else " ~ phone ~ " end",
        "[^0-9]"
    ) }}
{%- endmacro %}

{#- The national number in `digits`, without trunk prefix, as `numbering` allows it; null when it is too short or long.

    `numbering` names a relation with calling_code, trunk_prefix ('' for none), shortest and longest. A trunk prefix goes
    when what is left has a possible length; so does a calling code, where the number would be too long with it. -#}
{% macro national_number(digits, numbering, may_have_calling_code=false) -%}
    {%- set trunk = numbering ~ '.trunk_prefix' -%}
    {%- set code = numbering ~ '.calling_code' -%}
    {%- set possible = 'between ' ~ numbering ~ '.shortest and ' ~ numbering ~ '.longest' -%}
    case
        when
            {{ trunk }} <> ''
            and left({{ digits }}, length({{ trunk }})) = {{ trunk }}
            and length({{ digits }}) - length({{ trunk }}) {{ possible }}
            then substr({{ digits }}, length({{ trunk }}) + 1)
        when length({{ digits }}) {{ possible }} then {{ digits }}
        {%- if may_have_calling_code %}
        when
            left({{ digits }}, length({{ code }})) = {{ code }}
            and length({{ digits }}) - length({{ code }}) {{ possible }}
            then substr({{ digits }}, length({{ code }}) + 1)
        {%- endif %}
    end
{%- endmacro %}
