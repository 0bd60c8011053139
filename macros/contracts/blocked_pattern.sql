{#- Derived from contracts/identifiers.yml by `braid contracts build`; change that, not this.
    The pattern that a normalised value in lower case matches as a whole, the first of several in their order; null when
    it matches none. Both arguments are SQL. -#}
{% macro blocked_pattern(identifier_type, value) -%}
case {{ identifier_type }}
    when 'salesforce_id' then case
        when {{ regexp_full_match(value, "'" ~ '(null)' ~ "'") }} then {{ "'" ~ '(null)' ~ "'" }}
    end
    when 'hubspot_id' then case
        when {{ regexp_full_match(value, "'" ~ '(null)' ~ "'") }} then {{ "'" ~ '(null)' ~ "'" }}
    end
    when 'user_id' then case
        when {{ regexp_full_match(value, "'" ~ '(null)' ~ "'") }} then {{ "'" ~ '(null)' ~ "'" }}
    end
    when 'loyalty_id' then case
        when {{ regexp_full_match(value, "'" ~ '(null)' ~ "'") }} then {{ "'" ~ '(null)' ~ "'" }}
        when {{ regexp_full_match(value, "'" ~ '0+|1+|9+|123456789?0?|[a-z]*0{6,}' ~ "'") }} then {{ "'" ~ '0+|1+|9+|123456789?0?|[a-z]*0{6,}' ~ "'" }}
    end
    when 'email' then case
        when {{ regexp_full_match(value, "'" ~ '(info|office|contact|hello|hi|mail|email|sales|support|help|helpdesk|service|billing|accounts?|accounting|invoices?|admin|administrator|webmaster|postmaster|hostmaster|root|team|staff|reception|marketing|press|jobs|careers|hr|orders?|enquiries|inquiries|kontakt|accueil)@.*' ~ "'") }} then {{ "'" ~ '(info|office|contact|hello|hi|mail|email|sales|support|help|helpdesk|service|billing|accounts?|accounting|invoices?|admin|administrator|webmaster|postmaster|hostmaster|root|team|staff|reception|marketing|press|jobs|careers|hr|orders?|enquiries|inquiries|kontakt|accueil)@.*' ~ "'" }}
        when {{ regexp_full_match(value, "'" ~ '(no|do-?not|donot)[-._]?reply(@|[+].*@).*' ~ "'") }} then {{ "'" ~ '(no|do-?not|donot)[-._]?reply(@|[+].*@).*' ~ "'" }}
        when {{ regexp_full_match(value, "'" ~ '(null)' ~ "'") }} then {{ "'" ~ '(null)' ~ "'" }}
        when {{ regexp_full_match(value, "'" ~ '(test|testing|tester|asdf|qwerty|none|noemail|no[.]?email|nobody|unknown|null|na|fake|dummy|x{2,}|[0-9])@.*' ~ "'") }} then {{ "'" ~ '(test|testing|tester|asdf|qwerty|none|noemail|no[.]?email|nobody|unknown|null|na|fake|dummy|x{2,}|[0-9])@.*' ~ "'" }}
        when {{ regexp_full_match(value, "'" ~ '.*@(example|test|localhost|invalid|domain|none|noemail|nomail|fake|asdf|mailinator)[.](com|org|net|co|io)' ~ "'") }} then {{ "'" ~ '.*@(example|test|localhost|invalid|domain|none|noemail|nomail|fake|asdf|mailinator)[.](com|org|net|co|io)' ~ "'" }}
    end
    when 'phone' then case
        when {{ regexp_full_match(value, "'" ~ '(null)' ~ "'") }} then {{ "'" ~ '(null)' ~ "'" }}
        when {{ regexp_full_match(value, "'" ~ '[+]1[0-9]{3}55501[0-9]{2}' ~ "'") }} then {{ "'" ~ '[+]1[0-9]{3}55501[0-9]{2}' ~ "'" }}
        when {{ regexp_full_match(value, "'" ~ '[+][0-9]*(0{7,}|1{7,}|2{7,}|3{7,}|4{7,}|5{7,}|6{7,}|7{7,}|8{7,}|9{7,})' ~ "'") }} then {{ "'" ~ '[+][0-9]*(0{7,}|1{7,}|2{7,}|3{7,}|4{7,}|5{7,}|6{7,}|7{7,}|8{7,}|9{7,})' ~ "'" }}
        when {{ regexp_full_match(value, "'" ~ '[+][0-9]{0,3}(0?123456789?0?|0?12345678|987654321?0?|1231231234|1234512345)' ~ "'") }} then {{ "'" ~ '[+][0-9]{0,3}(0?123456789?0?|0?12345678|987654321?0?|1231231234|1234512345)' ~ "'" }}
    end
    when 'anonymous_id' then case
        when {{ regexp_full_match(value, "'" ~ '(null)' ~ "'") }} then {{ "'" ~ '(null)' ~ "'" }}
    end
    when 'ios_idfa' then case
        when {{ regexp_full_match(value, "'" ~ '(null)' ~ "'") }} then {{ "'" ~ '(null)' ~ "'" }}
    end
    when 'android_idfa' then case
        when {{ regexp_full_match(value, "'" ~ '(null)' ~ "'") }} then {{ "'" ~ '(null)' ~ "'" }}
    end
end
{%- endmacro %}
