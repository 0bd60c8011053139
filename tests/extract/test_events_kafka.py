"""The collector's log in Kafka lands as the embedded one does, from the offsets in the warehouse."""

from pathlib import Path

import pytest

from log.base import DEAD_LETTERS, EVENTS
from tests.extract.events_log import Landing, dead, event

pytest.importorskip("confluent_kafka")

from extract.sources.events import reading
from log.kafka import KafkaReader, KafkaWriter
from tests.log.mock_kafka import FETCH, cluster

pytestmark = pytest.mark.timeout(120)
NOT_LEADER, TIMED_OUT = 6, 7


def test_every_partition_lands_once_and_is_gone_on_with(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    with cluster("braid.events=3", "braid.dead_letters=2") as kafka:
        writer = KafkaWriter({"bootstrap.servers": kafka.servers})
        env = {"BRAID_KAFKA": kafka.servers}
        for day in range(2):
            events = [(f"u{n}", event(f"m{n}")) for n in range(20 + 10 * day)]
            writer.append({EVENTS: events, DEAD_LETTERS: [(f"u{n}", dead(f"d{n}")) for n in range(5)]})
            results = landing.extract(env=env)
            assert [result.error for result in results.values()] == [None, None]
            assert results["collected"].rows_read == len(events)
        writer.close()
    assert len(landing.ids()) == len(set(landing.ids())) == 30
    assert [row["attempts"] for row in landing.letters()] == [2] * 5


def test_faults_between_the_parts_of_a_run_lose_and_double_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("RECORDS_A_BATCH", 10), ("RECORDS_A_LANDING", 25)):
        monkeypatch.setattr(reading, name, value)
    landing = Landing(tmp_path)
    with cluster("braid.events=2", "braid.dead_letters=1") as kafka:
        writer = KafkaWriter({"bootstrap.servers": kafka.servers})
        writer.append({EVENTS: [(f"u{n}", event(f"m{n}")) for n in range(90)]})
        kafka.errors(FETCH, NOT_LEADER, TIMED_OUT, NOT_LEADER)
        result = landing.extract("collected", env={"BRAID_KAFKA": kafka.servers})["collected"]
        assert (result.error, result.rows_read, result.rows_inserted) == (None, 90, 90)
        again = landing.extract("collected", env={"BRAID_KAFKA": kafka.servers})["collected"]
        assert (again.error, again.rows_read) == (None, 0)
        writer.close()


def test_a_message_without_a_value_is_passed_over(tmp_path: Path) -> None:
    from confluent_kafka import Producer

    landing = Landing(tmp_path)
    with cluster("braid.events=1", "braid.dead_letters=1") as kafka:
        producer, env = Producer({"bootstrap.servers": kafka.servers}), {"BRAID_KAFKA": kafka.servers}
        for value in (event("a"), None, event("b"), None):
            producer.produce("braid.events", value, "key")
        assert producer.flush(20) == 0
        assert landing.extract("collected", env=env)["collected"].error is None
        producer.produce("braid.events", event("c"), "key")
        assert producer.flush(20) == 0
        assert landing.extract("collected", env=env)["collected"].error is None
    assert landing.ids() == ["a", "b", "c"]


def test_what_retention_took_is_an_error_until_it_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landing, bounds = Landing(tmp_path), KafkaReader._bounds
    with cluster("braid.events=1", "braid.dead_letters=1") as kafka:
        writer, env = KafkaWriter({"bootstrap.servers": kafka.servers}), {"BRAID_KAFKA": kafka.servers}
        writer.append({EVENTS: [("u", event(f"m{n}")) for n in range(10)]})
        landing.extract("collected", env=env)
        writer.append({EVENTS: [("u", event(f"m{n}")) for n in range(10, 20)]})
        monkeypatch.setattr(KafkaReader, "_bounds", lambda *asked: (15, bounds(*asked)[1]))
        result = landing.extract("collected", env=env)["collected"]
        assert "has no offsets 10 to 14 any more" in (result.error or "")
        assert len(landing.ids()) == 10
        given_up = env | {"BRAID_COLLECT_GIVE_UP": "events/0/10"}
        assert landing.extract("collected", env=given_up)["collected"].error is None
        writer.close()
    assert landing.ids() == sorted(f"m{n}" for n in range(20) if not 10 <= n < 15)
    assert landing.query("select sum(lost_offsets) as lost from ops.log_offsets") == [{"lost": 5}]
