"""The suite's own modules get pytest's explanations of a failed assert, as test files do."""

import pytest

pytest.register_assert_rewrite("tests.conformance.suite", "tests.conformance.bench")
