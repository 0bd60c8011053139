{#- A street with its house number made comparable, in three steps, each a column of its own in the model that takes them
    (in one expression they are too deep for some parsers): `plain_letters`, `street_words` of that, `normalised_street` of
    those.

    One blank between words, no punctuation, the usual words in their short form. '12, Old Mill Street, Apt. 4' and
    '12 OLD MILL ST #4' are one, 'Hauptstraße 7' and 'Hauptstr. 7' too. The order of words counts, and so do misspellings.
    Null when nothing is left. -#}
{% macro normalised_street(words) -%}
    {%- set short = shortened(words, {
        'apt': '(apartment|appartement|flat|unit)',
        'ave': '(avenue|av|avenida|avda)',
        'blvd': '(boulevard|boul|bd)',
        'cres': 'crescent',
        'ct': 'court',
        'dr': 'drive',
        'hwy': 'highway',
        'ln': 'lane',
        'pl': '(place|platz|plaza)',
        'rd': 'road',
        'sq': 'square',
        'st': '(street|str|saint)',
        'ste': '(suite|sainte)',
    }) -%}
    nullif(trim(replace({{ regexp_replace_all(short, '[ ]+', ' ') }}, ' apt apt ', ' apt ')), '')
{%- endmacro %}

{#- The words of a street in plain letters, each between two blanks of its own, so that two neighbours can both be
    replaced. -#}
{% macro street_words(plain_street) -%}
    {%- set letters = "replace(replace(replace(" ~ plain_street ~ ", '''', ''), '’', ''), '#', ' apt ')" -%}
    {%- set words = "'  ' || replace(" ~ regexp_replace_all(letters, between_letters(), ' ') ~ ", ' ', '  ') || '  '" -%}
    {{ shortened("replace(" ~ words ~ ", 'strasse ', 'str ')", {'n': 'north', 'e': 'east', 's': 'south', 'w': 'west'}) }}
{%- endmacro %}

{#- Words, each between two blanks of its own, with those that match a pattern of `short` replaced by its key. -#}
{% macro shortened(words, short) -%}
    {%- set state = namespace(sql=words) -%}
    {%- for abbreviation, long in short.items() -%}
        {%- set state.sql = regexp_replace_all(state.sql, " " ~ long ~ " ", " " ~ abbreviation ~ " ") -%}
    {%- endfor -%}
    {{ state.sql }}
{%- endmacro %}
