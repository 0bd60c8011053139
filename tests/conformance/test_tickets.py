"""The guide's example, run through the suite."""

from collections.abc import Iterator

import pytest

from tests.conformance.desk import Desk, serving
from tests.conformance.suite import Conformance

pytestmark = pytest.mark.timeout(60)


class TestTickets(Conformance):
    @pytest.fixture
    def system(self) -> Iterator[Desk]:
        with serving(Desk()) as desk:
            yield desk
