"""The ledger's models, in the order they are built in, and the tables they read, as far as they read them."""

from __future__ import annotations

# What a build that goes by what changed reads another way, and the number that stands in it.
BY_CHANGES = ("int_identity__reached_records", "int_identity__changed_records", "customer_ids", "customer_xref")
NUMBER = "987654321"
GRAPH = (
    "int_identity__reached_records",
    "int_identity__changed_records",
    "int_identity__touched_records",
    "int_identity__graph_changes",
    "identity_gate",
    "int_identity__touched_clusters",
)
BOOKS = ("customer_ids", "customer_xref", "identity_builds")
MODELS = (
    "int_identity__links",
    "int_identity__decisions",
    "int_identity__joins",
    "int_identity__cut_links",
    "int_identity__decided_links",
    "int_identity__build",
    "int_identity__published_records",
    *GRAPH,
    "customer_ids",
    "customer_id_lookup",
    "customer_xref",
    "identity_builds",
)
SCHEMAS = ("identity", "contracts", "ops")
INPUTS = """
create table identity.int_identity__records (
    record_key varchar, created_at timestamp, updated_at timestamp, record_number ubigint as (hash(record_key)));
create table identity.int_identity__moved_records (record_key varchar, successor_key varchar);
create table identity.int_identity__identifiers (
    record_key varchar, identifier_type varchar, identifier_value varchar, written_value varchar,
    identifier_status varchar, priority integer, record_number ubigint as (hash(record_key)),
    value_number ubigint as (hash(identifier_type, identifier_value)));
create table identity.int_identity__judged_pairs (
    record_key_a varchar, record_key_b varchar, verdict varchar, evidence varchar, link_probability double);
create table identity.int_identity__joined_records (record_key varchar, join_group varchar);
create table identity.int_identity__candidate_clusters (
    record_key varchar, cluster_key varchar, written_number bigint, node_number ubigint as (hash(record_key)),
    component_number ubigint as (hash(cluster_key)));
create table identity.int_identity__candidate_clusters__gone (node varchar, gone_number bigint);
insert into identity.int_identity__candidate_clusters__gone values (null, 1);
create table identity.int_identity__new_over_limits (identifier_type varchar);
create table contracts.identity_rules (rules_version varchar);
create table contracts.identity_gate_limits (measure varchar, most bigint, percent_of_published bigint);
create table ops.extract_runs (status varchar, finished_at timestamp);
create table ops.identity_decisions (
    decision_id varchar, kind varchar, record_key_a varchar, record_key_b varchar, identifier_type varchar,
    identifier_value varchar, undoes varchar, allows varchar, why varchar, decided_by varchar, decided_at timestamp);
insert into contracts.identity_rules values ('rules');
insert into contracts.identity_gate_limits
select unnest(['merged_customers', 'customers_in_one', 'split_customers', 'records_gained', 'largest_cluster',
    'over_limit_identifiers']), 1000, 0;
"""
