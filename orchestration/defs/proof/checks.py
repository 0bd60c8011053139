"""Is every object proven that its source counts."""

from __future__ import annotations

from orchestration.lib.proof import proof_checks

proven = proof_checks()
