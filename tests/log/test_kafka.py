"""Kafka behind the log's interface, on a mock cluster: order, offsets, faults. Not durability: it is memory only."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from log import LogCorrupt, LogError
from log import kafka as kafka_module
from log.base import DEAD_LETTERS, EVENTS, RECORD_BYTES
from log.kafka import KafkaReader, KafkaWriter
from tests.log.mock_kafka import FETCH, PRODUCE, Cluster, cluster

pytestmark = pytest.mark.timeout(120)
TOPICS = ("braid.events=4", "braid.dead_letters=2")
# Errors after which a client has to try again, and one after which it must not.
NOT_LEADER, TIMED_OUT, TOO_FEW_REPLICAS, TOO_LARGE = 6, 7, 19, 10


@pytest.fixture
def kafka() -> Iterator[Cluster]:
    with cluster(*TOPICS) as running:
        yield running


def settings(kafka: Cluster) -> dict[str, Any]:
    # Quicker than a broker would want it, so that a test of faults takes seconds.
    return {"bootstrap.servers": kafka.servers, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 50}


def people(count: int, start: int = 0) -> list[tuple[str, bytes]]:
    return [(f"user-{number % 20}", b"%d" % number) for number in range(start, start + count)]


def read(kafka: Cluster, topic: str = EVENTS, *, step: int = 100) -> dict[int, list[bytes]]:
    """Payloads by partition, read in steps; every offset follows on the one before."""
    reader = KafkaReader(settings(kafka))
    found: dict[int, list[bytes]] = {}
    for partition in reader.partitions(topic):
        place, payloads = reader.start(topic, partition), []
        while (batch := reader.read(topic, partition, place, max_records=step)).next_offset != place:
            assert list(batch.offsets) == list(range(place, batch.next_offset))
            payloads += batch.payloads
            place = batch.next_offset
        assert place == reader.end(topic, partition)
        found[partition] = payloads
    reader.close()
    return found


def once_each(found: dict[int, list[bytes]], count: int) -> None:
    assert sorted(int(payload) for payloads in found.values() for payload in payloads) == list(range(count))


def test_one_persons_records_stay_in_order(kafka: Cluster) -> None:
    writer = KafkaWriter(settings(kafka))
    for start in range(0, 1000, 100):
        writer.append({EVENTS: people(100, start), DEAD_LETTERS: [("x", b"%d" % start)]})
    writer.close()
    found = read(kafka)
    once_each(found, 1000)
    assert sum(map(bool, found.values())) > 1
    for user in range(20):
        (theirs,) = [mine for payloads in found.values() if (mine := [p for p in payloads if int(p) % 20 == user])]
        assert theirs == sorted(theirs, key=int)
    assert sum(map(len, read(kafka, DEAD_LETTERS).values())) == 10


def test_a_reader_goes_on_where_it_was(kafka: Cluster) -> None:
    writer, reader = KafkaWriter(settings(kafka)), KafkaReader(settings(kafka))
    writer.append({EVENTS: [("one", b"%d" % number) for number in range(10)]})
    (partition,) = [number for number in reader.partitions(EVENTS) if reader.end(EVENTS, number)]
    assert list(reader.read(EVENTS, partition, 4, max_records=3).payloads) == [b"4", b"5", b"6"]
    assert list(reader.read(EVENTS, partition, 7).payloads) == [b"7", b"8", b"9"]
    assert reader.read(EVENTS, partition, 10).next_offset == 10
    writer.append({EVENTS: [("one", b"10")]})
    assert list(reader.read(EVENTS, partition, 10).payloads) == [b"10"]
    # Back again, as after a landing that failed.
    assert list(reader.read(EVENTS, partition, 9).payloads) == [b"9", b"10"]
    reader.close()
    writer.close()


@pytest.mark.parametrize("code", [NOT_LEADER, TIMED_OUT, TOO_FEW_REPLICAS])
def test_what_a_broker_refuses_for_a_moment_arrives_once(kafka: Cluster, code: int) -> None:
    writer = KafkaWriter(settings(kafka))
    writer.append({EVENTS: people(100)})
    kafka.errors(PRODUCE, code, code, code)
    writer.append({EVENTS: people(100, 100)})
    writer.close()
    once_each(read(kafka), 200)


def test_brokers_that_go_and_come_lose_nothing(kafka: Cluster) -> None:
    writer = KafkaWriter(settings(kafka))
    stop = threading.Event()

    def unrest() -> None:
        number = 0
        while not stop.is_set():
            broker = 1 + number % 3
            kafka.brokers("down", broker)
            time.sleep(0.2)
            kafka.brokers("up", broker)
            time.sleep(0.1)
            number += 1

    thread = threading.Thread(target=unrest)
    thread.start()
    try:
        for start in range(0, 1500, 50):
            writer.append({EVENTS: people(50, start)})
    finally:
        stop.set()
        thread.join()
    writer.close()
    # That nothing stands there twice is the brokers' part of idempotence, which these do not play: one that goes
    # between taking a batch and saying so gets it again. Landing takes a message once, however often it stands there.
    assert {int(payload) for payloads in read(kafka).values() for payload in payloads} == set(range(1500))


def test_a_cluster_that_is_gone_is_an_error_in_time_and_comes_back(kafka: Cluster) -> None:
    writer = KafkaWriter(settings(kafka), commit_seconds=2.0)
    writer.append({EVENTS: people(10)})
    kafka.brokers("down", 1, 2, 3)
    began = time.monotonic()
    with pytest.raises(LogError, match="Kafka did not take a commit"):
        writer.append({EVENTS: people(10, 10)})
    assert time.monotonic() - began < 8
    kafka.brokers("up", 1, 2, 3)
    # The sender comes again, as it was told to.
    writer.append({EVENTS: people(10, 10)})
    writer.close()
    payloads = [int(payload) for one in read(kafka).values() for payload in one]
    assert set(payloads) == set(range(20))


def test_what_a_broker_refuses_for_good_is_an_error(kafka: Cluster) -> None:
    writer = KafkaWriter(settings(kafka))
    kafka.errors(PRODUCE, TOO_LARGE)
    with pytest.raises(LogError, match="Kafka"):
        writer.append({EVENTS: [("one", b"0")]})


def test_the_largest_record_is_taken(kafka: Cluster) -> None:
    writer = KafkaWriter(settings(kafka))
    # Nothing that zstd could make small.
    payload = os.urandom(RECORD_BYTES)
    writer.append({DEAD_LETTERS: [("\N{GRINNING FACE}" * 500, payload)]})
    writer.close()
    assert [one for payloads in read(kafka, DEAD_LETTERS).values() for one in payloads] == [payload]


def test_a_reader_rides_out_a_broker(kafka: Cluster) -> None:
    writer = KafkaWriter(settings(kafka))
    writer.append({EVENTS: people(200)})
    kafka.errors(FETCH, NOT_LEADER, TIMED_OUT)
    once_each(read(kafka), 200)
    writer.close()


class Told:
    """A message, or what the client says instead of one."""

    def __init__(self, offset: int, payload: bytes | None = None, error: object = None) -> None:
        self._offset, self._payload, self._error = offset, payload, error

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes | None:
        return self._payload

    def error(self) -> object:
        return self._error


class Consumer:
    """Gives what it was made with, a list at a time."""

    def __init__(self, *told: list[Told]) -> None:
        self._told = list(told)

    def assign(self, _places: object) -> None: ...

    def consume(self, _count: int, *, timeout: float) -> list[Told]:
        return self._told.pop(0) if self._told else []


def told(kafka: Cluster, monkeypatch: pytest.MonkeyPatch, end: int, *messages: list[Told]) -> KafkaReader:
    reader = KafkaReader(settings(kafka))
    reader.close()
    monkeypatch.setattr(reader, "_consumer", Consumer(*messages))
    monkeypatch.setattr(reader, "_bounds", lambda *_: (0, end))
    return reader


def test_records_from_before_the_place_are_not_read_again(kafka: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [Told(number, b"%d" % number) for number in (3, 4, 5, 4, 6)]
    batch = told(kafka, monkeypatch, 7, messages).read(EVENTS, 0, 4)
    assert (list(batch.offsets), list(batch.payloads), batch.next_offset) == ([4, 5, 6], [b"4", b"5", b"6"], 7)


def test_an_end_without_a_record_is_reached(kafka: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    from confluent_kafka import KafkaError

    monkeypatch.setattr(kafka_module, "_ASK_SECONDS", 1.0)
    end = Told(6, error=KafkaError(KafkaError._PARTITION_EOF))
    for messages in ([Told(4, b"4"), end], [end]):
        batch = told(kafka, monkeypatch, 6, messages).read(EVENTS, 0, 4)
        assert (len(batch.offsets), batch.next_offset) == (len(messages) - 1, 6)
    # An end that was told before the last records came is passed.
    early = [Told(4, error=KafkaError(KafkaError._PARTITION_EOF)), Told(4, b"4"), Told(5, b"5")]
    assert list(told(kafka, monkeypatch, 6, early).read(EVENTS, 0, 4).offsets) == [4, 5]


def test_offsets_before_the_first_are_named(kafka: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    KafkaWriter(settings(kafka)).append({EVENTS: people(10)})
    reader = KafkaReader(settings(kafka))
    monkeypatch.setattr(reader, "_bounds", lambda *_: (5, 10))
    with pytest.raises(LogCorrupt, match=r"braid\.events/0 has no offsets 2 to 4 any more"):
        reader.read(EVENTS, 0, 2)
    reader.close()


def test_no_broker_is_one_sentence() -> None:
    with pytest.raises(LogError, match="Kafka gives no answer"):
        KafkaWriter({"bootstrap.servers": "127.0.0.1:9"})
    with pytest.raises(LogError, match="settings are refused"):
        KafkaWriter({"bootstrap.servers": "127.0.0.1:9", "no.such.setting": 1})
