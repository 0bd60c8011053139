"""JSON over HTTP as the connectors need it: timeouts, bounded retries, quotas, and errors that say what to do.

Retried  connection failures, 408, 477 and 5xx with exponential back-off; 429 after Retry-After, or back-off without one
Errors   AccessDenied on 401 and 403, RateLimited when a quota will not refill soon, Unreachable when retries are used
         up, MalformedAnswer on what is not JSON (a redirect included: credentials are not carried to another host)
Secrets  only inside the ``auth`` object and, for masking, in ``secrets``; a message never has a header or a query
"""

from __future__ import annotations

import email.utils
import ipaddress
import json
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from extract.budget import Budget
from extract.source import AccessDenied, ConfigurationError, MalformedAnswer, RateLimited, SourceError, Unreachable

Json = dict[str, Any]

CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
CLOCK_SECONDS = 5.0
ATTEMPTS = 5
# A quota that refills later than this is not waited for: the run fails and the next one takes over.
LONGEST_WAIT_SECONDS = 120.0
# Beside 5xx: request timeout, and HubSpot's "account is being moved".
RETRIED = {408, 477}
# What HubSpot's edge says to a token of the wrong form.
BAD_TOKEN = 530


class Pace:
    """At most ``calls`` in any ``seconds``, shared by the threads that use it."""

    def __init__(self, calls: int, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """``sleep`` is for tests."""
        self._times: deque[float] = deque(maxlen=calls)
        self._seconds = seconds
        self._sleep = sleep
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when one more call fits."""
        with self._lock:
            if len(self._times) == self._times.maxlen:
                pause = self._times[0] + self._seconds - time.monotonic()
                if pause > 0:
                    self._sleep(pause)
            self._times.append(time.monotonic())


@dataclass(frozen=True)
class Answer:
    """A JSON object the server sent, with its status and the server's clock; ``where`` names it in messages."""

    status: int
    body: Json
    headers: Mapping[str, str]
    where: str

    def listing(self, name: str) -> list[Json]:
        """The list of objects under ``name``; MalformedAnswer when there is none."""
        found = self.body.get(name)
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise MalformedAnswer(f"{self.where} answered without a list of {name}; try again, or ask its support.")
        return found

    def time(self) -> datetime:
        """The Date header: naive UTC, whole seconds."""
        try:
            return email.utils.parsedate_to_datetime(self.headers["Date"]).astimezone(UTC).replace(tzinfo=None)
        except (KeyError, ValueError) as error:
            raise MalformedAnswer(f"{self.where} answered without a Date header; is a proxy removing it?") from error


class RestApi:
    """One JSON API at one host. Safe to use from several threads; ``sleep`` is for tests."""

    system = "The server"
    url_setting = ""
    token_setting = ""

    def __init__(
        self,
        base_url: str,
        auth: AuthBase,
        *,
        secrets: Sequence[str] = (),
        budget: Budget | None = None,
        sleep: Callable[[float], None] = time.sleep,
        attempts: int = ATTEMPTS,
    ) -> None:
        """Nothing is contacted yet; raises ConfigurationError when the address cannot be used."""
        self.base_url = checked_url(base_url, self.url_setting)
        self._auth = auth
        self._secrets = tuple(secret for secret in secrets if secret)
        self.budget = budget or Budget(self.url_setting.removesuffix("_URL"))
        self._sleep = sleep
        self._attempts = attempts
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._last: tuple[Answer, float] | None = None

    def just_told(self) -> datetime | None:
        """The server's clock by its last answer, when that is a few seconds old at most and has a Date header."""
        if (
            self._last is None
            or time.monotonic() - self._last[1] > CLOCK_SECONDS
            or "Date" not in self._last[0].headers
        ):
            return None
        return self._last[0].time()

    @property
    def where(self) -> str:
        """The system and its address, for messages."""
        return f"{self.system} at {self.base_url}"

    def get(
        self, path: str, params: Sequence[tuple[str, str]] = (), *, accept: frozenset[int] = frozenset(), tries: int = 0
    ) -> Answer:
        """GET a JSON object; statuses in ``accept`` are answers too, not errors. ``tries`` overrides the retries."""
        return self._call("GET", path, params, None, accept, tries)

    def post(self, path: str, body: Json, params: Sequence[tuple[str, str]] = ()) -> Answer:
        """POST JSON and read a JSON object; only for calls that read, since they are repeated on failure."""
        return self._call("POST", path, params, body, frozenset(), 0)

    def close(self) -> None:
        """Release the connections of all threads."""
        for session in self._sessions:
            session.close()

    # What a system may know better.

    def refused(self, response: requests.Response, path: str) -> SourceError:
        """The error for a 401 or 403."""
        return AccessDenied(
            f"{self.where} refuses these credentials ({response.status_code}): {self._words(response)}; "
            f"check {self.token_setting}."
        )

    def used_up(self, response: requests.Response) -> bool:
        """Whether a 429 is about a quota that will not refill while we wait."""
        return False

    def answered(self, response: requests.Response) -> None:
        """Look at the headers of every answer."""

    def shown(self, path: str) -> str:
        """The path as messages may show it."""
        return path

    def _call(
        self,
        method: str,
        path: str,
        params: Sequence[tuple[str, str]],
        body: Json | None,
        accept: frozenset[int],
        tries: int,
    ) -> Answer:
        attempts = tries or self._attempts
        for attempt in range(1, attempts + 1):
            last = attempt == attempts
            self.budget.spend()
            try:
                response = self._session().request(
                    method,
                    self.base_url + path,
                    params=list(params),
                    json=body,
                    timeout=(CONNECT_SECONDS, READ_SECONDS),
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                if last:
                    raise Unreachable(
                        f"{self.where} cannot be reached: {cause(error)}; check {self.url_setting} and the network."
                    ) from None
                self.back_off(attempt)
                continue
            status = response.status_code
            self.answered(response)
            if status in accept or status in (200, 201, 207):
                answer = Answer(status, self._object(response, path), response.headers, self.where)
                self._last = (answer, time.monotonic())
                return answer
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                self._await_quota(response, attempt, last)
            elif status in RETRIED or (status >= 500 and status != BAD_TOKEN):
                if last:
                    raise Unreachable(
                        f"{self.where} keeps answering {status}{self._said(response)} to {method} {self.shown(path)} "
                        f"({attempts} attempts); try again later."
                    )
                self.back_off(attempt, retry_after(response.headers.get("Retry-After")))
            else:
                self._fail(response, method, path)
        raise AssertionError("the last attempt returns or raises")

    def _fail(self, response: requests.Response, method: str, path: str) -> NoReturn:
        status = response.status_code
        if status in (401, 403, BAD_TOKEN):
            raise self.refused(response, path)
        if 300 <= status < 400:
            raise MalformedAnswer(f"{self.where} redirects {self.shown(path)} elsewhere; check {self.url_setting}.")
        raise SourceError(f"{self.where} refuses {method} {self.shown(path)} with {status}{self._said(response)}.")

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            # An auth object of ours also keeps requests from taking credentials out of ~/.netrc.
            session.auth = self._auth
            session.headers.update({"Accept": "application/json", "User-Agent": "braid-cdp"})
            self._local.session = session
            self._sessions.append(session)
        return session

    def _object(self, response: requests.Response, path: str) -> Json:
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise MalformedAnswer(
                f"{self.where} answered {self.shown(path)} with something that is not a JSON object; "
                f"check that {self.url_setting} is the API's address, or try again."
            )
        return body

    def _await_quota(self, response: requests.Response, attempt: int, last: bool) -> None:
        asked = retry_after(response.headers.get("Retry-After"))
        if last or self.used_up(response) or (asked or 0) > LONGEST_WAIT_SECONDS:
            raise RateLimited(
                f"{self.where} has no calls left for us{self._said(response)}; "
                "what was landed stays, the next run goes on from there."
            )
        # Quotas refill every ten seconds or so: start at a second.
        self.back_off(attempt, asked, first=1.0)

    def back_off(self, attempt: int, asked: float | None = None, first: float = 0.5) -> None:
        """Sleep before the next attempt: ``asked`` seconds if the server said so, else ``first``, doubled each time."""
        if asked is None:
            asked = first * 2.0 ** (attempt - 1) * random.uniform(1.0, 1.25)
        self._sleep(min(asked, LONGEST_WAIT_SECONDS))

    def _said(self, response: requests.Response) -> str:
        words = self._words(response)
        return f" ({words})" if words else ""

    def _words(self, response: requests.Response) -> str:
        """The server's own explanation, short, on one line, and without our secrets."""
        try:
            body = json.loads(response.content)
        except ValueError:
            return ""
        found = body.get("message") or body.get("error") if isinstance(body, dict) else None
        if isinstance(found, dict):
            found = found.get("message")
        text = " ".join(str(found or "").split())
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text[:200].rstrip(" .")


def checked_url(url: str, setting: str) -> str:
    """``url`` without a closing slash; ConfigurationError unless https, or http on this machine."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ConfigurationError(f"{setting} must be an address such as https://host, without a path.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(f"{setting} must be a plain address, without credentials or a query.")
    if parts.scheme == "http" and not is_loopback(url):
        raise ConfigurationError(f"{setting} must be https: over http anybody on the way reads the token.")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def is_loopback(url: str) -> bool:
    """Whether ``url`` stays on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def retry_after(text: str | None) -> float | None:
    """Seconds asked for by a Retry-After header (a number or a date), None when there is none to use."""
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (email.utils.parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def cause(error: requests.RequestException) -> str:
    """Why a request got no answer, in words of ours: the library's own carry the whole URL."""
    if isinstance(error, requests.exceptions.SSLError):
        return "its TLS certificate is not accepted"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not let us through"
    if isinstance(error, requests.Timeout):
        return f"no answer within {READ_SECONDS:.0f} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return "the answer breaks off"
    return "the connection fails"
