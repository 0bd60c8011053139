{#- A street with its house number made comparable: plain letters, one blank between words, no punctuation, the usual words
    in their short form. '12, Old Mill Street, Apt. 4' and '12 OLD MILL ST #4' are one, 'Hauptstraße 7' and 'Hauptstr. 7'
    too. The order of words counts, and so do misspellings. Null when nothing is left. -#}
{% macro normalised_street(street) -%}
    {%- set short = {
        'apt': ['apartment', 'appartement', 'flat', 'unit'],
        'ave': ['avenue', 'av', 'avenida', 'avda'],
        'blvd': ['boulevard', 'boul', 'bd'],
        'cl': ['close'],
        'cres': ['crescent'],
        'ct': ['court'],
        'dr': ['drive'],
        'e': ['east'],
        'fl': ['floor'],
        'gdns': ['gardens'],
        'hwy': ['highway'],
        'ln': ['lane'],
        'n': ['north'],
        'pkwy': ['parkway'],
        'pl': ['place', 'platz', 'plaza'],
        'rd': ['road'],
        's': ['south'],
        'sq': ['square'],
        'st': ['street', 'str', 'saint'],
        'ste': ['suite', 'sainte'],
        'ter': ['terrace', 'terr'],
        'w': ['west'],
    } -%}
    {%- set letters = "replace(replace(replace(" ~ plain_letters(street) ~ ", '''', ''), '’', ''), '#', ' apt ')" -%}
    {#- Words stand between two blanks each, so that two neighbours can both be replaced. -#}
    {%- set words = "'  ' || replace(" ~ regexp_replace_all(letters, between_letters(), ' ') ~ ", ' ', '  ') || '  '" -%}
    {%- set state = namespace(sql="replace(" ~ words ~ ", 'strasse ', 'str ')") -%}
    {%- for abbreviation, forms in short.items() -%}
        {%- for form in forms -%}
            {%- set state.sql = "replace(" ~ state.sql ~ ", ' " ~ form ~ " ', ' " ~ abbreviation ~ " ')" -%}
        {%- endfor -%}
    {%- endfor -%}
    nullif(trim(replace({{ regexp_replace_all(state.sql, '[ ]+', ' ') }}, ' apt apt ', ' apt ')), '')
{%- endmacro %}
