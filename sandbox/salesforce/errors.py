"""Salesforce's refusals: an array of one error, and the words that go with a status."""

from __future__ import annotations

from starlette.responses import Response

from sandbox.web import json_response

JSON = "application/json;charset=UTF-8"


class ApiError(Exception):
    """An answer other than success, in the vendor's words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """``code`` is the errorCode."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def envelope(status: int, code: str, message: str) -> Response:
    """An error as Salesforce writes it."""
    return json_response([{"message": message, "errorCode": code}], status, media_type=JSON)


def error(status: int, code: str | None) -> Response:
    """Any status in the vendor's envelope."""
    known = {
        401: ("INVALID_SESSION_ID", "Session expired or invalid"),
        403: ("INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id"),
        404: ("NOT_FOUND", "The requested resource does not exist"),
        503: ("SERVER_UNAVAILABLE", "Server unavailable"),
    }
    name, message = known.get(status, ("UNKNOWN_EXCEPTION", "An unexpected error occurred. ErrorId: 1185372231-4242"))
    return envelope(status, code or name, message)


def rate_limited(status: int, policy: str | None) -> Response:
    """Salesforce says it with 403: the day's allowance is used up, or too many long calls run at once."""
    match policy:
        case None | "DAILY":
            return envelope(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        case "CONCURRENT":
            message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
            return envelope(403, "REQUEST_LIMIT_EXCEEDED", message)
    return envelope(status, "REQUEST_LIMIT_EXCEEDED", "Too many requests")
