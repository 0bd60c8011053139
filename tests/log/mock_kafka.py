"""A Kafka cluster to test against: librdkafka's mock brokers, from the library inside the client's wheel.

    python -m tests.log.mock_kafka BROKERS TOPIC=PARTITIONS...

Prints the bootstrap servers, then obeys a command a line: ``down N`` and ``up N`` (brokers from 1), ``err APIKEY
CODE...`` (what the next requests of that kind are answered). It ends with its standard input. Memory only, and its
transactions are not real: it shows how faults are handled, not that anything is durable.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCE, FETCH = 0, 1
_POINTER, _INT, _TEXT = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
_FUNCTIONS = {
    "conf_new": (_POINTER, []),
    "new": (_POINTER, [_INT, _POINTER, _TEXT, ctypes.c_size_t]),
    "mock_cluster_new": (_POINTER, [_POINTER, _INT]),
    "mock_cluster_bootstraps": (_TEXT, [_POINTER]),
    "mock_topic_create": (_INT, [_POINTER, _TEXT, _INT, _INT]),
    "mock_broker_set_down": (_INT, [_POINTER, ctypes.c_int32]),
    "mock_broker_set_up": (_INT, [_POINTER, ctypes.c_int32]),
    "mock_push_request_errors_array": (None, [_POINTER, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(_INT)]),
}


class Cluster:
    """A running cluster."""

    def __init__(self, process: subprocess.Popen[str], servers: str) -> None:
        self._process, self.servers = process, servers

    def tell(self, command: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def brokers(self, state: str, *numbers: int) -> None:
        for number in numbers:
            self.tell(f"{state} {number}")

    def errors(self, request: int, *codes: int) -> None:
        self.tell(f"err {request} {' '.join(map(str, codes))}")


@contextmanager
def cluster(*topics: str, brokers: int = 3) -> Iterator[Cluster]:
    command = [sys.executable, "-m", "tests.log.mock_kafka", str(brokers), *topics]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            servers = process.stdout.readline().strip()
            assert servers
            yield Cluster(process, servers)
        finally:
            process.kill()


def main() -> None:
    import confluent_kafka

    (path,) = (Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs").glob("librdkafka-*.so*")
    library = ctypes.CDLL(str(path))

    def call(name: str, *arguments: object) -> object:
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = _FUNCTIONS[name]
        return function(*arguments)

    problem = ctypes.create_string_buffer(512)
    handle = call("new", 0, call("conf_new"), problem, len(problem))
    if not handle:
        sys.exit(problem.value.decode())
    made = call("mock_cluster_new", handle, int(sys.argv[1]))
    for topic in sys.argv[2:]:
        name, partitions = topic.split("=")
        call("mock_topic_create", made, name.encode(), int(partitions), 1)
    servers = call("mock_cluster_bootstraps", made)
    assert isinstance(servers, bytes)
    sys.stdout.write(servers.decode() + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        verb, *numbers = line.split()
        values = [int(number) for number in numbers]
        if verb == "err":
            codes = values[1:]
            call("mock_push_request_errors_array", made, values[0], len(codes), (_INT * len(codes))(*codes))
        else:
            call(f"mock_broker_set_{verb}", made, values[0])
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
