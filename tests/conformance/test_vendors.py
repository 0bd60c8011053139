"""Salesforce, over REST and in bulk, and HubSpot, run through the suite against the sandbox."""

from collections.abc import Iterator

import pytest

from sandbox.server import Running, running
from tests.conformance.suite import Conformance
from tests.conformance.vendors import HubSpotCompanies, SalesforceAccounts, SalesforceInBulk

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Running]:
    with running(people=20) as sandbox:
        yield sandbox


class TestSalesforce(Conformance):
    @pytest.fixture
    def system(self, sandbox: Running) -> SalesforceAccounts:
        return SalesforceAccounts(sandbox)


class TestSalesforceInBulk(Conformance):
    @pytest.fixture
    def system(self, sandbox: Running) -> SalesforceInBulk:
        return SalesforceInBulk(sandbox)


class TestHubSpot(Conformance):
    @pytest.fixture
    def system(self, sandbox: Running) -> HubSpotCompanies:
        return HubSpotCompanies(sandbox)
