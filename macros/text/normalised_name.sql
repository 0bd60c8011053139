{#- A name made comparable: lower case, Latin letters without their marks, no blanks, points, hyphens or apostrophes.
    'Élodie', ' elodie ' and 'ÉLODIE' are one; other scripts keep their letters. Null when nothing is left. -#}
{% macro normalised_name(name) -%}
    nullif(
        translate(
            replace(replace(replace(lower({{ name }}), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'),
            'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż .,-_`’''',
            'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'
        ),
        ''
    )
{%- endmacro %}
