"""A plan that judges events as they come in: which entry an event has, what it breaks, and what happens to it.

An event that breaks nothing costs two look-ups and one call of a compiled validator, which looks only at what the plan
names. One that breaks something is looked at property by property: the first thing wrong with each is told, so that
what an event can cost is bounded by its size and the plan's, whatever it holds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts import ContractError
from contracts.plan import events, settings
from contracts.plan.explaining import Explainer, validator
from contracts.plan.verdicts import PASS, Action, Verdict, Violation

# Calls that carry no facts of their own: they tie ids, and no plan has a say in that.
_TIES = ("alias",)


def files_of(folder: Path) -> dict[str, str]:
    """The text of a plan's files by name. Raises ContractError."""
    if not folder.is_dir():
        raise ContractError(f"{folder} is no folder; a tracking plan is a folder with {settings.FILE} in it.")
    found = {}
    for path in sorted((*folder.glob("*.yml"), *folder.glob("*.yaml"))):
        try:
            found[path.name] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ContractError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    return found


@dataclass(frozen=True, slots=True)
class _Judged:
    """An entry made ready: its version as text, its validator, and who explains what it refuses."""

    version: str
    action: Action
    sources: frozenset[str]
    is_valid: Any
    explainer: Explainer


class Plan:
    """A tracking plan ready to judge; safe to share between threads."""

    def __init__(self, read: events.Plan, version: str) -> None:
        """``read`` must be without problems; ``load`` sees to that."""
        self.version = version
        self.settings = read.settings
        self.events = read.events
        self._unplanned: Action = read.settings.unplanned_events
        # Versions of each entry, the newest first, by kind of call and (of track calls) name.
        self._entries: dict[str, dict[str, tuple[_Judged, ...]]] = {kind: {} for kind in events.BODIES}
        for event in sorted(read.events, key=lambda one: -one.version):
            schema = dict(event.schema)
            if read.settings.refuses_unplanned_properties:
                schema.setdefault("additionalProperties", False)
            judged = _Judged(
                version=str(event.version),
                action=event.on_violation,
                sources=frozenset(event.sources),
                is_valid=validator(schema).is_valid,
                explainer=Explainer(schema),
            )
            held = self._entries[event.type]
            held[event.name] = (*held.get(event.name, ()), judged)
        self._alike = {name.casefold(): name for name in self._entries["track"]}

    @classmethod
    def load(cls, folder: Path) -> Plan:
        """The plan in ``folder``. Raises ContractError, one sentence with file and line, when it cannot be used."""
        return cls.of(files_of(folder))

    @classmethod
    def of(cls, files: Mapping[str, str]) -> Plan:
        """The plan in these files. Raises ContractError."""
        read = events.read(files)
        if read.problems:
            more = len(read.problems) - 1
            raise ContractError(f"{str(read.problems[0])[:-1]}{f' ({more} more: `braid plan lint`)' if more else ''}.")
        return cls(read, version_of(files))

    def judge(self, event: Mapping[str, Any], write_key_source: str) -> Verdict:
        """What the plan says of an event that came in by this source's write key. Never raises.

        When the judging itself fails (a text no encoding has, a bug of the library), that is a violation of the rule
        ``validator``, and the event a dead letter: what could not be judged is not let through.
        """
        try:
            return self._judge(event, write_key_source)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of compiled code is no Exception
            name = event.get("event") if isinstance(event, Mapping) else None
            said = Violation("validator", "", f"the event could not be judged ({type(error).__name__})")
            return Verdict(name if isinstance(name, str) else None, None, (said,), "dead_letter", event)

    def _judge(self, event: Mapping[str, Any], source: str) -> Verdict:
        kind = event.get("type")
        entries = self._entries.get(kind) if isinstance(kind, str) else None
        if entries is None or not isinstance(kind, str):
            if kind in _TIES:
                return Verdict(None, None, (), PASS, event)
            known = ", ".join((*self._entries, *_TIES))
            return _refused(event, None, "call_type", "type", f"must be one of {known}")
        if kind == "track":
            name = event.get("event")
            if not isinstance(name, str) or not name:
                return _refused(event, None, "event_name", "event", "a track call needs the name of its event, a text")
            versions = entries.get(name)
            if versions is None:
                return self._not_planned(event, name)
        else:
            if not entries:
                return Verdict(None, None, (), PASS, event)
            ((name, versions),) = entries.items()
        body, where = _body(event, kind)
        named = _named_version(event)
        if named is None:
            for judged in versions:
                if judged.is_valid(body):
                    return _accepted(event, name, judged, source)
            return _explained(event, name, versions[0], body, where, source)
        for judged in versions:
            if judged.version == named:
                if judged.is_valid(body):
                    return _accepted(event, name, judged, source)
                return _explained(event, name, judged, body, where, source)
        known = ", ".join(judged.version for judged in versions)
        said = Violation("unknown_version", "context.protocols.event_version", f"the plan has only {known}")
        action: Action = "dead_letter" if versions[0].action == "dead_letter" else "pass"
        return Verdict(name, None, (said,), action, event)

    def _not_planned(self, event: Mapping[str, Any], name: str) -> Verdict:
        alike = self._alike.get(name.strip().casefold())
        hint = f"; {alike} is, which differs in spelling only" if alike else ""
        said = Violation("unplanned_event", "event", f"no event of this name is in the plan{hint}")
        return Verdict(name, None, (said,), self._unplanned, event)


