"""Calls to one Salesforce org through simple-salesforce: signed in by OAuth client credentials, and again when the
session ends.

simple-salesforce would sign in again by itself, but drops headers when it does, recurses without end when the new
session is bad too, and never does it for Bulk; so it is given a session, and signing in is decided here.
"""

from __future__ import annotations

import email.utils
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import requests
from simple_salesforce import Salesforce, SalesforceLogin
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceError,
    SalesforceExpiredSession,
)

from extract.budget import Budget
from extract.source import AccessDenied, ConfigurationError, MalformedAnswer, RateLimited, SourceError
from extract.sources.rest import checked_url
from extract.sources.salesforce import settings
from extract.sources.salesforce.transport import USED_UP, OneHost, PatientSession, explanation

VENDOR = ".salesforce.com"
T = TypeVar("T")


class Refused(SourceError):
    """The server understood a request and refuses it; ``code`` is its errorCode, ``said`` its words in brackets."""

    def __init__(self, sentence: str, code: str, status: int, said: str) -> None:
        """Keep what a caller may decide by."""
        super().__init__(sentence)
        self.code = code
        self.status = status
        self.said = said


class Client:
    """One org. Nothing is contacted before the first call. Several threads may call."""

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        budget: Budget | None = None,
        sleep: Callable[[float], None] = time.sleep,
        attempts: int = settings.CALL_ATTEMPTS,
    ) -> None:
        """``url`` is the org's My Domain, or http on this machine. Raises ConfigurationError."""
        base = checked_url(url, "SALESFORCE_URL")
        parts = urlsplit(base)
        host = parts.hostname or ""
        if parts.path:
            raise ConfigurationError("SALESFORCE_URL must be an address such as https://host, without a path.")
        if host in (f"login{VENDOR}", f"test{VENDOR}"):
            raise ConfigurationError(
                "SALESFORCE_URL must be your org's My Domain, such as https://acme.my.salesforce.com: "
                f"client credentials are not accepted at {host}."
            )
        self.where = f"Salesforce at {base}"
        self.budget = budget or Budget("SALESFORCE")
        self.session = PatientSession(
            self.where, secrets=[client_secret], budget=self.budget, sleep=sleep, attempts=attempts
        )
        vendors = parts.scheme == "https" and host.endswith(VENDOR) and parts.port in (None, 443)
        if not vendors:
            self.session.mount("https://", OneHost(base))
        self._domain = host.removesuffix(VENDOR) if vendors else "rewritten"
        self._id = client_id
        self._secret = client_secret
        self._api: Salesforce | None = None
        self._signing_in = threading.Lock()
        self._clock: tuple[datetime, float] | None = None
        self.session.hooks["response"].append(self._note_clock)

    def sign_in(self) -> None:
        """Get a session. Raises AccessDenied, Unreachable or MalformedAnswer."""
        self._api = None
        try:
            token, instance = SalesforceLogin(
                domain=self._domain,
                consumer_key=self._id,
                consumer_secret=self._secret,
                session=self.session,
            )
        except SalesforceAuthenticationFailed as error:
            if not isinstance(error.code, str):
                raise MalformedAnswer(
                    f"{self.where} answers a sign-in with something that is no token; check SALESFORCE_URL."
                ) from None
            said = self.session.said({"error": error.code, "error_description": error.auth_message})
            raise AccessDenied(
                f"{self.where} refuses these credentials{said}; check SALESFORCE_CLIENT_ID and "
                "SALESFORCE_CLIENT_SECRET."
            ) from None
        except (AttributeError, TypeError):
            token, instance = None, None
        if not isinstance(token, str) or not token or not instance:
            raise MalformedAnswer(f"{self.where} signed us in without a token; check SALESFORCE_URL.")
        self.session.secrets.append(token)
        self._api = Salesforce(
            session_id=token,
            instance_url=f"https://{instance}",
            session=self.session,
            parse_float=Decimal,
            object_pairs_hook=dict,
        )

    def now(self) -> datetime:
        """The server's clock, naive UTC, whole seconds, from the Date header."""
        if self._clock is None or time.monotonic() - self._clock[1] > settings.CLOCK_SECONDS:
            self._clock = None
            self.call("")
        if self._clock is None:
            raise MalformedAnswer(f"{self.where} answers without a Date header; is a proxy removing it?")
        return self._clock[0]

    def call(self, path: str, method: str = "GET", **options: Any) -> Any:
        """A REST resource below ``/services/data/vNN.N/``, as JSON; None when there is no content."""
        return self._signed_in(lambda api: api.restful(path, method=method, **options))

    def query(self, soql: str) -> Any:
        """First page of a query, deleted rows included."""
        return self._signed_in(lambda api: api.query(soql, include_deleted=True))

    def query_more(self, url: str) -> Any:
        """The page that a ``nextRecordsUrl`` names."""
        return self._signed_in(lambda api: api.query_more(url, identifier_is_url=True))

    def stream(self, path: str, params: Mapping[str, str]) -> requests.Response:
        """An answer to be read piece by piece; the caller closes it."""

        def send(api: Salesforce) -> requests.Response:
            headers = {"Authorization": api.headers["Authorization"], "Accept": "text/csv"}
            response = self.session.get(api.base_url + path, params=params, headers=headers, stream=True)
            if response.status_code != HTTPStatus.OK:
                with response:
                    status, content = response.status_code, response.content
                kind = SalesforceExpiredSession if status == HTTPStatus.UNAUTHORIZED else SalesforceError
                raise kind(path, status, path, content)
            return response

        return self._signed_in(send)

    def close(self) -> None:
        """Release connections."""
        self.session.close()

    def _signed_in(self, send: Callable[[Salesforce], T]) -> T:
        """Send with a session; when it has ended, sign in again, once."""
        api, fresh = self._session_after(None)
        while True:
            try:
                return send(api)
            except SalesforceExpiredSession as error:
                if fresh:
                    raise AccessDenied(
                        f"{self.where} refuses the session it has just given us{self.session.said(error.content)}; "
                        "check the connected app's policies."
                    ) from None
                api, fresh = self._session_after(api)
            except SalesforceError as error:
                self._fail(error)
            except ValueError:
                raise MalformedAnswer(
                    f"{self.where} answered with something that is not JSON; "
                    "check that SALESFORCE_URL is the org's address, or try again."
                ) from None

    def _session_after(self, ended: Salesforce | None) -> tuple[Salesforce, bool]:
        """The session, a new one when there is none or it is the one that ``ended``; and whether it is new.

        Of several threads whose session ended, one signs in.
        """
        with self._signing_in:
            fresh = self._api is None or self._api is ended
            if fresh:
                self.sign_in()
            assert self._api is not None
            return self._api, fresh

    def _fail(self, error: SalesforceError) -> NoReturn:
        code, _ = explanation(error.content)
        said = self.session.said(error.content)
        if code == USED_UP:
            raise RateLimited(f"{self.where} has no calls left for us{said}; the next run goes on from there.")
        if 300 <= error.status < 400:
            raise MalformedAnswer(f"{self.where} sends us elsewhere ({error.status}); check SALESFORCE_URL.")
        raise Refused(f"{self.where} refuses a request with {error.status}{said}.", code, error.status, said)

    def _note_clock(self, response: requests.Response, *args: Any, **kwargs: Any) -> None:
        try:
            moment = email.utils.parsedate_to_datetime(response.headers["Date"])
        except (KeyError, ValueError):
            return
        self._clock = moment.astimezone(UTC).replace(tzinfo=None, microsecond=0), time.monotonic()
