"""The durable log: what long-running processes have to say, kept until it is landed in the warehouse.

``log.base`` is the one interface; ``log.embedded`` keeps the log on a local disk, ``log.kafka`` in Kafka. Records are
opaque bytes (UTF-8 JSON by agreement of those who write them). Nothing here opens the warehouse.
"""


class LogError(Exception):
    """The log cannot do what it was asked; the message is one sentence with cause and remedy."""


class LogHeld(LogError):
    """Another process writes this partition of the log."""


class LogBroken(LogError):
    """What was written may not be durable: nothing more is written until the log is opened anew."""


class LogCorrupt(LogError):
    """Bytes that were durable are not what was written; the message names the file, the byte and the offsets lost."""
