"""MetricFlow over the manifest that dbt makes: the SQL it would run for a query."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantic_interfaces.implementations.semantic_manifest import PydanticSemanticManifest
from metricflow_semantic_interfaces.transformations.semantic_manifest_transformer import (
    PydanticSemanticManifestTransformer,
)
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup


class _Client:
    """Renders for DuckDB and runs nothing."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()

    def query(self, *given: Any) -> Any:
        raise AssertionError("only explained")

    execute = dry_run = query

    def close(self) -> None:
        """Nothing is open."""

    def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
        return f"${bind_parameter_key}"


class Oracle:
    """What MetricFlow makes of the definitions."""

    def __init__(self, manifest: Path) -> None:
        """``manifest`` is dbt's semantic_manifest.json."""
        parsed = PydanticSemanticManifest.parse_raw(manifest.read_text())
        transformed = PydanticSemanticManifestTransformer.transform(parsed)
        self._engine = MetricFlowEngine(SemanticManifestLookup(transformed), _Client())

    def sql(self, metrics: Sequence[str], by: Sequence[str] = (), where: str | None = None) -> str:
        """The SQL for the warehouse whose catalog is the connection's own."""
        request = MetricFlowQueryRequest.create(
            metric_names=list(metrics), group_by_names=list(by) or None, where_constraints=[where] if where else None
        )
        with contextlib.redirect_stdout(io.StringIO()):
            explained = self._engine.explain(request)
        return str(explained.sql_statement.sql).replace('"braid".', "")
