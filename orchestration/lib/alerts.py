"""Who is told when something fails, grows stale or changes: a webhook, an email, both, or nobody.

Settings  BRAID_ALERT_WEBHOOK, a URL that takes a POST of JSON (``text`` is what Slack and its kin show);
          BRAID_ALERT_EMAIL, addresses separated by commas, sent through BRAID_SMTP_HOST, BRAID_SMTP_PORT (587),
          BRAID_SMTP_SECURITY (``starttls``, ``tls`` or ``none``), BRAID_SMTP_USER and BRAID_SMTP_PASSWORD,
          BRAID_SMTP_FROM (the first recipient);
          BRAID_DAGSTER_URL, to end an alert with a link to its run
Errors    AlertError, one sentence; never a secret, and never the text of the webhook's URL
"""

from __future__ import annotations

import os
import smtplib
import ssl
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Literal
from urllib.parse import urlsplit

from orchestration.lib.redact import redacted, secret_values

NOBODY = "Nobody is told: neither BRAID_ALERT_WEBHOOK nor BRAID_ALERT_EMAIL is set."
_TIMEOUT_SECONDS = 15
_TRIES = 3
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class AlertError(Exception):
    """An alert could not be sent, or its settings are wrong; one sentence, free of secrets."""


@dataclass(frozen=True)
class Alert:
    """What is told. ``details`` are lines of text.

    ``kind`` says whether something broke, aged, is well again, or a source changed its columns.
    """

    kind: Literal["failure", "stale", "recovered", "schema_change"]
    title: str
    details: tuple[str, ...] = ()
    job: str | None = None
    run_id: str | None = None

    def without_secrets(self, env: Mapping[str, str]) -> Alert:
        """The same with the environment's secrets hidden."""
        secrets = secret_values(env)
        details = tuple(redacted(line, secrets) for line in self.details)
        return Alert(self.kind, redacted(self.title, secrets), details, self.job, self.run_id)


@dataclass(frozen=True, repr=False)
class AlertSettings:
    """Where alerts go. Neither webhook nor recipients: nowhere."""

    webhook: str | None = None
    recipients: tuple[str, ...] = ()
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: str = "starttls"
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_from: str = ""
    dagster_url: str = ""

    @property
    def configured(self) -> bool:
        """Whether anybody is told."""
        return bool(self.webhook or self.recipients)

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> AlertSettings:
        """Read the settings; raises AlertError naming the variable that is missing or wrong."""

        def text(name: str, default: str = "") -> str:
            return env.get(name, "").strip() or default

        webhook = text("BRAID_ALERT_WEBHOOK") or None
        if webhook is not None and (urlsplit(webhook).scheme not in ("http", "https") or not urlsplit(webhook).netloc):
            raise AlertError("BRAID_ALERT_WEBHOOK is not an http or https URL.")
        recipients = tuple(part.strip() for part in text("BRAID_ALERT_EMAIL").split(",") if part.strip())
        for recipient in recipients:
            if "@" not in recipient or any(sign.isspace() for sign in recipient):
                raise AlertError(f"BRAID_ALERT_EMAIL has {recipient!r}, which is not an address; separate by commas.")
        host = text("BRAID_SMTP_HOST")
        if recipients and not host:
            raise AlertError("BRAID_SMTP_HOST is not set, and BRAID_ALERT_EMAIL needs the mail server's name.")
        security = text("BRAID_SMTP_SECURITY", "starttls").lower()
        if security not in ("starttls", "tls", "none"):
            raise AlertError(f"BRAID_SMTP_SECURITY is {security!r}; it may be starttls, tls or none.")
        port = text("BRAID_SMTP_PORT", "465" if security == "tls" else "587")
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise AlertError(f"BRAID_SMTP_PORT is {port!r}, which is not a port.")
        user, password = text("BRAID_SMTP_USER"), env.get("BRAID_SMTP_PASSWORD", "")
        if user and security == "none" and host not in _LOOPBACK:
            raise AlertError(
                "BRAID_SMTP_SECURITY is none, so the password would travel unencrypted; use starttls or tls."
            )
        return cls(
            webhook=webhook,
            recipients=recipients,
            smtp_host=host,
            smtp_port=int(port),
            smtp_security=security,
            smtp_user=user,
            smtp_password=password,
            smtp_from=text("BRAID_SMTP_FROM", recipients[0] if recipients else ""),
            dagster_url=text("BRAID_DAGSTER_URL").rstrip("/"),
        )

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"AlertSettings(webhook={'set' if self.webhook else None}, recipients={self.recipients!r})"