def version_of(files: Mapping[str, str]) -> str:
    """A plan's version: a hash of its files, the same on every machine."""
    digest = hashlib.sha256()
    for name in sorted(files):
        content = files[name].replace("\r\n", "\n").encode()
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
    return f"plan_{digest.hexdigest()[:12]}"


def _body(event: Mapping[str, Any], kind: str) -> tuple[Any, tuple[str, ...]]:
    """The facts of a call and where they stand; absent and null are no facts, which may break `required`."""
    key = events.BODIES[kind]
    body = event.get(key)
    if body is None and key == "traits":
        # RudderStack's libraries put traits into the context.
        context = event.get("context")
        if isinstance(context, Mapping) and context.get("traits") is not None:
            return context["traits"], ("context", "traits")
    return ({} if body is None else body), (key,)


def _named_version(event: Mapping[str, Any]) -> str | None:
    """The version an event names, as Segment Protocols has it: a whole number; None when it names none."""
    context = event.get("context")
    protocols = context.get("protocols") if isinstance(context, Mapping) else None
    named = protocols.get("event_version") if isinstance(protocols, Mapping) else None
    if named is None:
        return None
    if isinstance(named, str) and re.fullmatch(r"0*[1-9][0-9]{0,8}", named):
        return named.lstrip("0")
    return str(named) if isinstance(named, int) and not isinstance(named, bool) and 0 < named < 10**9 else "?"


def _accepted(event: Mapping[str, Any], name: str, judged: _Judged, source: str) -> Verdict:
    if judged.sources and source not in judged.sources:
        return Verdict(name, judged.version, (_elsewhere(judged),), _unstripped(judged.action), event)
    return Verdict(name, judged.version, (), PASS, event)


def _explained(
    event: Mapping[str, Any], name: str, judged: _Judged, body: Any, where: tuple[str, ...], source: str
) -> Verdict:
    found = judged.explainer.explain(body, where)
    violations = found.violations
    if not violations:
        raise ValueError("refused as a whole, and nothing in it is wrong")
    if judged.sources and source not in judged.sources:
        violations = (_elsewhere(judged), *violations)
    if judged.action != "strip":
        return Verdict(name, judged.version, violations, judged.action, event)
    if found.whole:
        # Not even an object: there is nothing to keep apart from what is wrong.
        return Verdict(name, judged.version, violations, "dead_letter", event)
    if not found.strip:
        return Verdict(name, judged.version, violations, PASS, event)
    kept = _without(event, where, found.strip)
    context = event.get("context") if where == ("traits",) else None
    if isinstance(context, Mapping) and isinstance(context.get("traits"), Mapping):
        # Libraries repeat traits in the context: what is stripped must not stay there.
        kept = _without(kept, ("context", "traits"), found.strip)
    return Verdict(name, judged.version, violations, "strip", kept)


def _without(event: Mapping[str, Any], where: tuple[str, ...], names: Iterable[str]) -> Mapping[str, Any]:
    """The event without these properties; what is around them is copied, the event itself stays as it is."""
    if not where:
        gone = frozenset(names)
        return {key: value for key, value in event.items() if key not in gone}
    return {**event, where[0]: _without(event[where[0]], where[1:], names)}


def _elsewhere(judged: _Judged) -> Violation:
    return Violation("source", "", f"only {', '.join(sorted(judged.sources))} may send this event")


def _unstripped(action: Action) -> Action:
    return PASS if action == "strip" else action


def _refused(event: Mapping[str, Any], name: str | None, rule: str, path: str, message: str) -> Verdict:
    return Verdict(name, None, (Violation(rule, path, message),), "dead_letter", event)
