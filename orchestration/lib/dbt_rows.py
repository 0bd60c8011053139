"""How many rows the tables of a build hold.

Not through dagster-dbt: it keeps a connection of its own open in this process, and then nothing else can open the file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import dagster as dg

import warehouse
from orchestration.lib.dbt_translator import Translator
from warehouse.base import TableName


def row_counts(keys: Collection[dg.AssetKey], manifest: Mapping[str, Any]) -> dict[dg.AssetKey, int]:
    """Rows of those of ``keys`` that are tables and exist; counting a view would run it. Raises WarehouseError."""
    translator = Translator()
    tables = {
        translator.get_asset_key(node): TableName(str(node["schema"]), str(node.get("alias") or node["name"]))
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed", "snapshot") and node["config"].get("materialized") != "view"
    }
    wanted = {key: tables[key] for key in keys if key in tables}
    if not wanted:
        return {}
    found = {}
    with warehouse.connect(read_only=True) as connection:
        for key, table in wanted.items():
            if connection.columns(table) is not None:
                counted = connection.query(f"select count(*) from {connection.relation(table)}")
                found[key] = int(counted.column(0)[0].as_py())
    return found