def send(alert: Alert, *, env: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Tell everyone the environment names; returns the channels used ("webhook", "email"), none when none is set.

    Each channel is tried three times. Raises AlertError when one cannot be reached, after trying the other.
    """
    settings = AlertSettings.from_environment(env)
    safe = alert.without_secrets(env)
    channels = {
        "webhook": _post if settings.webhook else None,
        "email": _mail if settings.recipients else None,
    }
    told, failed = [], []
    for name, channel in channels.items():
        if channel is None:
            continue
        try:
            channel(safe, settings)
            told.append(name)
        except AlertError as error:
            failed.append(redacted(str(error), secret_values(env)))
    if failed:
        raise AlertError(" ".join(failed))
    return tuple(told)


def _text(alert: Alert, settings: AlertSettings) -> str:
    lines = [alert.title, *alert.details]
    if alert.run_id and settings.dagster_url:
        lines.append(f"{settings.dagster_url}/runs/{alert.run_id}")
    return "\n".join(lines)


def _post(alert: Alert, settings: AlertSettings) -> None:
    import requests

    assert settings.webhook is not None
    body = {**asdict(alert), "text": _text(alert, settings), "source": "braid"}
    problem = ""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(attempt)
        try:
            # A redirect would carry the alert to an address nobody configured.
            answer = requests.post(settings.webhook, json=body, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            problem = type(error).__name__
            continue
        if answer.ok and not answer.is_redirect:
            return
        problem = f"status {answer.status_code}"
        if answer.status_code < 500 and answer.status_code != 429:
            break
    raise AlertError(f"The alert webhook does not take alerts ({problem}): check BRAID_ALERT_WEBHOOK.")


def _mail(alert: Alert, settings: AlertSettings) -> None:
    message = EmailMessage()
    # A header is one line, whatever a failing system wrote into its message.
    message["Subject"] = "Braid: " + " ".join(alert.title.split())[:160]
    message["From"] = settings.smtp_from
    message["To"] = ", ".join(settings.recipients)
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="braid.invalid")
    message.set_content(_text(alert, settings))
    problem = ""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(attempt)
        try:
            with _connected(settings) as server:
                server.send_message(message)
            return
        except smtplib.SMTPAuthenticationError:
            problem = "it refuses BRAID_SMTP_USER and BRAID_SMTP_PASSWORD"
            break
        except (smtplib.SMTPException, OSError) as error:
            problem = type(error).__name__
    raise AlertError(
        f"The mail server {settings.smtp_host}:{settings.smtp_port} does not take alerts ({problem}): "
        "check the BRAID_SMTP_ settings."
    )


def _connected(settings: AlertSettings) -> smtplib.SMTP:
    where = (settings.smtp_host, settings.smtp_port)
    if settings.smtp_security == "tls":
        context = ssl.create_default_context()
        server: smtplib.SMTP = smtplib.SMTP_SSL(*where, timeout=_TIMEOUT_SECONDS, context=context)
    else:
        server = smtplib.SMTP(*where, timeout=_TIMEOUT_SECONDS)
    try:
        if settings.smtp_security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if settings.smtp_user:
            server.login(settings.smtp_user, settings.smtp_password)
    except BaseException:
        server.close()
        raise
    return server
