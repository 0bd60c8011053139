"""The score, on clusterings whose figures can be worked out by hand."""

from __future__ import annotations

import pyarrow as pa
import pytest

from sandbox.score import NO_NOISE, score

# Ann has three records, Bob two, Cy one.
RECORDS = pa.table({"record_key": ["a1", "a2", "a3", "b1", "b2", "c1"], "person_id": ["a", "a", "a", "b", "b", "c"]})
PEOPLE = pa.table(
    {"person_id": ["a", "b", "c"], "shares_phone": [True, False, False], "uses_nickname": [True, True, False]}
)


def clustering(**clusters: str) -> pa.Table:
    rows = [(key, name) for name, keys in clusters.items() for key in keys.split()]
    return pa.table({"record_key": [row[0] for row in rows], "cluster_id": [row[1] for row in rows]})


def test_the_truth_itself_is_perfect() -> None:
    result = score(RECORDS, clustering(x="a1 a2 a3", y="b1 b2", z="c1"), PEOPLE)
    assert (result.true, result.predicted, result.correct) == (4, 4, 4)
    assert (result.precision, result.recall, result.f1) == (1.0, 1.0, 1.0)
    assert (result.records, result.people, result.clusters) == (6, 3, 3)


def test_one_cluster_of_everything_has_recall_and_little_precision() -> None:
    result = score(RECORDS, clustering(x="a1 a2 a3 b1 b2 c1"), PEOPLE)
    assert (result.true, result.predicted, result.correct) == (4, 15, 4)
    assert result.precision == pytest.approx(4 / 15)
    assert result.recall == 1.0
    assert result.f1 == pytest.approx(2 * (4 / 15) / (1 + 4 / 15))


def test_a_record_that_is_missing_stands_alone() -> None:
    result = score(RECORDS, clustering(x="a1 a2"), PEOPLE)
    assert (result.true, result.predicted, result.correct) == (4, 1, 1)
    assert result.clusters == 5
    assert result.recall == 0.25


def test_a_cluster_named_like_a_record_is_not_that_record() -> None:
    result = score(RECORDS, clustering(a3="a1 b1"), PEOPLE)
    assert (result.predicted, result.correct) == (1, 0)


def test_records_the_truth_does_not_know_are_left_out() -> None:
    result = score(RECORDS, clustering(x="a1 stranger a2", y="stranger2"), PEOPLE)
    assert (result.predicted, result.correct, result.records) == (1, 1, 6)


def test_nothing_claimed_is_nothing_wrong() -> None:
    result = score(
        RECORDS, clustering().cast(pa.schema([("record_key", pa.string()), ("cluster_id", pa.string())])), PEOPLE
    )
    assert (result.precision, result.recall, result.f1) == (1.0, 0.0, 0.0)


def test_by_noise_counts_the_pairs_of_these_people() -> None:
    # One wrong pair of clusters: a3 sits with Bob; Cy alone.
    result = score(RECORDS, clustering(x="a1 a2", y="a3 b1 b2", z="c1"), PEOPLE)
    assert (result.true, result.predicted, result.correct) == (4, 4, 2)
    phone = result.by_noise["shares_phone"]  # Ann: a1-a2 found, a3 missed; a1-a2, a3-b1, a3-b2 claimed
    assert (phone.true, phone.predicted, phone.correct) == (3, 3, 1)
    nick = result.by_noise["uses_nickname"]  # Ann and Bob: everything but Cy
    assert (nick.true, nick.predicted, nick.correct) == (4, 4, 2)
    clean = result.by_noise[NO_NOISE]  # Cy has no pair at all
    assert (clean.true, clean.predicted, clean.correct) == (0, 0, 0)
    assert (clean.precision, clean.recall) == (1.0, 1.0)


def test_a_stranger_in_ones_cluster_costs_both_their_precision() -> None:
    result = score(RECORDS, clustering(x="b1 b2 c1"), PEOPLE)
    clean = result.by_noise[NO_NOISE]  # Cy: claimed with b1 and with b2, both wrong
    assert (clean.true, clean.predicted, clean.correct) == (0, 2, 0)


def test_cluster_ids_may_be_numbers() -> None:
    numbers = pa.table({"record_key": ["a1", "a2", "b1"], "cluster_id": pa.array([7, 7, 8], type=pa.int64())})
    assert score(RECORDS, numbers, PEOPLE).correct == 1


def test_a_hundred_thousand_records_in_one_cluster_are_counted_not_listed() -> None:
    many = 100_000
    records = pa.table({"record_key": [f"r{n}" for n in range(many)], "person_id": [f"p{n // 2}" for n in range(many)]})
    people = pa.table({"person_id": [f"p{n}" for n in range(many // 2)], "noisy": [True] * (many // 2)})
    clusters = pa.table({"record_key": records["record_key"], "cluster_id": ["x"] * many})
    result = score(records, clusters, people)
    assert (result.predicted, result.correct) == (many * (many - 1) // 2, many // 2)


@pytest.mark.parametrize(
    ("records", "clusters", "people", "message"),
    [
        (pa.concat_tables([RECORDS, RECORDS[:1]]), clustering(x="a1"), PEOPLE, "The truth holds a1 twice"),
        (RECORDS, clustering(x="a1", y="a1"), PEOPLE, "The clustering holds a1 twice"),
        (RECORDS, clustering(x="a1"), pa.concat_tables([PEOPLE, PEOPLE[2:]]), "The list of people holds c twice"),
        (RECORDS, clustering(x="a1"), PEOPLE[:2], "Person c has records"),
    ],
    ids=["record twice", "clustered twice", "person twice", "unknown person"],
)
def test_what_cannot_be_scored_is_refused(
    records: pa.Table, clusters: pa.Table, people: pa.Table, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        score(records, clusters, people)
