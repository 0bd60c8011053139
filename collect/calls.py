"""One call of an SDK as it comes: what it must have whatever a tracking plan says, and what its batch says for it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

TYPES = frozenset({"identify", "track", "page", "screen", "group", "alias"})
MAX_ID = 100
MAX_USER_ID = 500
# Passed on to every event of a batch that does not say otherwise.
_SHARED = ("context", "integrations")
_OBJECTS = ("properties", "traits", "context")


class Malformed(Exception):
    """A call breaks a rule that no tracking plan decides."""

    def __init__(self, rule: str, reason: str) -> None:
        """Name of the rule, and a sentence without any of the call's values."""
        super().__init__(reason)
        self.rule, self.reason = rule, reason


def text_id(value: Any, name: str, longest: int) -> str | None:
    """An id as text; None when absent, which an empty one is too. Raises Malformed."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        found = value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found = str(value)
    else:
        raise Malformed(f"{name}_invalid", f"{name} is neither text nor a number.")
    if len(found) > longest:
        raise Malformed(f"{name}_invalid", f"{name} is longer than {longest} characters.")
    return found


def message_id(call: Any) -> tuple[str, str]:
    """The message id of a call and the rule it breaks; one is made when there is none that can be used."""
    if not isinstance(call, dict):
        return str(uuid4()), "not_an_object"
    given = call.get("messageId")
    # Nearly all; what follows costs as much as judging by a plan.
    if type(given) is str and 0 < len(given) <= MAX_ID:
        return given, ""
    try:
        return text_id(given, "message_id", MAX_ID) or str(uuid4()), ""
    except Malformed as error:
        return str(uuid4()), error.rule


def check(call: dict[str, Any], kind: Any) -> tuple[str | None, str | None]:
    """The user and anonymous id of a call that is in order; raises Malformed for one that is not."""
    if not isinstance(kind, str) or kind not in TYPES:
        raise Malformed("type_unknown", f"type is none of {', '.join(sorted(TYPES))}.")
    user, anonymous = call.get("userId"), call.get("anonymousId")
    if user is not None and not (type(user) is str and 0 < len(user) <= MAX_USER_ID):
        user = text_id(user, "user_id", MAX_USER_ID)
    if anonymous is not None and not (type(anonymous) is str and 0 < len(anonymous) <= MAX_USER_ID):
        anonymous = text_id(anonymous, "anonymous_id", MAX_USER_ID)
    if user is None and anonymous is None:
        raise Malformed("identity_missing", "Neither userId nor anonymousId is given.")
    if kind == "track":
        name = call.get("event")
        if not isinstance(name, str) or not name.strip():
            raise Malformed("event_missing", "A track call needs the name of an event.")
    elif kind == "group":
        if text_id(call.get("groupId"), "group_id", MAX_USER_ID) is None:
            raise Malformed("group_id_missing", "A group call needs groupId.")
    elif kind == "alias" and text_id(call.get("previousId"), "previous_id", MAX_USER_ID) is None:
        raise Malformed("previous_id_missing", "An alias call needs previousId.")
    for name in _OBJECTS:
        value = call.get(name)
        if value is not None and not isinstance(value, dict):
            raise Malformed(f"{name}_invalid", f"{name} is no object.")
    return user, anonymous


def shared(batch: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """What a batch says for all of its calls."""
    return [(name, common) for name in _SHARED if isinstance(common := batch.get(name), dict) and common]


def share(common: list[tuple[str, dict[str, Any]]], call: Any) -> None:
    """Pass it on to one of them; what a call says itself counts first.

    For one call when it is taken, not for all at once: a copy for each is many times what was sent.
    """
    if not isinstance(call, dict):
        return
    for name, fields in common:
        own = call.get(name)
        if own is None:
            call[name] = fields
        elif isinstance(own, dict):
            call[name] = fields | own
