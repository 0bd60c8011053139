"""The collector's log in Kafka lands as the embedded one does, from the offsets in the warehouse."""

from pathlib import Path

import pytest

from log.base import DEAD_LETTERS, EVENTS
from tests.extract.events_log import Landing, dead, event

pytest.importorskip("confluent_kafka")

from log.kafka import KafkaWriter
from tests.log.mock_kafka import cluster

pytestmark = pytest.mark.timeout(120)


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
