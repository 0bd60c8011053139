"""The contract on odd loads: what it refuses, and what its rules leave to the defaults."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from contracts import ContractError, build, load_anomalies
from contracts.reading import HERE
from tests.dbt.load_histories import RULES


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("severity: warn", "severity: loud", "severity is 'loud'; it must be one of fatal, warn, ignore"),
        ("sensitivity: 5, ", "", "defaults lacks sensitivity"),
        ("sensitivity: 5", "sensitivity: 0", "sensitivity must be a whole number of at least 1, not 0"),
        ("owner: finance", "owner: nobody", "rule 1: owner is 'nobody'; it must be one of owners.yml"),
        ("2026-05-01", "may", "rule 1: history_from is 'may'; it must be a day such as 2026-03-01"),
        ('table: "forgotten.*"', 'table: " "', "rule 1: table is empty"),
        ("owner: finance", "holder: finance", "unknown key 'holder'"),
    ],
)
def test_the_contract_refuses_what_it_does_not_know(tmp_path: Path, old: str, new: str, said: str) -> None:
    (tmp_path / "owners.yml").write_text((HERE / "owners.yml").read_text())
    assert old in RULES
    (tmp_path / "load_anomalies.yml").write_text(RULES.replace(old, new, 1))
    with pytest.raises(ContractError, match=said):
        load_anomalies.read(tmp_path / "load_anomalies.yml")


def test_what_a_rule_leaves_out_is_as_the_defaults_say(tmp_path: Path) -> None:
    (tmp_path / "owners.yml").write_text((HERE / "owners.yml").read_text())
    (tmp_path / "load_anomalies.yml").write_text(RULES)
    first, second, rest = load_anomalies.read(tmp_path / "load_anomalies.yml")
    assert rest.table == "*"
    assert first == replace(rest, table="forgotten.*", owner="finance", history_from=date(2026, 5, 1))
    assert second == replace(rest, table="silent.*", severity="ignore")
    assert "load_anomaly_rules.csv" in build.rendered()
