"""A load generator for the collector, in a process of its own: prints one line of JSON.

    python -m benchmarks.collect_load PORT KEY EVENTS_A_REQUEST CONNECTIONS SECONDS [REQUESTS_A_SECOND]

Without a rate every connection asks again as soon as it is answered. With one, requests are due at fixed times, and a
latency counts from when its request was due, so that a server that stalls is not spared the requests it held up.
"""

from __future__ import annotations

import base64
import json
import select
import socket
import sys
import time
from dataclasses import dataclass, field

EVENT = (
    '{"type":"track","event":"Product Viewed","messageId":"%s","userId":"user-4711","anonymousId":"78e05800-5e25-4a9e",'
    '"properties":{"product_id":"p-100","name":"A shoe","price":19.9,"currency":"EUR","category":"shoes","quantity":1},'
    '"context":{"library":{"name":"analytics.js","version":"2.1.0"},"locale":"en-US","page":{"path":"/p",'
    '"url":"https://shop.example/p","title":"A shoe","referrer":"https://search.example/"},'
    '"userAgent":"Mozilla/5.0 (X11; Linux x86_64)"},'
    '"timestamp":"2026-11-20T22:02:40.060Z","sentAt":"2026-11-20T22:02:40.062Z"}'
)
_ID = "%024x"


@dataclass
class Tally:
    """What was answered, and after how long (seconds)."""

    answered: int = 0
    refused: int = 0
    latencies: list[float] = field(default_factory=list)


def request_template(port: int, key: str, events: int) -> str:
    """A request with a place for each event's message id."""
    event = EVENT % _ID
    batch = '{"sentAt":"2026-11-20T22:02:40.062Z","batch":[' + ",".join([event] * events) + "]}"
    body = event if events == 1 else batch
    size = len(body) + events * (24 - len(_ID))
    login = base64.b64encode(f"{key}:".encode()).decode()
    return (
        f"POST /v1/{'t' if events == 1 else 'batch'} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nAuthorization: Basic {login}\r\nContent-Length: {size}\r\n\r\n{body}"
    )


def run(port: int, key: str, events: int, connections: int, seconds: float, rate: float | None) -> Tally:
    """Send for so many seconds and count."""
    template = request_template(port, key, events).encode()
    number = time.time_ns() << 16
    tally = Tally()
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    for _ in range(connections):
        opened = socket.create_connection(("127.0.0.1", port), timeout=30)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[opened.fileno()] = opened
        poll.register(opened, select.EPOLLIN)
    idle, due_at, parts = list(sockets), dict[int, float](), dict[int, bytes]()
    began = time.perf_counter()
    end, sent = began + seconds, 0
    while True:
        now = time.perf_counter()
        if now >= end and not due_at:
            break
        if now > end + 10:
            sys.exit("no answer for ten seconds")
        while idle and now < end and (rate is None or began + sent / rate <= now):
            handle = idle.pop()
            due_at[handle] = now if rate is None else began + sent / rate
            sockets[handle].sendall(template % tuple(range(number, number + events)))
            number += events
            sent += 1
        wait = 0.5 if rate is None or not idle else max(0.0, began + sent / rate - time.perf_counter())
        for handle, _ in poll.poll(min(wait, 0.5) if now < end else 0.5):
            answer = parts.pop(handle, b"") + sockets[handle].recv(65536)
            if answer and not answer.endswith(b"}"):
                # Servers may send the head and the body, always JSON here, one after the other.
                parts[handle] = answer
                continue
            tally.latencies.append(time.perf_counter() - due_at.pop(handle))
            if answer.startswith(b"HTTP/1.1 200"):
                tally.answered += 1
            else:
                tally.refused += 1
                if not answer:
                    sys.exit("the connection was closed")
            idle.append(handle)
    return tally


def main() -> None:
    """Run what the command line says."""
    port, key, events, connections, seconds, *rate = sys.argv[1:]
    tally = run(int(port), key, int(events), int(connections), float(seconds), float(rate[0]) if rate else None)
    ordered = sorted(tally.latencies)
    p50, p99 = (ordered[int(len(ordered) * share)] * 1000 if ordered else 0.0 for share in (0.5, 0.99))
    result = {
        "events_a_second": tally.answered * int(events) / float(seconds),
        "refused": tally.refused,
        "p50_ms": round(p50, 2),
        "p99_ms": round(p99, 2),
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
