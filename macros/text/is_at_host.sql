{#- Whether a URL's host belongs to one of these names: 'google' takes www.google.co.uk, and neither notgoogle.com nor
    google.blog.example. -#}
{% macro is_at_host(url, names) -%}
    {{ regexp_full_match(
        "lower(" ~ url ~ ")",
        "'https?://([a-z0-9-]+[.])*(" ~ names | join('|') ~ ")[.][a-z]{2,3}([.][a-z]{2})?([:/?].*)?'"
    ) }}
{%- endmacro %}
