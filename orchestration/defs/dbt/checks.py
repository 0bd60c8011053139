"""Is what the models are built on fresh: dbt's tests come with its assets, source freshness is here."""

from __future__ import annotations

from orchestration.lib.freshness import source_freshness_checks
from orchestration.lib.project import manifest

source_freshness = source_freshness_checks(manifest())
