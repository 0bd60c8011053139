"""What a batch from databases must look like before anything is built on it.

Tables that no input contract knows have no rules here: nothing of ours is built on them, and their own database has
already kept its constraints.
"""

from __future__ import annotations

from extract.sources.sql.presets import PRESETS
from orchestration.defs.files.checks import SUITES as CONTRACTS
from orchestration.lib import catalog
from orchestration.lib.batches import batch_checks
from orchestration.lib.expectations import Suite, keyed

SUITES: dict[str, Suite] = {
    **dict.fromkeys(catalog.objects("sql"), ()),
    **CONTRACTS,
    **{f"{preset}.{name}": keyed(*known.key) for preset, tables in PRESETS.items() for name, known in tables.items()},
}

sql_batches = batch_checks("sql", SUITES)
