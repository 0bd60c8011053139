{#- A text in lower-case letters without their marks: 'Élodie', 'ÉLODIE' and 'elodie' are one, and so are the two ways to
    write a mark, within the letter (NFC) or after it (NFD). Latin, Greek and Cyrillic; 'ß' is 'ss', 'æ' 'ae', 'œ' 'oe',
    'þ' 'th', a final sigma a sigma. Other scripts keep their letters as they are written. Null for null.

    No function for it is in both warehouses, so the table is here. It is long, and DuckDB reads it anew for each text:
    plain texts skip it, and those of Western and Central Europe need the first half only. -#}
{% macro plain_letters(text) -%}
    {%- set marked = {
        'a': 'àáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ',
        'b': 'ḃḅḇ',
        'c': 'çćĉċčḉ',
        'd': 'ďḋḍḏḑḓđð',
        'e': 'èéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệ',
        'f': 'ḟ',
        'g': 'ĝğġģǧǵḡ',
        'h': 'ĥȟḣḥḧḩḫẖħ',
        'i': 'ìíîïĩīĭįǐȉȋḭḯỉịı',
        'j': 'ĵǰ',
        'k': 'ķǩḱḳḵ',
        'l': 'ĺļľḷḹḻḽł',
        'm': 'ḿṁṃ',
        'n': 'ñńņňǹṅṇṉṋ',
        'o': 'òóôõöōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợøǿ',
        'p': 'ṕṗ',
        'r': 'ŕŗřȑȓṙṛṝṟ',
        's': 'śŝşšșṡṣṥṧṩſẛ',
        't': 'ţťțṫṭṯṱẗŧ',
        'u': 'ùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự',
        'v': 'ṽṿ',
        'w': 'ŵẁẃẅẇẉẘ',
        'x': 'ẋẍ',
        'y': 'ýÿŷȳẏẙỳỵỷỹ',
        'z': 'źżžẑẓẕ',
        'æ': 'ǣǽ',
        'ʒ': 'ǯ',
        'α': 'άἀἁἂἃἄἅἆἇὰᾀᾁᾂᾃᾄᾅᾆᾇᾰᾱᾲᾳᾴᾶᾷ',
        'ε': 'έἐἑἒἓἔἕὲ',
        'η': 'ήἠἡἢἣἤἥἦἧὴᾐᾑᾒᾓᾔᾕᾖᾗῂῃῄῆῇ',
        'ι': 'ΐίϊἰἱἲἳἴἵἶἷὶῐῑῒῖῗ',
        'ο': 'όὀὁὂὃὄὅὸ',
        'ρ': 'ῤῥ',
        'σ': 'ς',
        'υ': 'ΰϋύὐὑὒὓὔὕὖὗὺῠῡῢῦῧ',
        'ω': 'ώὠὡὢὣὤὥὦὧὼᾠᾡᾢᾣᾤᾥᾦᾧῲῳῴῶῷ',
        'а': 'ӑӓ',
        'г': 'ѓ',
        'е': 'ѐёӗ',
        'ж': 'ӂӝ',
        'з': 'ӟ',
        'и': 'йѝӣӥ',
        'к': 'ќ',
        'о': 'ӧ',
        'у': 'ўӯӱӳ',
        'ч': 'ӵ',
        'ы': 'ӹ',
        'э': 'ӭ',
        'і': 'ї',
        'ѵ': 'ѷ',
        'ә': 'ӛ',
        'ө': 'ӫ',
    } -%}
    {%- set doubled = [['ß', 'ss'], ['æ', 'ae'], ['œ', 'oe'], ['þ', 'th']] -%}
    {%- set latin = namespace(from='', to='') -%}
    {%- set every = namespace(from='', to='') -%}
    {%- for letter, forms in marked.items() -%}
        {%- for form in forms -%}
            {%- set every.from = every.from ~ form -%}
            {%- set every.to = every.to ~ letter -%}
            {%- if form < '\u0180' -%}
                {%- set latin.from = latin.from ~ form -%}
                {%- set latin.to = latin.to ~ letter -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {#- The marks that stand after their letter are U+0300 to U+036F. -#}
    {%- set bare = regexp_replace_all("lower(" ~ text ~ ")", "[\u0300-\u036f]") -%}
    case
        when {{ regexp_full_match(bare, "'[ -~]*'") }} then {{ bare }}
        {%- for name, letters in [["[ -~\u00a0-\u017f]*", latin], [none, every]] %}
            {%- set state = namespace(sql="translate(" ~ bare ~ ", '" ~ letters.from ~ "', '" ~ letters.to ~ "')") -%}
            {%- for one, two in doubled -%}
                {%- set state.sql = "replace(" ~ state.sql ~ ", '" ~ one ~ "', '" ~ two ~ "')" -%}
            {%- endfor %}
        {% if name -%}
            when {{ regexp_full_match(bare, "'" ~ name ~ "'") }} then {{ state.sql }}
        {%- else -%}
            else {{ state.sql }}
        {%- endif -%}
        {%- endfor %}
    end
{%- endmacro %}

{#- A pattern's class of all that is no letter or digit of a plain text: blanks, points, hyphens, quotes, brackets and the
    like, those of typesetting among them. -#}
{% macro between_letters() -%}
    {{- "[^a-z0-9À-ʯͰ-῿⁰-⿿、-ヺー-ￜ𐀀-𿿽]" -}}
{%- endmacro %}
