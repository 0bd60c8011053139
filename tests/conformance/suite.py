"""What every connector must be able to do, as cases of pytest: inherit ``Conformance`` and give it a ``system``.

Each case extracts into a real DuckDB file and holds raw against the system's own rows. A case of something that the
system says it cannot have is skipped with its reason; what it does not say so of is put to the test.
"""

from __future__ import annotations

from tests.conformance.changing import Changing
from tests.conformance.failing import Failing
from tests.conformance.reading import Reading


class Conformance(Reading, Changing, Failing):
    """Inherit, and override the fixture ``system``: it gives an empty ``System`` of the connector's own."""
