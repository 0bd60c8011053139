"""The suite's own modules get pytest's explanations of a failed assert, as test files do."""

import pytest

for module in ("bench", "base", "reading", "changing", "failing"):
    pytest.register_assert_rewrite(f"tests.conformance.{module}")
