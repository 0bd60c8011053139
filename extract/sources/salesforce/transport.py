"""The HTTP session below simple-salesforce, which has no time-outs, no retries and no plain http of its own.

Retried  connection failures, 406, 408, 420, 429 and 5xx, and 403 when too many long calls run at once: with
         exponential back-off, or after Retry-After
Errors   RateLimited when a quota will not refill soon, Unreachable when retries are used up; any other status is
         returned, for simple-salesforce to raise
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter

from extract.budget import Budget
from extract.source import RateLimited, Unreachable
from extract.sources.rest import cause, is_loopback, retry_after
from extract.sources.salesforce import settings

# 406 and 420 come from the edge of a busy org, with an empty or HTML body.
RETRIED = frozenset({406, 408, 420, 429})
USED_UP = "REQUEST_LIMIT_EXCEEDED"
_USAGE = re.compile(r"(?:^|[;\s])api-usage=(\d+)/(\d+)")


class OneHost(HTTPAdapter):
    """Sends whatever simple-salesforce addresses to https://… to one host, over the scheme of that host's address."""

    def __init__(self, base_url: str) -> None:
        """``base_url`` is scheme and host."""
        super().__init__()
        self._base = urlsplit(base_url)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send to our host."""
        parts = urlsplit(str(request.url))
        request.url = urlunsplit((self._base.scheme, self._base.netloc, parts.path, parts.query, ""))
        if is_loopback(request.url):
            kwargs["proxies"] = {}
        return super().send(request, *args, **kwargs)


class PatientSession(requests.Session):
    """A session with time-outs and bounded retries. ``where`` names the server in messages."""

    def __init__(
        self,
        where: str,
        *,
        secrets: Sequence[str],
        budget: Budget,
        sleep: Callable[[float], None] = time.sleep,
        attempts: int,
    ) -> None:
        """``secrets`` are masked in messages; ``sleep`` is for tests."""
        super().__init__()
        self.where = where
        self.secrets = [secret for secret in secrets if secret]
        self.headers["User-Agent"] = "braid-cdp"
        # Keeps requests from replacing our Authorization by what ~/.netrc says.
        self.auth = _as_it_is
        self.attempts = attempts
        self.budget = budget
        self._sleep = sleep

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send, again if need be. Never follows a redirect: a token goes to one host only."""
        kwargs.setdefault("timeout", settings.TIMEOUTS)
        kwargs["allow_redirects"] = False
        for attempt in range(1, self.attempts + 1):
            last = attempt == self.attempts
            self.budget.spend()
            try:
                response = super().request(method, url, *args, **kwargs)
            except requests.RequestException as error:
                if last:
                    raise Unreachable(
                        f"{self.where} cannot be reached: {cause(error)}; check SALESFORCE_URL and the network."
                    ) from None
                self.back_off(attempt)
                continue
            if usage := _USAGE.search(response.headers.get("Sforce-Limit-Info", "")):
                self.budget.heard(int(usage[1]), int(usage[2]))
            if not self._again(response):
                return response
            asked = retry_after(response.headers.get("Retry-After"))
            if last or (asked or 0) > settings.LONGEST_PAUSE:
                raise self._gave_up(response, attempt)
            response.close()
            self.back_off(attempt, asked)
        raise AssertionError("the last attempt returns or raises")

    def back_off(self, attempt: int, asked: float | None = None) -> None:
        """Sleep: ``asked`` seconds if the server said so, else half a second, doubled with each attempt."""
        if asked is None:
            asked = 0.5 * 2.0 ** (attempt - 1) * random.uniform(1.0, 1.25)
        self._sleep(min(asked, settings.LONGEST_PAUSE))

    def said(self, content: object) -> str:
        """The server's own explanation in brackets, short, on one line and without our secrets; "" without one."""
        code, message = explanation(content)
        text = " ".join(f"{code}: {message}".strip(": ").split())
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return f" ({text[:300].rstrip(' .')})" if text else ""

    def _again(self, response: requests.Response) -> bool:
        if response.status_code == 403:
            code, message = explanation(response.content)
            return code == USED_UP and "concurrent" in message.lower()
        return response.status_code in RETRIED or response.status_code >= 500

    def _gave_up(self, response: requests.Response, attempts: int) -> RateLimited | Unreachable:
        status, said = response.status_code, self.said(response.content)
        if status in (403, 429):
            return RateLimited(f"{self.where} has no calls left for us{said}; the next run goes on from there.")
        return Unreachable(f"{self.where} keeps answering {status}{said}, {attempts} times in a row; try again later.")


def explanation(content: object) -> tuple[str, str]:
    """errorCode and message of an error body, parsed or not: the API's list, or OAuth's object; else ("", "")."""
    if isinstance(content, bytes | str):
        try:
            content = json.loads(content)
        except ValueError:
            return "", ""
    if isinstance(content, list) and content:
        content = content[0]
    if not isinstance(content, dict):
        return "", ""
    code = content.get("errorCode") or content.get("error") or ""
    return str(code), str(content.get("message") or content.get("error_description") or "")


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
