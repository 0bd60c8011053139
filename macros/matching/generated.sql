{#- Derived from contracts/matching.yml by `braid contracts build`; change that, not this. -#}

{% macro matching_contract() -%}
3b409a4f865b
{%- endmacro %}

{% macro matching_rules() -%}
{{ return([
    {"name": "national_id", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where national_id is not null group by national_id) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 0 as rule_number from @keys as l inner join @keys as r on l.national_id = r.national_id and l.record_key < r.record_key", "block": "l.national_id = r.national_id"},
    {"name": "email", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where email is not null group by email) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 1 as rule_number from @keys as l inner join @keys as r on l.email = r.email and l.record_key < r.record_key", "block": "l.email = r.email"},
    {"name": "email_name", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where email_name is not null group by email_name) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 2 as rule_number from @keys as l inner join @keys as r on l.email_name = r.email_name and l.record_key < r.record_key", "block": "l.email_name = r.email_name"},
    {"name": "email_name/6", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where left(email_name, 6) is not null group by left(email_name, 6)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 3 as rule_number from @keys as l inner join @keys as r on left(l.email_name, 6) = left(r.email_name, 6) and l.record_key < r.record_key", "block": "left(l.email_name, 6) = left(r.email_name, 6)"},
    {"name": "phone", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where phone is not null group by phone) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 4 as rule_number from @keys as l inner join @keys as r on l.phone = r.phone and l.record_key < r.record_key", "block": "l.phone = r.phone"},
    {"name": "postcode", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where postcode is not null group by postcode) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 5 as rule_number from @keys as l inner join @keys as r on l.postcode = r.postcode and l.record_key < r.record_key", "block": "l.postcode = r.postcode"},
    {"name": "birth_digits", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_digits is not null group by birth_digits) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 6 as rule_number from @keys as l inner join @keys as r on l.birth_digits = r.birth_digits and l.record_key < r.record_key", "block": "l.birth_digits = r.birth_digits"},
    {"name": "first_name + last_name", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where first_name is not null and last_name is not null group by first_name, last_name) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 7 as rule_number from @keys as l inner join @keys as r on l.first_name = r.first_name and l.last_name = r.last_name and l.record_key < r.record_key", "block": "l.first_name = r.first_name and l.last_name = r.last_name"},
    {"name": "last_name", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where last_name is not null group by last_name) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 8 as rule_number from @keys as l inner join @keys as r on l.last_name = r.last_name and l.record_key < r.record_key", "block": "l.last_name = r.last_name"},
    {"name": "first_name_root", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where first_name_root is not null group by first_name_root) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 9 as rule_number from @keys as l inner join @keys as r on l.first_name_root = r.first_name_root and l.record_key < r.record_key", "block": "l.first_name_root = r.first_name_root"},
    {"name": "last_name/5", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where left(last_name, 5) is not null group by left(last_name, 5)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 10 as rule_number from @keys as l inner join @keys as r on left(l.last_name, 5) = left(r.last_name, 5) and l.record_key < r.record_key", "block": "left(l.last_name, 5) = left(r.last_name, 5)"},
    {"name": "last_name/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where left(last_name, 3) is not null group by left(last_name, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 11 as rule_number from @keys as l inner join @keys as r on left(l.last_name, 3) = left(r.last_name, 3) and l.record_key < r.record_key", "block": "left(l.last_name, 3) = left(r.last_name, 3)"},
    {"name": "birth_year", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_year is not null group by birth_year) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 12 as rule_number from @keys as l inner join @keys as r on l.birth_year = r.birth_year and l.record_key < r.record_key", "block": "l.birth_year = r.birth_year"},
    {"name": "birth_day", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_day is not null group by birth_day) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 13 as rule_number from @keys as l inner join @keys as r on l.birth_day = r.birth_day and l.record_key < r.record_key", "block": "l.birth_day = r.birth_day"},
    {"name": "postal_area", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where postal_area is not null group by postal_area) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 14 as rule_number from @keys as l inner join @keys as r on l.postal_area = r.postal_area and l.record_key < r.record_key", "block": "l.postal_area = r.postal_area"},
    {"name": "street", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where street is not null group by street) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 15 as rule_number from @keys as l inner join @keys as r on l.street = r.street and l.record_key < r.record_key", "block": "l.street = r.street"},
    {"name": "city", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where city is not null group by city) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 16 as rule_number from @keys as l inner join @keys as r on l.city = r.city and l.record_key < r.record_key", "block": "l.city = r.city"},
    {"name": "birth_place + last_name/5", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_place is not null and left(last_name, 5) is not null group by birth_place, left(last_name, 5)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 17 as rule_number from @keys as l inner join @keys as r on l.birth_place = r.birth_place and left(l.last_name, 5) = left(r.last_name, 5) and l.record_key < r.record_key", "block": "l.birth_place = r.birth_place and left(l.last_name, 5) = left(r.last_name, 5)"},
    {"name": "birth_place + first_name_root/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_place is not null and left(first_name_root, 3) is not null group by birth_place, left(first_name_root, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 18 as rule_number from @keys as l inner join @keys as r on l.birth_place = r.birth_place and left(l.first_name_root, 3) = left(r.first_name_root, 3) and l.record_key < r.record_key", "block": "l.birth_place = r.birth_place and left(l.first_name_root, 3) = left(r.first_name_root, 3)"},
    {"name": "first_name_root/3 + last_name/5", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where left(first_name_root, 3) is not null and left(last_name, 5) is not null group by left(first_name_root, 3), left(last_name, 5)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 19 as rule_number from @keys as l inner join @keys as r on left(l.first_name_root, 3) = left(r.first_name_root, 3) and left(l.last_name, 5) = left(r.last_name, 5) and l.record_key < r.record_key", "block": "left(l.first_name_root, 3) = left(r.first_name_root, 3) and left(l.last_name, 5) = left(r.last_name, 5)"},
    {"name": "first_name_root/3 + last_name/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where left(first_name_root, 3) is not null and left(last_name, 3) is not null group by left(first_name_root, 3), left(last_name, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 20 as rule_number from @keys as l inner join @keys as r on left(l.first_name_root, 3) = left(r.first_name_root, 3) and left(l.last_name, 3) = left(r.last_name, 3) and l.record_key < r.record_key", "block": "left(l.first_name_root, 3) = left(r.first_name_root, 3) and left(l.last_name, 3) = left(r.last_name, 3)"},
    {"name": "birth_year + first_name_root/3 + last_name/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_year is not null and left(first_name_root, 3) is not null and left(last_name, 3) is not null group by birth_year, left(first_name_root, 3), left(last_name, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 21 as rule_number from @keys as l inner join @keys as r on l.birth_year = r.birth_year and left(l.first_name_root, 3) = left(r.first_name_root, 3) and left(l.last_name, 3) = left(r.last_name, 3) and l.record_key < r.record_key", "block": "l.birth_year = r.birth_year and left(l.first_name_root, 3) = left(r.first_name_root, 3) and left(l.last_name, 3) = left(r.last_name, 3)"},
    {"name": "birth_year + last_name", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_year is not null and last_name is not null group by birth_year, last_name) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 22 as rule_number from @keys as l inner join @keys as r on l.birth_year = r.birth_year and l.last_name = r.last_name and l.record_key < r.record_key", "block": "l.birth_year = r.birth_year and l.last_name = r.last_name"},
    {"name": "birth_year + last_name/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_year is not null and left(last_name, 3) is not null group by birth_year, left(last_name, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 23 as rule_number from @keys as l inner join @keys as r on l.birth_year = r.birth_year and left(l.last_name, 3) = left(r.last_name, 3) and l.record_key < r.record_key", "block": "l.birth_year = r.birth_year and left(l.last_name, 3) = left(r.last_name, 3)"},
    {"name": "birth_year + first_name_root/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_year is not null and left(first_name_root, 3) is not null group by birth_year, left(first_name_root, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 24 as rule_number from @keys as l inner join @keys as r on l.birth_year = r.birth_year and left(l.first_name_root, 3) = left(r.first_name_root, 3) and l.record_key < r.record_key", "block": "l.birth_year = r.birth_year and left(l.first_name_root, 3) = left(r.first_name_root, 3)"},
    {"name": "birth_year + birth_place", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_year is not null and birth_place is not null group by birth_year, birth_place) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 25 as rule_number from @keys as l inner join @keys as r on l.birth_year = r.birth_year and l.birth_place = r.birth_place and l.record_key < r.record_key", "block": "l.birth_year = r.birth_year and l.birth_place = r.birth_place"},
    {"name": "birth_year + postal_area", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_year is not null and postal_area is not null group by birth_year, postal_area) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 26 as rule_number from @keys as l inner join @keys as r on l.birth_year = r.birth_year and l.postal_area = r.postal_area and l.record_key < r.record_key", "block": "l.birth_year = r.birth_year and l.postal_area = r.postal_area"},
    {"name": "birth_year + city", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_year is not null and city is not null group by birth_year, city) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 27 as rule_number from @keys as l inner join @keys as r on l.birth_year = r.birth_year and l.city = r.city and l.record_key < r.record_key", "block": "l.birth_year = r.birth_year and l.city = r.city"},
    {"name": "birth_year + occupation + first_name_root/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_year is not null and occupation is not null and left(first_name_root, 3) is not null group by birth_year, occupation, left(first_name_root, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 28 as rule_number from @keys as l inner join @keys as r on l.birth_year = r.birth_year and l.occupation = r.occupation and left(l.first_name_root, 3) = left(r.first_name_root, 3) and l.record_key < r.record_key", "block": "l.birth_year = r.birth_year and l.occupation = r.occupation and left(l.first_name_root, 3) = left(r.first_name_root, 3)"},
    {"name": "birth_digits + first_name_root/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_digits is not null and left(first_name_root, 3) is not null group by birth_digits, left(first_name_root, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 29 as rule_number from @keys as l inner join @keys as r on l.birth_digits = r.birth_digits and left(l.first_name_root, 3) = left(r.first_name_root, 3) and l.record_key < r.record_key", "block": "l.birth_digits = r.birth_digits and left(l.first_name_root, 3) = left(r.first_name_root, 3)"},
    {"name": "birth_day + first_name_root", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_day is not null and first_name_root is not null group by birth_day, first_name_root) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 30 as rule_number from @keys as l inner join @keys as r on l.birth_day = r.birth_day and l.first_name_root = r.first_name_root and l.record_key < r.record_key", "block": "l.birth_day = r.birth_day and l.first_name_root = r.first_name_root"},
    {"name": "birth_day + birth_place", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_day is not null and birth_place is not null group by birth_day, birth_place) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 31 as rule_number from @keys as l inner join @keys as r on l.birth_day = r.birth_day and l.birth_place = r.birth_place and l.record_key < r.record_key", "block": "l.birth_day = r.birth_day and l.birth_place = r.birth_place"},
    {"name": "birth_day + city", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where birth_day is not null and city is not null group by birth_day, city) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 32 as rule_number from @keys as l inner join @keys as r on l.birth_day = r.birth_day and l.city = r.city and l.record_key < r.record_key", "block": "l.birth_day = r.birth_day and l.city = r.city"},
    {"name": "occupation + last_name/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where occupation is not null and left(last_name, 3) is not null group by occupation, left(last_name, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 33 as rule_number from @keys as l inner join @keys as r on l.occupation = r.occupation and left(l.last_name, 3) = left(r.last_name, 3) and l.record_key < r.record_key", "block": "l.occupation = r.occupation and left(l.last_name, 3) = left(r.last_name, 3)"},
    {"name": "occupation + birth_place", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where occupation is not null and birth_place is not null group by occupation, birth_place) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 34 as rule_number from @keys as l inner join @keys as r on l.occupation = r.occupation and l.birth_place = r.birth_place and l.record_key < r.record_key", "block": "l.occupation = r.occupation and l.birth_place = r.birth_place"},
    {"name": "occupation + first_name_root/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where occupation is not null and left(first_name_root, 3) is not null group by occupation, left(first_name_root, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 35 as rule_number from @keys as l inner join @keys as r on l.occupation = r.occupation and left(l.first_name_root, 3) = left(r.first_name_root, 3) and l.record_key < r.record_key", "block": "l.occupation = r.occupation and left(l.first_name_root, 3) = left(r.first_name_root, 3)"},
    {"name": "postal_area + first_name_root/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where postal_area is not null and left(first_name_root, 3) is not null group by postal_area, left(first_name_root, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 36 as rule_number from @keys as l inner join @keys as r on l.postal_area = r.postal_area and left(l.first_name_root, 3) = left(r.first_name_root, 3) and l.record_key < r.record_key", "block": "l.postal_area = r.postal_area and left(l.first_name_root, 3) = left(r.first_name_root, 3)"},
    {"name": "postcode + first_name_root/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where postcode is not null and left(first_name_root, 3) is not null group by postcode, left(first_name_root, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 37 as rule_number from @keys as l inner join @keys as r on l.postcode = r.postcode and left(l.first_name_root, 3) = left(r.first_name_root, 3) and l.record_key < r.record_key", "block": "l.postcode = r.postcode and left(l.first_name_root, 3) = left(r.first_name_root, 3)"},
    {"name": "street + first_name_root/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where street is not null and left(first_name_root, 3) is not null group by street, left(first_name_root, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 38 as rule_number from @keys as l inner join @keys as r on l.street = r.street and left(l.first_name_root, 3) = left(r.first_name_root, 3) and l.record_key < r.record_key", "block": "l.street = r.street and left(l.first_name_root, 3) = left(r.first_name_root, 3)"},
    {"name": "street + last_name/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where street is not null and left(last_name, 3) is not null group by street, left(last_name, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 39 as rule_number from @keys as l inner join @keys as r on l.street = r.street and left(l.last_name, 3) = left(r.last_name, 3) and l.record_key < r.record_key", "block": "l.street = r.street and left(l.last_name, 3) = left(r.last_name, 3)"},
    {"name": "city + first_name_root/3 + last_name/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where city is not null and left(first_name_root, 3) is not null and left(last_name, 3) is not null group by city, left(first_name_root, 3), left(last_name, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 40 as rule_number from @keys as l inner join @keys as r on l.city = r.city and left(l.first_name_root, 3) = left(r.first_name_root, 3) and left(l.last_name, 3) = left(r.last_name, 3) and l.record_key < r.record_key", "block": "l.city = r.city and left(l.first_name_root, 3) = left(r.first_name_root, 3) and left(l.last_name, 3) = left(r.last_name, 3)"},
    {"name": "city + first_name_root/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where city is not null and left(first_name_root, 3) is not null group by city, left(first_name_root, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 41 as rule_number from @keys as l inner join @keys as r on l.city = r.city and left(l.first_name_root, 3) = left(r.first_name_root, 3) and l.record_key < r.record_key", "block": "l.city = r.city and left(l.first_name_root, 3) = left(r.first_name_root, 3)"},
    {"name": "city + last_name/3", "count": "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from (select count(*) as records from @keys where city is not null and left(last_name, 3) is not null group by city, left(last_name, 3)) as blocks", "pairs": "select l.record_key as record_key_a, r.record_key as record_key_b, 42 as rule_number from @keys as l inner join @keys as r on l.city = r.city and left(l.last_name, 3) = left(r.last_name, 3) and l.record_key < r.record_key", "block": "l.city = r.city and left(l.last_name, 3) = left(r.last_name, 3)"}
]) }}
{%- endmacro %}

{% macro matching_limits() -%}
{{ return({"pairs_per_record": 20, "pairs_at_least": 20000}) }}
{%- endmacro %}

{% macro matching_is_allowed(consent, region) -%}
(coalesce({{ json_text(consent, 'profiling') }}, '') <> 'false')
{%- endmacro %}

{% macro matching_keys(persons, nicknames) -%}
{{ return(adapter.dispatch('matching_keys', 'braid')(persons, nicknames)) }}
{%- endmacro %}

{% macro default__matching_keys(persons, nicknames) -%}
with

cleaned as (
    select
        record_key,
        nullif(trim(regexp_replace(case when trim(regexp_replace(translate(replace(lower(first_name), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(first_name), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) end, '^((mr|mrs|ms|miss|mx|dr|prof|professor|sir|lady|lord|dame|rev|reverend|hon) )*((mr|mrs|ms|miss|mx|dr|prof|professor|sir|lady|lord|dame|rev|reverend|hon)$)?', '', 'g')), '') as first_name,
        case when trim(regexp_replace(translate(replace(lower(middle_name), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(middle_name), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) end as middle_name,
        case when trim(regexp_replace(translate(replace(lower(last_name), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(last_name), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) end as last_name,
        nullif(trim(regexp_replace(case when trim(regexp_replace(translate(replace(lower(case when full_name like '%, %' and full_name not like '%,%,%' and full_name not like '% %, %' then split_part(full_name, ', ', 2) || ' ' || split_part(full_name, ', ', 1) else full_name end), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(case when full_name like '%, %' and full_name not like '%,%,%' and full_name not like '% %, %' then split_part(full_name, ', ', 2) || ' ' || split_part(full_name, ', ', 1) else full_name end), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) end, '^((mr|mrs|ms|miss|mx|dr|prof|professor|sir|lady|lord|dame|rev|reverend|hon) )*((mr|mrs|ms|miss|mx|dr|prof|professor|sir|lady|lord|dame|rev|reverend|hon)$)?', '', 'g')), '') as full_name,
        nullif(trim(date_of_birth), '') as date_of_birth,
        case when email like '%_@_%' then lower(trim(email)) end as email,
        nullif(regexp_replace(phone, '[^0-9]', '', 'g'), '') as phone_digits,
        case when trim(regexp_replace(translate(replace(lower(street), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(street), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) end as street,
        case when trim(regexp_replace(translate(replace(lower(city), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(city), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) end as city,
        case when trim(regexp_replace(translate(replace(lower(state), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(state), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) end as state,
        nullif(regexp_replace(lower(postcode), '[^a-z0-9]', '', 'g'), '') as postcode,
        nullif(regexp_replace(lower(national_id), '[^a-z0-9]', '', 'g'), '') as national_id,
        case when trim(regexp_replace(translate(replace(lower(occupation), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(occupation), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) end as occupation,
        case when trim(regexp_replace(translate(replace(lower(birth_place), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(birth_place), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ', 'g')) end as birth_place
    from {{ persons }}
),

named as (
    select
        cleaned.*,
        coalesce(first_name, split_part(full_name, ' ', 1)) as given_name,
        coalesce(last_name, case when full_name like '% %' then split_part(full_name, ' ', -1) end) as family_name,
        coalesce(
            full_name,
            nullif(
                trim(coalesce(first_name || ' ', '') || coalesce(middle_name || ' ', '') || coalesce(last_name, '')), ''
            )
        ) as whole_name,
        nullif(regexp_replace(date_of_birth, '[^0-9]', '', 'g'), '') as birth_digits
    from cleaned
)

select
    record_key,
    given_name as first_name,
    coalesce(nicknames.root, given_name) as first_name_root,
    middle_name,
    family_name as last_name,
    string_split(whole_name, ' ') as name_parts,
    birth_digits,
    left(birth_digits, 4) as birth_year,
    case when length(birth_digits) = 8 then substr(birth_digits, 5) end as birth_day,
    try_cast(date_of_birth as date) as birth_date,
    email,
    split_part(email, '@', 1) as email_name,
    case when length(phone_digits) >= 6 then right(phone_digits, 9) end as phone,
    street,
    city,
    state,
    postcode,
    case
        when length(postcode) < 4 then postcode
        when left(postcode, 1) between 'a' and 'z' then left(postcode, length(postcode) - 3)
        else left(postcode, least(length(postcode), 5) - 2)
    end as postal_area,
    national_id,
    occupation,
    birth_place
from named
left join {{ nicknames }} as nicknames
    on named.given_name = nicknames.name
{%- endmacro %}

{% macro snowflake__matching_keys(persons, nicknames) -%}
with

cleaned as (
    select
        record_key,
        nullif(trim(regexp_replace(case when trim(regexp_replace(translate(replace(lower(first_name), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(first_name), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) end, '^((mr|mrs|ms|miss|mx|dr|prof|professor|sir|lady|lord|dame|rev|reverend|hon) )*((mr|mrs|ms|miss|mx|dr|prof|professor|sir|lady|lord|dame|rev|reverend|hon)$)?', '')), '') as first_name,
        case when trim(regexp_replace(translate(replace(lower(middle_name), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(middle_name), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) end as middle_name,
        case when trim(regexp_replace(translate(replace(lower(last_name), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(last_name), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) end as last_name,
        nullif(trim(regexp_replace(case when trim(regexp_replace(translate(replace(lower(case when full_name like '%, %' and full_name not like '%,%,%' and full_name not like '% %, %' then split_part(full_name, ', ', 2) || ' ' || split_part(full_name, ', ', 1) else full_name end), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(case when full_name like '%, %' and full_name not like '%,%,%' and full_name not like '% %, %' then split_part(full_name, ', ', 2) || ' ' || split_part(full_name, ', ', 1) else full_name end), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) end, '^((mr|mrs|ms|miss|mx|dr|prof|professor|sir|lady|lord|dame|rev|reverend|hon) )*((mr|mrs|ms|miss|mx|dr|prof|professor|sir|lady|lord|dame|rev|reverend|hon)$)?', '')), '') as full_name,
        nullif(trim(date_of_birth), '') as date_of_birth,
        case when email like '%_@_%' then lower(trim(email)) end as email,
        nullif(regexp_replace(phone, '[^0-9]', ''), '') as phone_digits,
        case when trim(regexp_replace(translate(replace(lower(street), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(street), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) end as street,
        case when trim(regexp_replace(translate(replace(lower(city), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(city), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) end as city,
        case when trim(regexp_replace(translate(replace(lower(state), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(state), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) end as state,
        nullif(regexp_replace(lower(postcode), '[^a-z0-9]', ''), '') as postcode,
        nullif(regexp_replace(lower(national_id), '[^a-z0-9]', ''), '') as national_id,
        case when trim(regexp_replace(translate(replace(lower(occupation), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(occupation), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) end as occupation,
        case when trim(regexp_replace(translate(replace(lower(birth_place), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) not in ('', 'n a', 'na', 'nan', 'nil', 'none', 'null', 'unknown', 'undefined', 'not known', 'not available') then trim(regexp_replace(translate(replace(lower(birth_place), 'ß', 'ss'), 'àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłľñńňòóôõöøōőŕřśşšșťţțùúûüūůűųýÿžźż', 'aaaaaaaaacccddeeeeeeeegiiiiiiillnnnoooooooorrsssstttuuuuuuuuyyzzz'), '[[:punct:][:space:]’‘´]+', ' ')) end as birth_place
    from {{ persons }}
),

named as (
    select
        cleaned.*,
        coalesce(first_name, split_part(full_name, ' ', 1)) as given_name,
        coalesce(last_name, case when full_name like '% %' then split_part(full_name, ' ', -1) end) as family_name,
        coalesce(
            full_name,
            nullif(
                trim(coalesce(first_name || ' ', '') || coalesce(middle_name || ' ', '') || coalesce(last_name, '')), ''
            )
        ) as whole_name,
        nullif(regexp_replace(date_of_birth, '[^0-9]', ''), '') as birth_digits
    from cleaned
)

select
    record_key,
    given_name as first_name,
    coalesce(nicknames.root, given_name) as first_name_root,
    middle_name,
    family_name as last_name,
    split(whole_name, ' ') as name_parts,
    birth_digits,
    left(birth_digits, 4) as birth_year,
    case when length(birth_digits) = 8 then substr(birth_digits, 5) end as birth_day,
    try_cast(date_of_birth as date) as birth_date,
    email,
    split_part(email, '@', 1) as email_name,
    case when length(phone_digits) >= 6 then right(phone_digits, 9) end as phone,
    street,
    city,
    state,
    postcode,
    case
        when length(postcode) < 4 then postcode
        when left(postcode, 1) between 'a' and 'z' then left(postcode, length(postcode) - 3)
        else left(postcode, least(length(postcode), 5) - 2)
    end as postal_area,
    national_id,
    occupation,
    birth_place
from named
left join {{ nicknames }} as nicknames
    on named.given_name = nicknames.name
{%- endmacro %}

{% macro matching_compared_pairs(keys, pairs, frequencies) -%}
{{ return(adapter.dispatch('matching_compared_pairs', 'braid')(keys, pairs, frequencies)) }}
{%- endmacro %}

{% macro default__matching_compared_pairs(keys, pairs, frequencies) -%}
with

keys as (
    select
        known.record_key,
        known.birth_digits,
        known.birth_place,
        known.birth_year,
        known.city,
        known.email,
        known.email_name,
        known.first_name,
        known.first_name_root,
        known.last_name,
        known.middle_name,
        known.national_id,
        known.occupation,
        known.phone,
        known.postal_area,
        known.postcode,
        known.state,
        known.street,
        tf_first_name.term_frequency as tf_first_name,
        tf_middle_name.term_frequency as tf_middle_name,
        tf_last_name.term_frequency as tf_last_name,
        tf_birth_digits.term_frequency as tf_birth_digits,
        tf_birth_place.term_frequency as tf_birth_place,
        tf_occupation.term_frequency as tf_occupation,
        tf_email.term_frequency as tf_email,
        tf_phone.term_frequency as tf_phone,
        tf_national_id.term_frequency as tf_national_id,
        tf_street.term_frequency as tf_street,
        tf_city.term_frequency as tf_city,
        tf_state.term_frequency as tf_state,
        tf_postcode.term_frequency as tf_postcode
    from {{ keys }} as known
    left join {{ frequencies }} as tf_first_name on tf_first_name.column_name = 'first_name' and known.first_name = tf_first_name.term    left join {{ frequencies }} as tf_middle_name on tf_middle_name.column_name = 'middle_name' and known.middle_name = tf_middle_name.term    left join {{ frequencies }} as tf_last_name on tf_last_name.column_name = 'last_name' and known.last_name = tf_last_name.term    left join {{ frequencies }} as tf_birth_digits on tf_birth_digits.column_name = 'birth_digits' and known.birth_digits = tf_birth_digits.term    left join {{ frequencies }} as tf_birth_place on tf_birth_place.column_name = 'birth_place' and known.birth_place = tf_birth_place.term    left join {{ frequencies }} as tf_occupation on tf_occupation.column_name = 'occupation' and known.occupation = tf_occupation.term    left join {{ frequencies }} as tf_email on tf_email.column_name = 'email' and known.email = tf_email.term    left join {{ frequencies }} as tf_phone on tf_phone.column_name = 'phone' and known.phone = tf_phone.term    left join {{ frequencies }} as tf_national_id on tf_national_id.column_name = 'national_id' and known.national_id = tf_national_id.term    left join {{ frequencies }} as tf_street on tf_street.column_name = 'street' and known.street = tf_street.term    left join {{ frequencies }} as tf_city on tf_city.column_name = 'city' and known.city = tf_city.term    left join {{ frequencies }} as tf_state on tf_state.column_name = 'state' and known.state = tf_state.term    left join {{ frequencies }} as tf_postcode on tf_postcode.column_name = 'postcode' and known.postcode = tf_postcode.term
)

select
    pairs.record_key_a,
    pairs.record_key_b,
    pairs.rule_number,
    case when l.first_name is null or r.first_name is null then -1 when l.first_name = r.first_name then 6 when l.first_name_root = r.first_name_root then 5 when floor(jaro_winkler_similarity(lower(l.first_name), lower(r.first_name)) * 100 + 0.000001) >= 90 then 4 when (floor(jaro_winkler_similarity(lower(l.first_name), lower(r.last_name)) * 100 + 0.000001) >= 85 and floor(jaro_winkler_similarity(lower(l.last_name), lower(r.first_name)) * 100 + 0.000001) >= 85) then 3 when (least(length(l.first_name), length(r.first_name)) >= 1 and left(l.first_name, least(length(l.first_name), length(r.first_name))) = left(r.first_name, least(length(l.first_name), length(r.first_name)))) then 2 when floor(jaro_winkler_similarity(lower(l.first_name), lower(r.first_name)) * 100 + 0.000001) >= 75 then 1 else 0 end as level_first_name,
        case when l.middle_name is null or r.middle_name is null then -1 when l.middle_name = r.middle_name then 2 when (least(length(l.middle_name), length(r.middle_name)) >= 1 and left(l.middle_name, least(length(l.middle_name), length(r.middle_name))) = left(r.middle_name, least(length(l.middle_name), length(r.middle_name)))) then 1 else 0 end as level_middle_name,
        case when l.last_name is null or r.last_name is null then -1 when l.last_name = r.last_name then 3 when floor(jaro_winkler_similarity(lower(l.last_name), lower(r.last_name)) * 100 + 0.000001) >= 90 then 2 when floor(jaro_winkler_similarity(lower(l.last_name), lower(r.last_name)) * 100 + 0.000001) >= 75 then 1 else 0 end as level_last_name,
        case when l.birth_digits is null or r.birth_digits is null then -1 when l.birth_digits = r.birth_digits then 4 when levenshtein(l.birth_digits, r.birth_digits) <= 1 then 3 when levenshtein(l.birth_digits, r.birth_digits) <= 2 then 2 when l.birth_year = r.birth_year then 1 else 0 end as level_date_of_birth,
        case when l.birth_place is null or r.birth_place is null then -1 when l.birth_place = r.birth_place then 2 when floor(jaro_winkler_similarity(lower(l.birth_place), lower(r.birth_place)) * 100 + 0.000001) >= 85 then 1 else 0 end as level_birth_place,
        case when l.occupation is null or r.occupation is null then -1 when l.occupation = r.occupation then 1 else 0 end as level_occupation,
        case when l.email is null or r.email is null then -1 when l.email = r.email then 3 when l.email_name = r.email_name then 2 when levenshtein(l.email, r.email) <= 2 then 1 else 0 end as level_email,
        case when l.phone is null or r.phone is null then -1 when l.phone = r.phone then 2 when levenshtein(l.phone, r.phone) <= 2 then 1 else 0 end as level_phone,
        case when l.national_id is null or r.national_id is null then -1 when l.national_id = r.national_id then 2 when levenshtein(l.national_id, r.national_id) <= 2 then 1 else 0 end as level_national_id,
        case when l.street is null or r.street is null then -1 when l.street = r.street then 2 when floor(jaro_winkler_similarity(lower(l.street), lower(r.street)) * 100 + 0.000001) >= 85 then 1 else 0 end as level_street,
        case when l.city is null or r.city is null then -1 when l.city = r.city then 2 when floor(jaro_winkler_similarity(lower(l.city), lower(r.city)) * 100 + 0.000001) >= 85 then 1 else 0 end as level_city,
        case when l.state is null or r.state is null then -1 when l.state = r.state then 1 else 0 end as level_state,
        case when l.postcode is null or r.postcode is null then -1 when l.postcode = r.postcode then 3 when levenshtein(l.postcode, r.postcode) <= 1 then 2 when l.postal_area = r.postal_area then 1 else 0 end as level_postcode,
    greatest(coalesce(l.tf_first_name, r.tf_first_name), coalesce(r.tf_first_name, l.tf_first_name)) as shared_first_name,
    greatest(coalesce(l.tf_middle_name, r.tf_middle_name), coalesce(r.tf_middle_name, l.tf_middle_name)) as shared_middle_name,
    greatest(coalesce(l.tf_last_name, r.tf_last_name), coalesce(r.tf_last_name, l.tf_last_name)) as shared_last_name,
    greatest(coalesce(l.tf_birth_digits, r.tf_birth_digits), coalesce(r.tf_birth_digits, l.tf_birth_digits)) as shared_birth_digits,
    greatest(coalesce(l.tf_birth_place, r.tf_birth_place), coalesce(r.tf_birth_place, l.tf_birth_place)) as shared_birth_place,
    greatest(coalesce(l.tf_occupation, r.tf_occupation), coalesce(r.tf_occupation, l.tf_occupation)) as shared_occupation,
    greatest(coalesce(l.tf_email, r.tf_email), coalesce(r.tf_email, l.tf_email)) as shared_email,
    greatest(coalesce(l.tf_phone, r.tf_phone), coalesce(r.tf_phone, l.tf_phone)) as shared_phone,
    greatest(coalesce(l.tf_national_id, r.tf_national_id), coalesce(r.tf_national_id, l.tf_national_id)) as shared_national_id,
    greatest(coalesce(l.tf_street, r.tf_street), coalesce(r.tf_street, l.tf_street)) as shared_street,
    greatest(coalesce(l.tf_city, r.tf_city), coalesce(r.tf_city, l.tf_city)) as shared_city,
    greatest(coalesce(l.tf_state, r.tf_state), coalesce(r.tf_state, l.tf_state)) as shared_state,
    greatest(coalesce(l.tf_postcode, r.tf_postcode), coalesce(r.tf_postcode, l.tf_postcode)) as shared_postcode
from {{ pairs }} as pairs
inner join keys as l
    on pairs.record_key_a = l.record_key
inner join keys as r
    on pairs.record_key_b = r.record_key
{%- endmacro %}

{% macro snowflake__matching_compared_pairs(keys, pairs, frequencies) -%}
with

keys as (
    select
        known.record_key,
        known.birth_digits,
        known.birth_place,
        known.birth_year,
        known.city,
        known.email,
        known.email_name,
        known.first_name,
        known.first_name_root,
        known.last_name,
        known.middle_name,
        known.national_id,
        known.occupation,
        known.phone,
        known.postal_area,
        known.postcode,
        known.state,
        known.street,
        tf_first_name.term_frequency as tf_first_name,
        tf_middle_name.term_frequency as tf_middle_name,
        tf_last_name.term_frequency as tf_last_name,
        tf_birth_digits.term_frequency as tf_birth_digits,
        tf_birth_place.term_frequency as tf_birth_place,
        tf_occupation.term_frequency as tf_occupation,
        tf_email.term_frequency as tf_email,
        tf_phone.term_frequency as tf_phone,
        tf_national_id.term_frequency as tf_national_id,
        tf_street.term_frequency as tf_street,
        tf_city.term_frequency as tf_city,
        tf_state.term_frequency as tf_state,
        tf_postcode.term_frequency as tf_postcode
    from {{ keys }} as known
    left join {{ frequencies }} as tf_first_name on tf_first_name.column_name = 'first_name' and known.first_name = tf_first_name.term    left join {{ frequencies }} as tf_middle_name on tf_middle_name.column_name = 'middle_name' and known.middle_name = tf_middle_name.term    left join {{ frequencies }} as tf_last_name on tf_last_name.column_name = 'last_name' and known.last_name = tf_last_name.term    left join {{ frequencies }} as tf_birth_digits on tf_birth_digits.column_name = 'birth_digits' and known.birth_digits = tf_birth_digits.term    left join {{ frequencies }} as tf_birth_place on tf_birth_place.column_name = 'birth_place' and known.birth_place = tf_birth_place.term    left join {{ frequencies }} as tf_occupation on tf_occupation.column_name = 'occupation' and known.occupation = tf_occupation.term    left join {{ frequencies }} as tf_email on tf_email.column_name = 'email' and known.email = tf_email.term    left join {{ frequencies }} as tf_phone on tf_phone.column_name = 'phone' and known.phone = tf_phone.term    left join {{ frequencies }} as tf_national_id on tf_national_id.column_name = 'national_id' and known.national_id = tf_national_id.term    left join {{ frequencies }} as tf_street on tf_street.column_name = 'street' and known.street = tf_street.term    left join {{ frequencies }} as tf_city on tf_city.column_name = 'city' and known.city = tf_city.term    left join {{ frequencies }} as tf_state on tf_state.column_name = 'state' and known.state = tf_state.term    left join {{ frequencies }} as tf_postcode on tf_postcode.column_name = 'postcode' and known.postcode = tf_postcode.term
)

select
    pairs.record_key_a,
    pairs.record_key_b,
    pairs.rule_number,
    case when l.first_name is null or r.first_name is null then -1 when l.first_name = r.first_name then 6 when l.first_name_root = r.first_name_root then 5 when jarowinkler_similarity(lower(l.first_name), lower(r.first_name)) >= 90 then 4 when (jarowinkler_similarity(lower(l.first_name), lower(r.last_name)) >= 85 and jarowinkler_similarity(lower(l.last_name), lower(r.first_name)) >= 85) then 3 when (least(length(l.first_name), length(r.first_name)) >= 1 and left(l.first_name, least(length(l.first_name), length(r.first_name))) = left(r.first_name, least(length(l.first_name), length(r.first_name)))) then 2 when jarowinkler_similarity(lower(l.first_name), lower(r.first_name)) >= 75 then 1 else 0 end as level_first_name,
        case when l.middle_name is null or r.middle_name is null then -1 when l.middle_name = r.middle_name then 2 when (least(length(l.middle_name), length(r.middle_name)) >= 1 and left(l.middle_name, least(length(l.middle_name), length(r.middle_name))) = left(r.middle_name, least(length(l.middle_name), length(r.middle_name)))) then 1 else 0 end as level_middle_name,
        case when l.last_name is null or r.last_name is null then -1 when l.last_name = r.last_name then 3 when jarowinkler_similarity(lower(l.last_name), lower(r.last_name)) >= 90 then 2 when jarowinkler_similarity(lower(l.last_name), lower(r.last_name)) >= 75 then 1 else 0 end as level_last_name,
        case when l.birth_digits is null or r.birth_digits is null then -1 when l.birth_digits = r.birth_digits then 4 when editdistance(l.birth_digits, r.birth_digits) <= 1 then 3 when editdistance(l.birth_digits, r.birth_digits) <= 2 then 2 when l.birth_year = r.birth_year then 1 else 0 end as level_date_of_birth,
        case when l.birth_place is null or r.birth_place is null then -1 when l.birth_place = r.birth_place then 2 when jarowinkler_similarity(lower(l.birth_place), lower(r.birth_place)) >= 85 then 1 else 0 end as level_birth_place,
        case when l.occupation is null or r.occupation is null then -1 when l.occupation = r.occupation then 1 else 0 end as level_occupation,
        case when l.email is null or r.email is null then -1 when l.email = r.email then 3 when l.email_name = r.email_name then 2 when editdistance(l.email, r.email) <= 2 then 1 else 0 end as level_email,
        case when l.phone is null or r.phone is null then -1 when l.phone = r.phone then 2 when editdistance(l.phone, r.phone) <= 2 then 1 else 0 end as level_phone,
        case when l.national_id is null or r.national_id is null then -1 when l.national_id = r.national_id then 2 when editdistance(l.national_id, r.national_id) <= 2 then 1 else 0 end as level_national_id,
        case when l.street is null or r.street is null then -1 when l.street = r.street then 2 when jarowinkler_similarity(lower(l.street), lower(r.street)) >= 85 then 1 else 0 end as level_street,
        case when l.city is null or r.city is null then -1 when l.city = r.city then 2 when jarowinkler_similarity(lower(l.city), lower(r.city)) >= 85 then 1 else 0 end as level_city,
        case when l.state is null or r.state is null then -1 when l.state = r.state then 1 else 0 end as level_state,
        case when l.postcode is null or r.postcode is null then -1 when l.postcode = r.postcode then 3 when editdistance(l.postcode, r.postcode) <= 1 then 2 when l.postal_area = r.postal_area then 1 else 0 end as level_postcode,
    greatest(coalesce(l.tf_first_name, r.tf_first_name), coalesce(r.tf_first_name, l.tf_first_name)) as shared_first_name,
    greatest(coalesce(l.tf_middle_name, r.tf_middle_name), coalesce(r.tf_middle_name, l.tf_middle_name)) as shared_middle_name,
    greatest(coalesce(l.tf_last_name, r.tf_last_name), coalesce(r.tf_last_name, l.tf_last_name)) as shared_last_name,
    greatest(coalesce(l.tf_birth_digits, r.tf_birth_digits), coalesce(r.tf_birth_digits, l.tf_birth_digits)) as shared_birth_digits,
    greatest(coalesce(l.tf_birth_place, r.tf_birth_place), coalesce(r.tf_birth_place, l.tf_birth_place)) as shared_birth_place,
    greatest(coalesce(l.tf_occupation, r.tf_occupation), coalesce(r.tf_occupation, l.tf_occupation)) as shared_occupation,
    greatest(coalesce(l.tf_email, r.tf_email), coalesce(r.tf_email, l.tf_email)) as shared_email,
    greatest(coalesce(l.tf_phone, r.tf_phone), coalesce(r.tf_phone, l.tf_phone)) as shared_phone,
    greatest(coalesce(l.tf_national_id, r.tf_national_id), coalesce(r.tf_national_id, l.tf_national_id)) as shared_national_id,
    greatest(coalesce(l.tf_street, r.tf_street), coalesce(r.tf_street, l.tf_street)) as shared_street,
    greatest(coalesce(l.tf_city, r.tf_city), coalesce(r.tf_city, l.tf_city)) as shared_city,
    greatest(coalesce(l.tf_state, r.tf_state), coalesce(r.tf_state, l.tf_state)) as shared_state,
    greatest(coalesce(l.tf_postcode, r.tf_postcode), coalesce(r.tf_postcode, l.tf_postcode)) as shared_postcode
from {{ pairs }} as pairs
inner join keys as l
    on pairs.record_key_a = l.record_key
inner join keys as r
    on pairs.record_key_b = r.record_key
{%- endmacro %}

{% macro matching_weighed_pairs(compared, weights) -%}
with

weights as (
    select
        max(case when comparison_name = 'prior' and comparison_level = 0 then match_weight end) as match_prior_0,
        max(case when comparison_name = 'prior' and comparison_level = 0 then household_weight end) as household_prior_0,
        max(case when comparison_name = 'prior' and comparison_level = 0 then namesake_weight end) as namesake_prior_0,
        max(case when comparison_name = 'moved' and comparison_level = 0 then match_weight end) as match_moved_0,
        max(case when comparison_name = 'moved' and comparison_level = 0 then household_weight end) as household_moved_0,
        max(case when comparison_name = 'moved' and comparison_level = 0 then namesake_weight end) as namesake_moved_0,
        max(case when comparison_name = 'first_name' and comparison_level = 6 then match_weight end) as match_first_name_6,
        max(case when comparison_name = 'first_name' and comparison_level = 6 then household_weight end) as household_first_name_6,
        max(case when comparison_name = 'first_name' and comparison_level = 6 then namesake_weight end) as namesake_first_name_6,
        max(case when comparison_name = 'first_name' and comparison_level = 5 then match_weight end) as match_first_name_5,
        max(case when comparison_name = 'first_name' and comparison_level = 5 then household_weight end) as household_first_name_5,
        max(case when comparison_name = 'first_name' and comparison_level = 5 then namesake_weight end) as namesake_first_name_5,
        max(case when comparison_name = 'first_name' and comparison_level = 4 then match_weight end) as match_first_name_4,
        max(case when comparison_name = 'first_name' and comparison_level = 4 then household_weight end) as household_first_name_4,
        max(case when comparison_name = 'first_name' and comparison_level = 4 then namesake_weight end) as namesake_first_name_4,
        max(case when comparison_name = 'first_name' and comparison_level = 3 then match_weight end) as match_first_name_3,
        max(case when comparison_name = 'first_name' and comparison_level = 3 then household_weight end) as household_first_name_3,
        max(case when comparison_name = 'first_name' and comparison_level = 3 then namesake_weight end) as namesake_first_name_3,
        max(case when comparison_name = 'first_name' and comparison_level = 2 then match_weight end) as match_first_name_2,
        max(case when comparison_name = 'first_name' and comparison_level = 2 then household_weight end) as household_first_name_2,
        max(case when comparison_name = 'first_name' and comparison_level = 2 then namesake_weight end) as namesake_first_name_2,
        max(case when comparison_name = 'first_name' and comparison_level = 1 then match_weight end) as match_first_name_1,
        max(case when comparison_name = 'first_name' and comparison_level = 1 then household_weight end) as household_first_name_1,
        max(case when comparison_name = 'first_name' and comparison_level = 1 then namesake_weight end) as namesake_first_name_1,
        max(case when comparison_name = 'first_name' and comparison_level = 0 then match_weight end) as match_first_name_0,
        max(case when comparison_name = 'first_name' and comparison_level = 0 then household_weight end) as household_first_name_0,
        max(case when comparison_name = 'first_name' and comparison_level = 0 then namesake_weight end) as namesake_first_name_0,
        max(case when comparison_name = 'middle_name' and comparison_level = 2 then match_weight end) as match_middle_name_2,
        max(case when comparison_name = 'middle_name' and comparison_level = 2 then household_weight end) as household_middle_name_2,
        max(case when comparison_name = 'middle_name' and comparison_level = 2 then namesake_weight end) as namesake_middle_name_2,
        max(case when comparison_name = 'middle_name' and comparison_level = 1 then match_weight end) as match_middle_name_1,
        max(case when comparison_name = 'middle_name' and comparison_level = 1 then household_weight end) as household_middle_name_1,
        max(case when comparison_name = 'middle_name' and comparison_level = 1 then namesake_weight end) as namesake_middle_name_1,
        max(case when comparison_name = 'middle_name' and comparison_level = 0 then match_weight end) as match_middle_name_0,
        max(case when comparison_name = 'middle_name' and comparison_level = 0 then household_weight end) as household_middle_name_0,
        max(case when comparison_name = 'middle_name' and comparison_level = 0 then namesake_weight end) as namesake_middle_name_0,
        max(case when comparison_name = 'last_name' and comparison_level = 3 then match_weight end) as match_last_name_3,
        max(case when comparison_name = 'last_name' and comparison_level = 3 then household_weight end) as household_last_name_3,
        max(case when comparison_name = 'last_name' and comparison_level = 3 then namesake_weight end) as namesake_last_name_3,
        max(case when comparison_name = 'last_name' and comparison_level = 2 then match_weight end) as match_last_name_2,
        max(case when comparison_name = 'last_name' and comparison_level = 2 then household_weight end) as household_last_name_2,
        max(case when comparison_name = 'last_name' and comparison_level = 2 then namesake_weight end) as namesake_last_name_2,
        max(case when comparison_name = 'last_name' and comparison_level = 1 then match_weight end) as match_last_name_1,
        max(case when comparison_name = 'last_name' and comparison_level = 1 then household_weight end) as household_last_name_1,
        max(case when comparison_name = 'last_name' and comparison_level = 1 then namesake_weight end) as namesake_last_name_1,
        max(case when comparison_name = 'last_name' and comparison_level = 0 then match_weight end) as match_last_name_0,
        max(case when comparison_name = 'last_name' and comparison_level = 0 then household_weight end) as household_last_name_0,
        max(case when comparison_name = 'last_name' and comparison_level = 0 then namesake_weight end) as namesake_last_name_0,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 4 then match_weight end) as match_date_of_birth_4,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 4 then household_weight end) as household_date_of_birth_4,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 4 then namesake_weight end) as namesake_date_of_birth_4,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 3 then match_weight end) as match_date_of_birth_3,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 3 then household_weight end) as household_date_of_birth_3,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 3 then namesake_weight end) as namesake_date_of_birth_3,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 2 then match_weight end) as match_date_of_birth_2,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 2 then household_weight end) as household_date_of_birth_2,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 2 then namesake_weight end) as namesake_date_of_birth_2,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 1 then match_weight end) as match_date_of_birth_1,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 1 then household_weight end) as household_date_of_birth_1,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 1 then namesake_weight end) as namesake_date_of_birth_1,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 0 then match_weight end) as match_date_of_birth_0,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 0 then household_weight end) as household_date_of_birth_0,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 0 then namesake_weight end) as namesake_date_of_birth_0,
        max(case when comparison_name = 'birth_place' and comparison_level = 2 then match_weight end) as match_birth_place_2,
        max(case when comparison_name = 'birth_place' and comparison_level = 2 then household_weight end) as household_birth_place_2,
        max(case when comparison_name = 'birth_place' and comparison_level = 2 then namesake_weight end) as namesake_birth_place_2,
        max(case when comparison_name = 'birth_place' and comparison_level = 1 then match_weight end) as match_birth_place_1,
        max(case when comparison_name = 'birth_place' and comparison_level = 1 then household_weight end) as household_birth_place_1,
        max(case when comparison_name = 'birth_place' and comparison_level = 1 then namesake_weight end) as namesake_birth_place_1,
        max(case when comparison_name = 'birth_place' and comparison_level = 0 then match_weight end) as match_birth_place_0,
        max(case when comparison_name = 'birth_place' and comparison_level = 0 then household_weight end) as household_birth_place_0,
        max(case when comparison_name = 'birth_place' and comparison_level = 0 then namesake_weight end) as namesake_birth_place_0,
        max(case when comparison_name = 'occupation' and comparison_level = 1 then match_weight end) as match_occupation_1,
        max(case when comparison_name = 'occupation' and comparison_level = 1 then household_weight end) as household_occupation_1,
        max(case when comparison_name = 'occupation' and comparison_level = 1 then namesake_weight end) as namesake_occupation_1,
        max(case when comparison_name = 'occupation' and comparison_level = 0 then match_weight end) as match_occupation_0,
        max(case when comparison_name = 'occupation' and comparison_level = 0 then household_weight end) as household_occupation_0,
        max(case when comparison_name = 'occupation' and comparison_level = 0 then namesake_weight end) as namesake_occupation_0,
        max(case when comparison_name = 'email' and comparison_level = 3 then match_weight end) as match_email_3,
        max(case when comparison_name = 'email' and comparison_level = 3 then household_weight end) as household_email_3,
        max(case when comparison_name = 'email' and comparison_level = 3 then namesake_weight end) as namesake_email_3,
        max(case when comparison_name = 'email' and comparison_level = 2 then match_weight end) as match_email_2,
        max(case when comparison_name = 'email' and comparison_level = 2 then household_weight end) as household_email_2,
        max(case when comparison_name = 'email' and comparison_level = 2 then namesake_weight end) as namesake_email_2,
        max(case when comparison_name = 'email' and comparison_level = 1 then match_weight end) as match_email_1,
        max(case when comparison_name = 'email' and comparison_level = 1 then household_weight end) as household_email_1,
        max(case when comparison_name = 'email' and comparison_level = 1 then namesake_weight end) as namesake_email_1,
        max(case when comparison_name = 'email' and comparison_level = 0 then match_weight end) as match_email_0,
        max(case when comparison_name = 'email' and comparison_level = 0 then household_weight end) as household_email_0,
        max(case when comparison_name = 'email' and comparison_level = 0 then namesake_weight end) as namesake_email_0,
        max(case when comparison_name = 'phone' and comparison_level = 2 then match_weight end) as match_phone_2,
        max(case when comparison_name = 'phone' and comparison_level = 2 then household_weight end) as household_phone_2,
        max(case when comparison_name = 'phone' and comparison_level = 2 then namesake_weight end) as namesake_phone_2,
        max(case when comparison_name = 'phone' and comparison_level = 1 then match_weight end) as match_phone_1,
        max(case when comparison_name = 'phone' and comparison_level = 1 then household_weight end) as household_phone_1,
        max(case when comparison_name = 'phone' and comparison_level = 1 then namesake_weight end) as namesake_phone_1,
        max(case when comparison_name = 'phone' and comparison_level = 0 then match_weight end) as match_phone_0,
        max(case when comparison_name = 'phone' and comparison_level = 0 then household_weight end) as household_phone_0,
        max(case when comparison_name = 'phone' and comparison_level = 0 then namesake_weight end) as namesake_phone_0,
        max(case when comparison_name = 'national_id' and comparison_level = 2 then match_weight end) as match_national_id_2,
        max(case when comparison_name = 'national_id' and comparison_level = 2 then household_weight end) as household_national_id_2,
        max(case when comparison_name = 'national_id' and comparison_level = 2 then namesake_weight end) as namesake_national_id_2,
        max(case when comparison_name = 'national_id' and comparison_level = 1 then match_weight end) as match_national_id_1,
        max(case when comparison_name = 'national_id' and comparison_level = 1 then household_weight end) as household_national_id_1,
        max(case when comparison_name = 'national_id' and comparison_level = 1 then namesake_weight end) as namesake_national_id_1,
        max(case when comparison_name = 'national_id' and comparison_level = 0 then match_weight end) as match_national_id_0,
        max(case when comparison_name = 'national_id' and comparison_level = 0 then household_weight end) as household_national_id_0,
        max(case when comparison_name = 'national_id' and comparison_level = 0 then namesake_weight end) as namesake_national_id_0,
        max(case when comparison_name = 'street' and comparison_level = 2 then match_weight end) as match_street_2,
        max(case when comparison_name = 'street' and comparison_level = 2 then household_weight end) as household_street_2,
        max(case when comparison_name = 'street' and comparison_level = 2 then namesake_weight end) as namesake_street_2,
        max(case when comparison_name = 'street' and comparison_level = 1 then match_weight end) as match_street_1,
        max(case when comparison_name = 'street' and comparison_level = 1 then household_weight end) as household_street_1,
        max(case when comparison_name = 'street' and comparison_level = 1 then namesake_weight end) as namesake_street_1,
        max(case when comparison_name = 'street' and comparison_level = 0 then match_weight end) as match_street_0,
        max(case when comparison_name = 'street' and comparison_level = 0 then household_weight end) as household_street_0,
        max(case when comparison_name = 'street' and comparison_level = 0 then namesake_weight end) as namesake_street_0,
        max(case when comparison_name = 'city' and comparison_level = 2 then match_weight end) as match_city_2,
        max(case when comparison_name = 'city' and comparison_level = 2 then household_weight end) as household_city_2,
        max(case when comparison_name = 'city' and comparison_level = 2 then namesake_weight end) as namesake_city_2,
        max(case when comparison_name = 'city' and comparison_level = 1 then match_weight end) as match_city_1,
        max(case when comparison_name = 'city' and comparison_level = 1 then household_weight end) as household_city_1,
        max(case when comparison_name = 'city' and comparison_level = 1 then namesake_weight end) as namesake_city_1,
        max(case when comparison_name = 'city' and comparison_level = 0 then match_weight end) as match_city_0,
        max(case when comparison_name = 'city' and comparison_level = 0 then household_weight end) as household_city_0,
        max(case when comparison_name = 'city' and comparison_level = 0 then namesake_weight end) as namesake_city_0,
        max(case when comparison_name = 'state' and comparison_level = 1 then match_weight end) as match_state_1,
        max(case when comparison_name = 'state' and comparison_level = 1 then household_weight end) as household_state_1,
        max(case when comparison_name = 'state' and comparison_level = 1 then namesake_weight end) as namesake_state_1,
        max(case when comparison_name = 'state' and comparison_level = 0 then match_weight end) as match_state_0,
        max(case when comparison_name = 'state' and comparison_level = 0 then household_weight end) as household_state_0,
        max(case when comparison_name = 'state' and comparison_level = 0 then namesake_weight end) as namesake_state_0,
        max(case when comparison_name = 'postcode' and comparison_level = 3 then match_weight end) as match_postcode_3,
        max(case when comparison_name = 'postcode' and comparison_level = 3 then household_weight end) as household_postcode_3,
        max(case when comparison_name = 'postcode' and comparison_level = 3 then namesake_weight end) as namesake_postcode_3,
        max(case when comparison_name = 'postcode' and comparison_level = 2 then match_weight end) as match_postcode_2,
        max(case when comparison_name = 'postcode' and comparison_level = 2 then household_weight end) as household_postcode_2,
        max(case when comparison_name = 'postcode' and comparison_level = 2 then namesake_weight end) as namesake_postcode_2,
        max(case when comparison_name = 'postcode' and comparison_level = 1 then match_weight end) as match_postcode_1,
        max(case when comparison_name = 'postcode' and comparison_level = 1 then household_weight end) as household_postcode_1,
        max(case when comparison_name = 'postcode' and comparison_level = 1 then namesake_weight end) as namesake_postcode_1,
        max(case when comparison_name = 'postcode' and comparison_level = 0 then match_weight end) as match_postcode_0,
        max(case when comparison_name = 'postcode' and comparison_level = 0 then household_weight end) as household_postcode_0,
        max(case when comparison_name = 'postcode' and comparison_level = 0 then namesake_weight end) as namesake_postcode_0,
        max(case when comparison_name = 'first_name' and comparison_level = 6 then ln(u_probability) / ln(2) end) as log_u_first_name_6,
        max(case when comparison_name = 'first_name' and comparison_level = 6 then term_frequency_weight end) as rarity_first_name_6,
        max(case when comparison_name = 'middle_name' and comparison_level = 2 then ln(u_probability) / ln(2) end) as log_u_middle_name_2,
        max(case when comparison_name = 'middle_name' and comparison_level = 2 then term_frequency_weight end) as rarity_middle_name_2,
        max(case when comparison_name = 'last_name' and comparison_level = 3 then ln(u_probability) / ln(2) end) as log_u_last_name_3,
        max(case when comparison_name = 'last_name' and comparison_level = 3 then term_frequency_weight end) as rarity_last_name_3,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 4 then ln(u_probability) / ln(2) end) as log_u_date_of_birth_4,
        max(case when comparison_name = 'date_of_birth' and comparison_level = 4 then term_frequency_weight end) as rarity_date_of_birth_4,
        max(case when comparison_name = 'birth_place' and comparison_level = 2 then ln(u_probability) / ln(2) end) as log_u_birth_place_2,
        max(case when comparison_name = 'birth_place' and comparison_level = 2 then term_frequency_weight end) as rarity_birth_place_2,
        max(case when comparison_name = 'occupation' and comparison_level = 1 then ln(u_probability) / ln(2) end) as log_u_occupation_1,
        max(case when comparison_name = 'occupation' and comparison_level = 1 then term_frequency_weight end) as rarity_occupation_1,
        max(case when comparison_name = 'email' and comparison_level = 3 then ln(u_probability) / ln(2) end) as log_u_email_3,
        max(case when comparison_name = 'email' and comparison_level = 3 then term_frequency_weight end) as rarity_email_3,
        max(case when comparison_name = 'phone' and comparison_level = 2 then ln(u_probability) / ln(2) end) as log_u_phone_2,
        max(case when comparison_name = 'phone' and comparison_level = 2 then term_frequency_weight end) as rarity_phone_2,
        max(case when comparison_name = 'national_id' and comparison_level = 2 then ln(u_probability) / ln(2) end) as log_u_national_id_2,
        max(case when comparison_name = 'national_id' and comparison_level = 2 then term_frequency_weight end) as rarity_national_id_2,
        max(case when comparison_name = 'street' and comparison_level = 2 then ln(u_probability) / ln(2) end) as log_u_street_2,
        max(case when comparison_name = 'street' and comparison_level = 2 then term_frequency_weight end) as rarity_street_2,
        max(case when comparison_name = 'city' and comparison_level = 2 then ln(u_probability) / ln(2) end) as log_u_city_2,
        max(case when comparison_name = 'city' and comparison_level = 2 then term_frequency_weight end) as rarity_city_2,
        max(case when comparison_name = 'state' and comparison_level = 1 then ln(u_probability) / ln(2) end) as log_u_state_1,
        max(case when comparison_name = 'state' and comparison_level = 1 then term_frequency_weight end) as rarity_state_1,
        max(case when comparison_name = 'postcode' and comparison_level = 3 then ln(u_probability) / ln(2) end) as log_u_postcode_3,
        max(case when comparison_name = 'postcode' and comparison_level = 3 then term_frequency_weight end) as rarity_postcode_3
    from {{ weights }}
),

weighed as (
    select
        compared.*,
        weights.match_prior_0 as weight_prior,
        weights.match_moved_0 as weight_moved,
        case compared.level_first_name when 6 then weights.match_first_name_6 + coalesce(weights.rarity_first_name_6 * (weights.log_u_first_name_6 - ln(shared_first_name) / ln(2)), 0) when 5 then weights.match_first_name_5 when 4 then weights.match_first_name_4 when 3 then weights.match_first_name_3 when 2 then weights.match_first_name_2 when 1 then weights.match_first_name_1 when 0 then weights.match_first_name_0 else 0 end as weight_first_name,
        case compared.level_middle_name when 2 then weights.match_middle_name_2 + coalesce(weights.rarity_middle_name_2 * (weights.log_u_middle_name_2 - ln(shared_middle_name) / ln(2)), 0) when 1 then weights.match_middle_name_1 when 0 then weights.match_middle_name_0 else 0 end as weight_middle_name,
        case compared.level_last_name when 3 then weights.match_last_name_3 + coalesce(weights.rarity_last_name_3 * (weights.log_u_last_name_3 - ln(shared_last_name) / ln(2)), 0) when 2 then weights.match_last_name_2 when 1 then weights.match_last_name_1 when 0 then weights.match_last_name_0 else 0 end as weight_last_name,
        case compared.level_date_of_birth when 4 then weights.match_date_of_birth_4 + coalesce(weights.rarity_date_of_birth_4 * (weights.log_u_date_of_birth_4 - ln(shared_birth_digits) / ln(2)), 0) when 3 then weights.match_date_of_birth_3 when 2 then weights.match_date_of_birth_2 when 1 then weights.match_date_of_birth_1 when 0 then weights.match_date_of_birth_0 else 0 end as weight_date_of_birth,
        case compared.level_birth_place when 2 then weights.match_birth_place_2 + coalesce(weights.rarity_birth_place_2 * (weights.log_u_birth_place_2 - ln(shared_birth_place) / ln(2)), 0) when 1 then weights.match_birth_place_1 when 0 then weights.match_birth_place_0 else 0 end as weight_birth_place,
        case compared.level_occupation when 1 then weights.match_occupation_1 + coalesce(weights.rarity_occupation_1 * (weights.log_u_occupation_1 - ln(shared_occupation) / ln(2)), 0) when 0 then weights.match_occupation_0 else 0 end as weight_occupation,
        case compared.level_email when 3 then weights.match_email_3 + coalesce(weights.rarity_email_3 * (weights.log_u_email_3 - ln(shared_email) / ln(2)), 0) when 2 then weights.match_email_2 when 1 then weights.match_email_1 when 0 then weights.match_email_0 else 0 end as weight_email,
        case compared.level_phone when 2 then weights.match_phone_2 + coalesce(weights.rarity_phone_2 * (weights.log_u_phone_2 - ln(shared_phone) / ln(2)), 0) when 1 then weights.match_phone_1 when 0 then weights.match_phone_0 else 0 end as weight_phone,
        case compared.level_national_id when 2 then weights.match_national_id_2 + coalesce(weights.rarity_national_id_2 * (weights.log_u_national_id_2 - ln(shared_national_id) / ln(2)), 0) when 1 then weights.match_national_id_1 when 0 then weights.match_national_id_0 else 0 end as weight_national_id,
        case compared.level_street when 2 then weights.match_street_2 + coalesce(weights.rarity_street_2 * (weights.log_u_street_2 - ln(shared_street) / ln(2)), 0) when 1 then weights.match_street_1 when 0 then weights.match_street_0 else 0 end as weight_street,
        case compared.level_city when 2 then weights.match_city_2 + coalesce(weights.rarity_city_2 * (weights.log_u_city_2 - ln(shared_city) / ln(2)), 0) when 1 then weights.match_city_1 when 0 then weights.match_city_0 else 0 end as weight_city,
        case compared.level_state when 1 then weights.match_state_1 + coalesce(weights.rarity_state_1 * (weights.log_u_state_1 - ln(shared_state) / ln(2)), 0) when 0 then weights.match_state_0 else 0 end as weight_state,
        case compared.level_postcode when 3 then weights.match_postcode_3 + coalesce(weights.rarity_postcode_3 * (weights.log_u_postcode_3 - ln(shared_postcode) / ln(2)), 0) when 2 then weights.match_postcode_2 when 1 then weights.match_postcode_1 when 0 then weights.match_postcode_0 else 0 end as weight_postcode,
        weights.household_prior_0 + case compared.level_first_name when 6 then weights.household_first_name_6 when 5 then weights.household_first_name_5 when 4 then weights.household_first_name_4 when 3 then weights.household_first_name_3 when 2 then weights.household_first_name_2 when 1 then weights.household_first_name_1 when 0 then weights.household_first_name_0 else 0 end
            + case compared.level_middle_name when 2 then weights.household_middle_name_2 + coalesce(weights.rarity_middle_name_2 * (weights.log_u_middle_name_2 - ln(shared_middle_name) / ln(2)), 0) when 1 then weights.household_middle_name_1 when 0 then weights.household_middle_name_0 else 0 end
            + case compared.level_last_name when 3 then weights.household_last_name_3 + coalesce(weights.rarity_last_name_3 * (weights.log_u_last_name_3 - ln(shared_last_name) / ln(2)), 0) when 2 then weights.household_last_name_2 when 1 then weights.household_last_name_1 when 0 then weights.household_last_name_0 else 0 end
            + case compared.level_date_of_birth when 4 then weights.household_date_of_birth_4 when 3 then weights.household_date_of_birth_3 when 2 then weights.household_date_of_birth_2 when 1 then weights.household_date_of_birth_1 when 0 then weights.household_date_of_birth_0 else 0 end
            + case compared.level_birth_place when 2 then weights.household_birth_place_2 + coalesce(weights.rarity_birth_place_2 * (weights.log_u_birth_place_2 - ln(shared_birth_place) / ln(2)), 0) when 1 then weights.household_birth_place_1 when 0 then weights.household_birth_place_0 else 0 end
            + case compared.level_occupation when 1 then weights.household_occupation_1 + coalesce(weights.rarity_occupation_1 * (weights.log_u_occupation_1 - ln(shared_occupation) / ln(2)), 0) when 0 then weights.household_occupation_0 else 0 end
            + case when compared.level_first_name > 0 then greatest(case compared.level_email when 3 then weights.household_email_3 + coalesce(weights.rarity_email_3 * (weights.log_u_email_3 - ln(shared_email) / ln(2)), 0) when 2 then weights.household_email_2 when 1 then weights.household_email_1 when 0 then weights.household_email_0 else 0 end, case compared.level_email when 3 then weights.namesake_email_3 when 2 then weights.namesake_email_2 when 1 then weights.namesake_email_1 when 0 then weights.namesake_email_0 else 0 end) else case compared.level_email when 3 then weights.household_email_3 + coalesce(weights.rarity_email_3 * (weights.log_u_email_3 - ln(shared_email) / ln(2)), 0) when 2 then weights.household_email_2 when 1 then weights.household_email_1 when 0 then weights.household_email_0 else 0 end end
            + case compared.level_phone when 2 then weights.household_phone_2 + coalesce(weights.rarity_phone_2 * (weights.log_u_phone_2 - ln(shared_phone) / ln(2)), 0) when 1 then weights.household_phone_1 when 0 then weights.household_phone_0 else 0 end
            + case compared.level_national_id when 2 then weights.household_national_id_2 when 1 then weights.household_national_id_1 when 0 then weights.household_national_id_0 else 0 end
            + case compared.level_street when 2 then weights.household_street_2 + coalesce(weights.rarity_street_2 * (weights.log_u_street_2 - ln(shared_street) / ln(2)), 0) when 1 then weights.household_street_1 when 0 then weights.household_street_0 else 0 end
            + case compared.level_city when 2 then weights.household_city_2 + coalesce(weights.rarity_city_2 * (weights.log_u_city_2 - ln(shared_city) / ln(2)), 0) when 1 then weights.household_city_1 when 0 then weights.household_city_0 else 0 end
            + case compared.level_state when 1 then weights.household_state_1 + coalesce(weights.rarity_state_1 * (weights.log_u_state_1 - ln(shared_state) / ln(2)), 0) when 0 then weights.household_state_0 else 0 end
            + case compared.level_postcode when 3 then weights.household_postcode_3 + coalesce(weights.rarity_postcode_3 * (weights.log_u_postcode_3 - ln(shared_postcode) / ln(2)), 0) when 2 then weights.household_postcode_2 when 1 then weights.household_postcode_1 when 0 then weights.household_postcode_0 else 0 end as household_weight,
        weights.namesake_prior_0 + case compared.level_first_name when 6 then weights.namesake_first_name_6 + coalesce(weights.rarity_first_name_6 * (weights.log_u_first_name_6 - ln(shared_first_name) / ln(2)), 0) when 5 then weights.namesake_first_name_5 when 4 then weights.namesake_first_name_4 when 3 then weights.namesake_first_name_3 when 2 then weights.namesake_first_name_2 when 1 then weights.namesake_first_name_1 when 0 then weights.namesake_first_name_0 else 0 end
            + case compared.level_middle_name when 2 then weights.namesake_middle_name_2 + coalesce(weights.rarity_middle_name_2 * (weights.log_u_middle_name_2 - ln(shared_middle_name) / ln(2)), 0) when 1 then weights.namesake_middle_name_1 when 0 then weights.namesake_middle_name_0 else 0 end
            + case compared.level_last_name when 3 then weights.namesake_last_name_3 + coalesce(weights.rarity_last_name_3 * (weights.log_u_last_name_3 - ln(shared_last_name) / ln(2)), 0) when 2 then weights.namesake_last_name_2 when 1 then weights.namesake_last_name_1 when 0 then weights.namesake_last_name_0 else 0 end
            + case compared.level_email when 3 then weights.namesake_email_3 when 2 then weights.namesake_email_2 when 1 then weights.namesake_email_1 when 0 then weights.namesake_email_0 else 0 end as namesake_weight
    from {{ compared }} as compared
    cross join weights
),

summed as (
    select
        weighed.*,
        weight_prior + weight_first_name
            + weight_middle_name
            + weight_last_name
            + weight_date_of_birth
            + weight_birth_place
            + weight_occupation
            + weight_email
            + weight_phone
            + weight_national_id
            + weight_street
            + weight_city
            + weight_state
            + weight_postcode as match_weight,
        weight_moved + weight_first_name
            + weight_middle_name
            + weight_last_name
            + weight_date_of_birth
            + weight_birth_place
            + weight_occupation
            + weight_email
            + weight_national_id as moved_weight,
        greatest(household_weight, namesake_weight)
        + case when -abs(household_weight - namesake_weight) > 60 then -abs(household_weight - namesake_weight) when -abs(household_weight - namesake_weight) > -60 then ln(1 + power(cast(2 as double), -abs(household_weight - namesake_weight))) / ln(2) else 0 end as rival_weight
    from weighed
),

rivalled as (
    select
        summed.*,
        1 / (1 + power(cast(2 as double), -(least(greatest(match_weight, -1000), 1000)))) as match_probability,
        greatest(match_weight, moved_weight) + case when -abs(match_weight - moved_weight) > 60 then -abs(match_weight - moved_weight) when -abs(match_weight - moved_weight) > -60 then ln(1 + power(cast(2 as double), -abs(match_weight - moved_weight))) / ln(2) else 0 end
        - (case when rival_weight > 60 then rival_weight when rival_weight > -60 then ln(1 + power(cast(2 as double), rival_weight)) / ln(2) else 0 end) as link_weight
    from summed
)

select
    rivalled.*,
    1 / (1 + power(cast(2 as double), -(least(greatest(link_weight, -1000), 1000)))) as link_probability
from rivalled
{%- endmacro %}

{% macro matching_evidence(relation) -%}
substr(
    case when {{ relation }}.level_first_name >= 0 then ', first_name ' || cast(cast({{ relation }}.weight_first_name as decimal(9, 1)) as varchar) else '' end ||
    case when {{ relation }}.level_middle_name >= 0 then ', middle_name ' || cast(cast({{ relation }}.weight_middle_name as decimal(9, 1)) as varchar) else '' end ||
    case when {{ relation }}.level_last_name >= 0 then ', last_name ' || cast(cast({{ relation }}.weight_last_name as decimal(9, 1)) as varchar) else '' end ||
    case when {{ relation }}.level_date_of_birth >= 0 then ', date_of_birth ' || cast(cast({{ relation }}.weight_date_of_birth as decimal(9, 1)) as varchar) else '' end ||
    case when {{ relation }}.level_birth_place >= 0 then ', birth_place ' || cast(cast({{ relation }}.weight_birth_place as decimal(9, 1)) as varchar) else '' end ||
    case when {{ relation }}.level_occupation >= 0 then ', occupation ' || cast(cast({{ relation }}.weight_occupation as decimal(9, 1)) as varchar) else '' end ||
    case when {{ relation }}.level_email >= 0 then ', email ' || cast(cast({{ relation }}.weight_email as decimal(9, 1)) as varchar) else '' end ||
    case when {{ relation }}.level_phone >= 0 then ', phone ' || cast(cast({{ relation }}.weight_phone as decimal(9, 1)) as varchar) else '' end ||
    case when {{ relation }}.level_national_id >= 0 then ', national_id ' || cast(cast({{ relation }}.weight_national_id as decimal(9, 1)) as varchar) else '' end ||
    case when {{ relation }}.level_street >= 0 then ', street ' || cast(cast({{ relation }}.weight_street as decimal(9, 1)) as varchar) else '' end ||
    case when {{ relation }}.level_city >= 0 then ', city ' || cast(cast({{ relation }}.weight_city as decimal(9, 1)) as varchar) else '' end ||
    case when {{ relation }}.level_state >= 0 then ', state ' || cast(cast({{ relation }}.weight_state as decimal(9, 1)) as varchar) else '' end ||
    case when {{ relation }}.level_postcode >= 0 then ', postcode ' || cast(cast({{ relation }}.weight_postcode as decimal(9, 1)) as varchar) else '' end, 3)
{%- endmacro %}

{% macro matching_cluster_start() -%}
{{ return([
    ["@clusters_now", "select record_key, record_key as cluster_key from @keys"],
    ["@linked_now", "select record_key_a as record_key from @weighed where link_weight >= @threshold union select record_key_b from @weighed where link_weight >= @threshold"],
    ["@edges_now", "select pairs.record_key_a as cluster_a, pairs.record_key_b as cluster_b, pairs.link_weight as best, greatest(pairs.link_weight, -20) as total, 1 as pairs from @weighed as pairs inner join @linked_now as a on pairs.record_key_a = a.record_key inner join @linked_now as b on pairs.record_key_b = b.record_key"]
]) }}
{%- endmacro %}

{% macro matching_cluster_round() -%}
{{ return([
    ["@sizes_now", "select cluster_key, count(*) as records from @clusters_before group by cluster_key"],
    ["@scored_now", "select edges.cluster_a, edges.cluster_b, 0.5 * edges.best + 0.5 * (edges.total + (-10) * (a.records * b.records - edges.pairs)) / (a.records * b.records) as score from @edges_before as edges inner join @sizes_now as a on edges.cluster_a = a.cluster_key inner join @sizes_now as b on edges.cluster_b = b.cluster_key where 0.5 * edges.best + 0.5 * (edges.total + (-10) * (a.records * b.records - edges.pairs)) / (a.records * b.records) >= @threshold"],
    ["@joined_now", "select one.this as kept, one.other as gone from (select this, other, row_number() over (partition by this order by score desc, least(this, other) asc, greatest(this, other) asc) as place from (select cluster_a as this, cluster_b as other, round(score, 6) as score from @scored_now union all select cluster_b, cluster_a, round(score, 6) from @scored_now) as neighbours) as one inner join (select this, other, row_number() over (partition by this order by score desc, least(this, other) asc, greatest(this, other) asc) as place from (select cluster_a as this, cluster_b as other, round(score, 6) as score from @scored_now union all select cluster_b, cluster_a, round(score, 6) from @scored_now) as neighbours) as two on one.other = two.this and two.other = one.this where one.place = 1 and two.place = 1 and one.this < one.other"],
    ["@clusters_now", "select clusters.record_key, coalesce(joined.kept, clusters.cluster_key) as cluster_key from @clusters_before as clusters left join @joined_now as joined on clusters.cluster_key = joined.gone"],
    ["@edges_now", "select least(a, b) as cluster_a, greatest(a, b) as cluster_b, max(best) as best, sum(total) as total, sum(pairs) as pairs from (select coalesce(one.kept, edges.cluster_a) as a, coalesce(two.kept, edges.cluster_b) as b, edges.best, edges.total, edges.pairs from @edges_before as edges left join @joined_now as one on edges.cluster_a = one.gone left join @joined_now as two on edges.cluster_b = two.gone) as moved where a <> b group by least(a, b), greatest(a, b)"]
]) }}
{%- endmacro %}
