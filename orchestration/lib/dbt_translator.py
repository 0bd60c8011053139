"""How a dbt resource looks in Dagster."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

from orchestration.lib import catalog


class Translator(DagsterDbtTranslator):
    """Keys are dagster-dbt's own (schema and name; source and table), so that extraction and dbt meet."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The room, and the domain where it has some: ``staging_hubspot``, ``identity``, ``marts_sales``."""
        kind = dbt_resource_props["resource_type"]
        if kind == "seed":
            return "contracts"
        if kind == "snapshot":
            return "snapshots"
        # fqn is project, folders, name; a source's has the folders of the YAML file it is declared in.
        folders = dbt_resource_props["fqn"][1:-1]
        return "_".join(folders[:2]) or None

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str] | None:
        """``meta.owner``; else dagster-dbt's own places."""
        return owners(dbt_resource_props) or super().get_owners(dbt_resource_props)

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """What the YAML says; the SQL is one click away in the repository, and doubles the size of every page."""
        described = dbt_resource_props.get("description")
        return described or f"dbt {dbt_resource_props['resource_type']} {dbt_resource_props['name']}"

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """Also a freshness policy, from ``meta.fresh_within_hours``; who reads events waits for every feed of them."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        if catalog.EVENTS in {dep.asset_key for dep in spec.deps}:
            spec = spec.replace_attributes(deps=[*spec.deps, dg.AssetDep(catalog.COLLECTED)])
        age = fresh_within(self.get_resource_props(manifest, unique_id))
        if age is None or spec.freshness_policy is not None:
            return spec
        return spec.replace_attributes(freshness_policy=dg.FreshnessPolicy.time_window(fail_window=age))


def fresh_within(dbt_resource_props: Mapping[str, Any]) -> timedelta | None:
    """The greatest age a model may have, or None when nobody has said."""
    if dbt_resource_props["resource_type"] not in ("model", "snapshot"):
        return None
    meta = dbt_resource_props.get("config", {}).get("meta") or {}
    hours = meta.get("fresh_within_hours")
    return timedelta(hours=float(hours)) if hours is not None else None


def owners(dbt_resource_props: Mapping[str, Any]) -> list[str] | None:
    """``meta.owner``, one or several: an address stays one, a name becomes a team."""
    meta = dbt_resource_props.get("config", {}).get("meta") or dbt_resource_props.get("meta") or {}
    named = meta.get("owner")
    if not named:
        return None
    return [
        owner if "@" in owner else f"team:{_team(owner)}" for owner in ([named] if isinstance(named, str) else named)
    ]


def _team(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", name.strip().lower()).strip("_")
