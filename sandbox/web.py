"""The thin layer between Starlette and the APIs: handlers are plain functions of a call, run in threads."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response


@dataclass(frozen=True)
class Call:
    """One request with its body read."""

    method: str
    path: str
    base_url: str
    params: Mapping[str, str]
    query: QueryParams
    headers: Headers
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises ValueError when it is not."""
        return json.loads(self.body)


Handler = Callable[[Call], Response]


def endpoint(handler: Handler) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """A handler as Starlette wants it; queries must not hold up the event loop."""

    async def answer(request: Request) -> Response:
        call = Call(
            request.method,
            request.url.path,
            str(request.base_url).rstrip("/"),
            request.path_params,
            request.query_params,
            request.headers,
            await request.body(),
        )
        return await run_in_threadpool(handler, call)

    return answer


def json_response(
    content: object,
    status: int = 200,
    *,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Compact JSON; text outside ASCII as it is."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return Response(body, status, headers, media_type)
