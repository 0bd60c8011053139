"""What dbt needs of the contracts, as seeds and as SQL: dbt cannot read YAML of ours while it compiles.

The files are committed and derived: ``build`` writes them, ``check`` names those that do not say what the YAML says.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from contracts import (
    attribution,
    blocked_patterns,
    channels,
    derived,
    emails,
    engagement,
    funnels,
    households,
    identifiers,
    identity_gate,
    load_anomalies,
    nicknames,
    regions,
    schema_changes,
    survivorship,
)
from contracts.reading import HERE

SEEDS = HERE.parent / "seeds" / "contracts"
MACROS = HERE.parent / "macros" / "contracts"
_PATTERNS = ("*.csv",)
_MACRO_PATTERNS = ("*.sql",)

Cell = str | int | bool | None

# Seeds that decide which records are one customer; a change of them is a new version of the rules.
_RULES = ("identifier_", "email_domains", "phone_regions", "country_names", "source_regions", "nicknames")

# What dbt's CSV readers take for no value at all; SQL takes it for what it is.
_READ_AS_NOTHING = ("", "null")


def rendered(folder: Path = HERE) -> Mapping[str, str]:
    """Name and content of every seed, from the YAML files in ``folder``. Raises ContractError."""
    content = _rendered(folder)
    rules = hashlib.sha256()
    for name in sorted(name for name in content if name.startswith(_RULES)):
        rules.update(f"{name}\n{content[name]}".encode())
    for name, text in rendered_macros(folder).items():
        rules.update(f"{name}\n{text}".encode())
    return {**content, "identity_rules.csv": _csv(("rules_version",), [(f"rules_{rules.hexdigest()[:12]}",)])}


def _rendered(folder: Path) -> Mapping[str, str]:
    kinds = identifiers.read(folder / "identifiers.yml")
    providers = emails.read(folder / "email_providers.yml")
    countries = regions.read_regions(folder / "phone_regions.yml")
    homes = regions.read_source_regions(countries, folder / "source_regions.yml")
    fields = survivorship.read(folder / "survivorship.yml")
    changes = schema_changes.read(folder / "schema_changes.yml")
    measures = identity_gate.read(folder / "identity_gate.yml")
    household_rules = households.read(folder / "households.yml")
    credit = attribution.read(folder / "attribution.yml")
    ways = channels.read(folder / "channels.yml")
    engaged = engagement.read(folder / "engagement.yml")
    loads = load_anomalies.read(folder / "load_anomalies.yml")
    types = kinds.types
    return {
        "identifier_types.csv": _csv(
            ("identifier_type", "priority", "normaliser"), ((k.name, k.priority, k.normaliser) for k in types)
        ),
        "identifier_speakers.csv": _csv(
            ("identifier_type", "record_source"), ((k.name, source) for k in types for source in k.spoken_by)
        ),
        "identifier_segment_types.csv": _csv(
            ("segment_type", "identifier_type"), ((name, k.name) for k in types for name in k.segment_types)
        ),
        "identifier_limits.csv": _csv(
            ("identifier_type", "evidence", "most", "window_days"),
            ((k.name, evidence, most, days or 0) for k in types for evidence, most, days in _limits(k.limits)),
        ),
        "identifier_parts.csv": _csv(
            ("identifier_type", "part", "position"),
            ((k.name, part, place) for k in types for place, part in enumerate(k.parts, start=1)),
        ),
        "identifier_blocked_values.csv": _csv(
            ("identifier_type", "blocked_value"),
            (
                (k.name, value)
                for k in types
                if not k.parts
                for value in dict.fromkeys((*kinds.blocked_everywhere, *k.blocked_values))
                if value not in _READ_AS_NOTHING
            ),
        ),
        "email_domains.csv": _csv(
            ("domain", "mailbox_domain", "ignores_dots", "tag_separator"),
            (
                (domain, p.domains[0] if p.same_mailbox else domain, p.ignores_dots, p.tag_separator or None)
                for p in providers
                for domain in p.domains
            ),
        ),
        "phone_regions.csv": _csv(
            ("region", "calling_code", "trunk_prefix", "international_prefix", "shortest", "longest"),
            (
                (r.code, r.calling_code, r.trunk_prefix or None, r.international_prefix, r.shortest, r.longest)
                for r in countries
            ),
        ),
        "country_names.csv": _csv(
            ("country_name", "region"),
            (
                (name, r.code)
                for r in countries
                for name in dict.fromkeys((r.code.lower(), *(name.lower() for name in r.names)))
            ),
        ),
        "source_regions.csv": _csv(("record_source", "default_region"), homes.items()),
        "nicknames.csv": _csv(("name", "root"), nicknames.rows(folder / "nicknames.yml")),
        "schema_change_rules.csv": _csv(
            (
                "rule_rank",
                "source_pattern",
                "object_pattern",
                "field_pattern",
                "change",
                "severity",
                "accepted_field_pattern",
                "accepted_until",
            ),
            schema_changes.rows(changes),
        ),
        "load_anomaly_rules.csv": _csv(load_anomalies.COLUMNS, load_anomalies.rows(loads)),
        "identity_gate_limits.csv": _csv(
            ("measure", "most", "percent_of_published"), ((m.name, m.most, m.percent) for m in measures)
        ),
        "household_rules.csv": _csv(
            ("household_rule", "most_customers"), ((r.name, r.most_customers) for r in household_rules)
        ),
        "household_rule_parts.csv": _csv(
            ("household_rule", "part", "position"),
            ((r.name, part, place) for r in household_rules for place, part in enumerate(r.parts, start=1)),
        ),
        "funnel_steps.csv": _csv(
            (
                "funnel_name",
                "step_number",
                "step_name",
                "number_of_steps",
                "window_hours",
                "event_name",
                "page_pattern",
                "property_name",
                "property_value",
            ),
            funnels.rows(funnels.read(folder / "funnels.yml")),
        ),
        "channel_media.csv": _csv(("medium", "channel"), channels.media(ways)),
        "channel_hosts.csv": _csv(("host_name", "channel"), channels.hosts(ways)),
        "attribution_conversions.csv": _csv(
            ("conversion_type", "lookback_days", "path_begins"),
            ((c.name, c.lookback_days, c.path_begins) for c in credit.conversions),
        ),
        "attribution_direct_channels.csv": _csv(("channel",), ((channel,) for channel in credit.direct_channels)),
        "attribution_rules.csv": _csv(
            ("first_percent", "last_percent", "half_life_days"),
            [(credit.first_percent, credit.last_percent, credit.half_life_days)],
        ),
        "engagement_activities.csv": _csv(
            ("event_type", "event_name", "activity", "points", "most_a_day"), engagement.rows(engaged)
        ),
        "engagement_rules.csv": _csv(
            ("half_life_days", "middle_points"), [(engaged.half_life_days, engaged.middle_points)]
        ),
        "survivorship_rules.csv": _csv(("field", "survivorship_rule"), ((f.name, f.rule) for f in fields)),
        "survivorship_trust.csv": _csv(
            ("field", "record_source", "trust_rank"),
            ((f.name, source, rank) for f in fields for rank, source in enumerate(f.trust, start=1)),
        ),
    }


def rendered_macros(folder: Path = HERE) -> Mapping[str, str]:
    """Name and content of every file of macros, from the YAML files in ``folder``. Raises ContractError."""
    return {"blocked_pattern.sql": blocked_patterns.rendered(identifiers.read(folder / "identifiers.yml").types)}


def build(folder: Path = HERE, seeds: Path = SEEDS, macros: Path = MACROS) -> list[Path]:
    """Write the files that are missing or stale, remove those nothing derives; returns what changed."""
    return [
        *derived.write(rendered(folder), seeds, _PATTERNS),
        *derived.write(rendered_macros(folder), macros, _MACRO_PATTERNS),
    ]


def check(folder: Path = HERE, seeds: Path = SEEDS, macros: Path = MACROS) -> list[Path]:
    """Files that are missing, say something else than the YAML, or have no YAML behind them; empty when all is well."""
    return [
        *derived.stale(rendered(folder), seeds, _PATTERNS),
        *derived.stale(rendered_macros(folder), macros, _MACRO_PATTERNS),
    ]


def _limits(limits: identifiers.Limits) -> Iterable[tuple[str, int, int | None]]:
    for evidence, limit in (("records", limits.records), ("per_record", limits.per_record)):
        if limit is not None:
            yield evidence, limit.most, limit.days
    for evidence, most in limits.distinct.items():
        yield evidence, most, None


def _csv(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """CSV with LF line ends, the same bytes for the same rows; None is an empty field, which dbt reads as null."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([str(cell).lower() if isinstance(cell, bool) else cell for cell in row])
    return out.getvalue()
