"""`braid identity weights`: what was learnt, as a table, as JSON and as the chart of the docs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pytest

from contracts import matching
from matching.model import labels
from orchestration.cli import run
from orchestration.explain.weights import drawn
from orchestration.lib.match_weights import ComparisonWeights, LevelWeight, VersionWeights, read_file
from tests.orchestration.conftest import ROOT

pytestmark = pytest.mark.timeout(60)

FILE = ROOT / "docs" / "examples" / "matching" / "weights.json"
CHART = ROOT / "docs" / "images" / "match-weights.svg"
SVG = "{http://www.w3.org/2000/svg}"

Braid = Callable[..., tuple[int, str, str]]


@pytest.fixture
def braid(capfd: pytest.CaptureFixture[str]) -> Braid:
    def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run(["identity", "weights", *arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return call


def book(workshop: Path, version: str, trained_at: str, weights: VersionWeights) -> None:
    """The books as training leaves them."""
    with duckdb.connect(str(workshop / "braid.duckdb")) as connection:
        connection.execute("create schema if not exists ops")
        connection.execute(
            "create table if not exists ops.match_models (model_version text, contract_version text, number_of_records "
            "bigint, link_weight double, review_weight double, trained_at timestamp)"
        )
        connection.execute(
            "create table if not exists ops.match_weights (model_version text, comparison_name text, comparison_level "
            "bigint, level_label text, m_probability double, u_probability double, h_probability double, n_probability "
            "double, match_weight double, household_weight double, namesake_weight double, term_frequency_column text)"
        )
        models = [version, weights.contract_version, weights.number_of_records, weights.link_weight]
        connection.execute(
            "insert into ops.match_models values (?, ?, ?, ?, ?, ?)", [*models, weights.review_weight, trained_at]
        )
        shares = [weights.prior, 1, weights.household_prior, weights.namesake_prior]
        prior: list[Any] = [version, "prior", 0, "prior", *shares, -1.0, -1.0, -1.0, None]
        moved: list[Any] = [
            version,
            "moved",
            0,
            "moved",
            weights.moved_prior,
            1,
            0.0,
            0.0,
            -1.0,
            -1000.0,
            -1000.0,
            None,
        ]
        rows = [prior, moved] + [
            [version, item.name, one.level, one.label, one.m, one.u, one.h, one.n, one.weight, one.household_weight,
             one.namesake_weight, one.term_frequency_column]
            for item in weights.comparisons
            for one in item.levels
        ]  # fmt: skip
        # Tables have no order.
        connection.executemany(f"insert into ops.match_weights values ({', '.join('?' * 12)})", rows[::-1])


def test_the_chart_of_the_docs_is_what_the_command_draws(tmp_path: Path, braid: Braid) -> None:
    chart = tmp_path / "chart.svg"
    code, _, err = braid("--from", str(FILE), "--svg", str(chart))
    assert (code, f"Wrote {chart}" in err) == (0, True)
    remedy = "braid identity weights --from docs/examples/matching/weights.json --svg docs/images/match-weights.svg"
    assert chart.read_bytes() == CHART.read_bytes(), f"draw it anew: {remedy}"


def test_the_weights_of_the_docs_are_of_todays_comparisons() -> None:
    ours = {item.name: labels(item) for item in matching.read().comparisons}
    for item in read_file(FILE).comparisons:
        assert [(level.level, level.label) for level in item.levels] == ours[item.name], "train anew: docs/matching.md"


def test_the_newest_version_is_shown_and_an_older_one_when_named(workshop: Path, braid: Braid) -> None:
    weights = read_file(FILE)
    book(workshop, "v1", "2026-01-01", weights)
    book(workshop, "v2", "2026-02-01", replace(weights, link_weight=7.25))
    code, out, err = braid()
    assert code == 0
    assert "Version v2" in err
    assert "a link begins at 7.25 bits" in err
    shown = [line.split("  ")[0] for line in out.splitlines()[2:]]
    assert shown == [item.name for item in weights.comparisons for _ in item.levels]
    document = json.loads(braid("--version", "v1", "--json")[1])
    assert document == json.loads(json.dumps({**weights.document(), "model_version": "v1"}))
    code, out, err = braid("--version", "v9")
    assert (code, out) == (1, "")
    assert "'v9' is no version of the weights; the newest are v2, v1." in err


def test_what_json_prints_can_be_read_again(workshop: Path, tmp_path: Path, braid: Braid) -> None:
    book(workshop, "v1", "2026-01-01", read_file(FILE))
    _, printed, _ = braid("--json")
    file = tmp_path / "weights.json"
    file.write_text(printed)
    assert braid("--from", str(file), "--json")[1] == printed


@pytest.mark.parametrize("words", ["", "[1]", '{"comparisons": []}', '{"comparisons": [{"name": "x"}]}'])
def test_a_file_without_weights_is_refused_in_a_sentence(tmp_path: Path, braid: Braid, words: str) -> None:
    file = tmp_path / "weights.json"
    file.write_text(words)
    code, _, err = braid("--from", str(file))
    assert code == 1
    assert err == f"braid: {file} holds no weights: it must be what `braid identity weights --json` prints.\n"


def test_before_training_there_are_no_weights(workshop: Path, tmp_path: Path, braid: Braid) -> None:
    with duckdb.connect(str(workshop / "braid.duckdb")):
        pass
    assert braid() == (1, "", "braid: No weights were learnt yet: run `braid identity train`.\n")
    assert "cannot be read: No such file" in braid("--from", str(tmp_path / "none.json"))[2]
    assert braid("--from", str(FILE), "--version", "v1")[0] == 2
    assert "cannot be written" in braid("--from", str(FILE), "--svg", str(tmp_path / "none" / "chart.svg"))[2]


def one_level(weight: float, household: float) -> VersionWeights:
    level = LevelWeight(1, "exact city", 0.5, 0.25, 0.3, 0.25, weight, household, 0.0, None)
    scale = LevelWeight(0, "differs", 0.5, 0.75, 0.7, 0.75, -8.0, 0.0, 0.0, None)
    return VersionWeights("v", "c", 10, 0.01, 0.0, 0.02, 0.0, 1.0, 0.5, (ComparisonWeights("city", (level, scale)),))


def bars(weights: VersionWeights) -> list[tuple[str, float, float]]:
    """Kind, left end and width of each bar of bits."""
    root = ElementTree.fromstring(drawn(weights))
    found = [rect for rect in root.iter(f"{SVG}rect") if rect.get("class") in ("for", "against")]
    return [(str(r.get("class")), float(str(r.get("x"))), float(str(r.get("width")))) for r in found]


def test_a_bar_is_as_long_as_its_bits_and_points_their_way() -> None:
    (kind, zero, four), (against, left, eight) = bars(one_level(4.0, 2.0))
    assert (kind, against) == ("for", "against")
    assert eight == pytest.approx(2 * four, abs=0.2)
    assert left + eight == pytest.approx(zero, abs=0.2)
    (kind, end, length), (_, left, eight) = bars(one_level(-4.0, 2.0))
    assert kind == "against"
    assert end + length == pytest.approx(left + eight, abs=0.2)
    assert eight == pytest.approx(2 * length, abs=0.2)


def test_the_chart_names_every_level_and_needs_nothing_from_elsewhere() -> None:
    text = CHART.read_text()
    root = ElementTree.fromstring(text)
    levels = [level for item in read_file(FILE).comparisons for level in item.levels]
    assert len(list(root.iter(f"{SVG}title"))) == len(levels) > 10
    assert not re.search(r"<script|<image|@import|url\(|href", text)
    never = drawn(replace(one_level(1.0, 0.0), link_weight=1000.0))
    assert "No pair was likely enough to be a link." in never


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("exact first_name", "same first name"),
        ("swapped first_name/last_name 85", "first name and last name swapped"),
        ("jaro_winkler city 85", "city alike, 85 %"),
        ("levenshtein phone 2", "phone up to 2 letters off"),
        ("prefix first_name 1", "first name begins alike, 1 letter"),
        ("date_distance birth_date 31", "birth date within 31 days"),
        ("array_overlap name_parts 2", "name parts with 2 in common"),
        ("differs", "differs"),
    ],
)
def test_levels_are_named_in_words(label: str, words: str) -> None:
    assert LevelWeight(1, label, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0, 0.0, None).words == words


def test_every_kind_of_level_has_words() -> None:
    for kind, (threshold, _) in matching.KINDS.items():
        label = f"{kind} city" + ("" if threshold is None else " 1")
        assert LevelWeight(1, label, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0, 0.0, None).words != label


def test_books_of_an_older_version_are_refused_with_the_remedy(workshop: Path, braid: Braid) -> None:
    book(workshop, "v1", "2026-01-01", read_file(FILE))
    with duckdb.connect(str(workshop / "braid.duckdb")) as connection:
        connection.execute("alter table ops.match_weights drop column namesake_weight")
        connection.execute("alter table ops.match_weights drop column n_probability")
    lacking = "ops.match_weights is of an older version of Braid and lacks n_probability, namesake_weight"
    assert braid() == (1, "", f"braid: {lacking}: run `braid identity train` again.\n")
