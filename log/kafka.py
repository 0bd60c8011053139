"""The log in Kafka: the same interface, for those who run a broker anyway.

Topics are ``<prefix>events`` and ``<prefix>dead_letters``, with as many partitions as the broker gives them; a record's
key is whom it is about, so one person's records stay in order. Everything that matters is in the payload: keys serve
only the placing, and there are no headers. The producer is idempotent and waits for all in-sync replicas; durable means
what the broker's own settings make of that (three replicas, ``min.insync.replicas`` 2).

How long records stay is the topic's retention. One person's records cannot be taken out of Kafka: keep the retention
shorter than the time an erasure may take.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from log import LogBroken, LogCorrupt, LogError, columns
from log.base import RECORD_BYTES, TOPICS, Batch, Columns, Entry

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Producer

logger = logging.getLogger(__name__)
PREFIX = "braid."
# A commit that takes longer has failed, for all that the sender is told; what is still under way is given up.
COMMIT_SECONDS = 20.0
# Room for the key, which is an id of at most 500 characters, and for what the protocol adds.
_MESSAGE_BYTES = RECORD_BYTES + 8 * 1024
_ASK_SECONDS = 10.0
_POLL_SECONDS = 0.2
_NO_LIMIT = 1 << 62

Settings = Mapping[str, Any]


class KafkaWriter:
    """Appends to Kafka; any number of processes may.

    ``settings`` are librdkafka's, ``bootstrap.servers`` among them. Raises LogError when no broker answers.
    """

    damage: Sequence[object] = ()

    def __init__(self, settings: Settings, *, prefix: str = PREFIX, commit_seconds: float = COMMIT_SECONDS) -> None:
        """Connect and see that the topics are there (a broker that makes topics by itself makes them now)."""
        self._prefix, self._commit_seconds = prefix, commit_seconds
        ours = {
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "zstd",
            "message.max.bytes": _MESSAGE_BYTES,
            "linger.ms": 2,
            "delivery.timeout.ms": int(commit_seconds * 1000),
            "queue.buffering.max.kbytes": 256 * 1024,
            "queue.buffering.max.messages": 1_000_000,
        }
        self._producer = _connected("Producer", {**settings, **ours})
        _topics(self._producer, [prefix + topic for topic in TOPICS])

    def append(self, entries: Mapping[str, Sequence[Entry]]) -> None:
        """Append and wait until the broker has all of it; LogError when some of it may not be there."""
        from confluent_kafka import KafkaException

        delivered = 0
        errors: list[Any] = []

        def told(error: Any, _message: object) -> None:
            nonlocal delivered
            if error is None:
                delivered += 1
            else:
                errors.append(error)

        deadline = time.monotonic() + self._commit_seconds
        expected = 0
        try:
            for topic, items in entries.items():
                for key, payload in items:
                    self._produce(self._prefix + topic, key, payload, told, deadline)
                    expected += 1
            self._producer.flush(max(0.1, deadline - time.monotonic()))
        except KafkaException as error:
            errors.append(error.args[0])
        if delivered == expected and not errors:
            return
        if delivered + len(errors) < expected:
            # Otherwise it would still arrive, long after its sender was told that it did not.
            self._producer.purge()
            self._producer.poll(0)
        reason = errors[0].str() if errors else "no answer in time"
        if any(error.fatal() for error in errors):
            raise LogBroken(f"Kafka refuses this producer ({reason}): restart the process that writes the log.")
        raise LogError(f"Kafka did not take a commit ({reason}): look at its brokers.")

    def _produce(self, topic: str, key: str, payload: bytes, told: Any, deadline: float) -> None:
        while True:
            try:
                self._producer.produce(topic, payload, key.encode("utf-8", "replace"), on_delivery=told)
                return
            except BufferError:
                # The queue is full; delivered messages make room.
                if time.monotonic() > deadline:
                    raise LogError("Kafka takes events slower than they come: look at its brokers.") from None
                self._producer.poll(_POLL_SECONDS)

    def tick(self) -> None:
        """Let the client see to its connections."""
        self._producer.poll(0)

    def close(self) -> None:
        """Everything appended is with the broker already."""
        self._producer.flush(self._commit_seconds)


class KafkaReader:
    """Reads partitions by offset. It is in no consumer group: places are kept with what was made of the records."""

    def __init__(self, settings: Settings, *, prefix: str = PREFIX) -> None:
        """Connect; raises LogError when no broker answers."""
        self._prefix = prefix
        ours = {
            "group.id": "braid",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "enable.partition.eof": False,
        }
        self._consumer: Consumer = _connected("Consumer", {**settings, **ours})
        self._at: tuple[str, int, int] | None = None

    def partitions(self, topic: str) -> Sequence[int]:
        """The partitions of a topic."""
        return sorted(_topics(self._consumer, [self._prefix + topic])[self._prefix + topic])

    def start(self, topic: str, partition: int) -> int:
        """The first offset that retention has left."""
        return self._bounds(topic, partition)[0]

    def end(self, topic: str, partition: int) -> int:
        """The offset behind the last record."""
        return self._bounds(topic, partition)[1]

    def _bounds(self, topic: str, partition: int) -> tuple[int, int]:
        from confluent_kafka import KafkaException, TopicPartition

        try:
            found = self._consumer.get_watermark_offsets(
                TopicPartition(self._prefix + topic, partition), timeout=_ASK_SECONDS
            )
        except KafkaException as error:
            raise _no_answer(error) from None
        if found is None:
            raise LogError("Kafka gives no answer: look at its brokers.")
        return found

    def read(self, topic: str, partition: int, offset: int, *, max_records: int = 10_000) -> Batch:
        """Records from ``offset`` on; LogCorrupt when retention took them before they were read."""
        return self._read(topic, partition, offset, max_records, _NO_LIMIT)

    def columns(self, topic: str, partition: int, offset: int, *, max_records: int, max_bytes: int) -> Columns:
        """As ``read``, in columns; it stops at ``max_bytes`` of payload as well (what the client has ready more)."""
        found = self._read(topic, partition, offset, max_records, max_bytes)
        return columns.of_records(found.offsets, found.payloads, found.next_offset)

    def _read(self, topic: str, partition: int, offset: int, max_records: int, max_bytes: int) -> Batch:
        from confluent_kafka import KafkaException, TopicPartition

        first, end = self._bounds(topic, partition)
        if offset < first:
            raise LogCorrupt(
                f"{self._prefix}{topic}/{partition} has no offsets {offset:,} to {first - 1:,} any more: its retention "
                "is shorter than the time between two readings."
            )
        if offset >= end:
            return Batch((), (), offset)
        offsets: list[int] = []
        payloads: list[bytes] = []
        place, held = offset, 0
        deadline, trouble = time.monotonic() + _ASK_SECONDS, "no answer"
        try:
            if self._at != (topic, partition, offset):
                self._consumer.assign([TopicPartition(self._prefix + topic, partition, offset)])
            self._at = None
            while place < end and len(offsets) < max_records and held < max_bytes:
                messages = self._consumer.consume(min(max_records - len(offsets), 10_000), timeout=_POLL_SECONDS)
                for message in messages:
                    error, number, payload = message.error(), message.offset(), message.value()
                    if error is not None:
                        # The client goes on by itself where it can; what it cannot do shows in no records coming.
                        trouble = error.str()
                    elif number is not None:
                        # A message without a value is nothing of ours: an offset without a record.
                        if payload:
                            offsets.append(number)
                            payloads.append(payload)
                            held += len(payload)
                        place = number + 1
                        deadline = time.monotonic() + _ASK_SECONDS
                if time.monotonic() > deadline:
                    if place > offset:
                        break
                    raise LogError(f"Kafka gives no records of {self._prefix}{topic} ({trouble}): look at its brokers.")
        except KafkaException as error:
            raise _no_answer(error) from None
        self._at = (topic, partition, place)
        return Batch(offsets, payloads, place)

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()


def _connected(kind: str, settings: Settings) -> Any:
    try:
        import confluent_kafka
    except ImportError:
        raise LogError("Kafka needs its client: pip install 'confluent-kafka>=2.11' into .venv.") from None
    try:
        return getattr(confluent_kafka, kind)({**settings, "logger": logger})
    except (confluent_kafka.KafkaException, ValueError, TypeError) as error:
        raise LogError(f"Kafka's settings are refused ({error}): see librdkafka's list of them.") from None


def _topics(client: Producer | Consumer, names: Sequence[str]) -> dict[str, list[int]]:
    from confluent_kafka import KafkaException

    found: dict[str, list[int]] = {}
    deadline = time.monotonic() + _ASK_SECONDS
    for name in names:
        while True:
            try:
                told = client.list_topics(name, timeout=_ASK_SECONDS).topics[name]
            except KafkaException as error:
                raise _no_answer(error) from None
            if told.error is None and told.partitions:
                found[name] = list(told.partitions)
                break
            # A topic that is made by being asked for is there a moment later.
            if time.monotonic() > deadline:
                raise LogError(
                    f"Kafka has no topic {name} ({told.error}): make it, with three replicas if you have them."
                )
            time.sleep(_POLL_SECONDS)
    return found


def _no_answer(error: Exception) -> LogError:
    return LogError(f"Kafka gives no answer ({error.args[0].str()}): look at its brokers.")
