"""Alerts reach a real receiver, say what happened, and never say a secret."""

from __future__ import annotations

import json
import time

import pytest

from orchestration.lib.alerts import Alert, AlertError, AlertSettings, send
from tests.orchestration.receivers import Mailbox, Webhook, mail_server, webhook

FAILURE = Alert("failure", "nightly failed", ("salesforce: HUBSPOT refused token hs-token-123456",), "nightly", "r-1")
PLANTED = {
    "SALESFORCE_CLIENT_SECRET": "sf-secret-987654",
    "HUBSPOT_ACCESS_TOKEN": "hs-token-123456",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "open sesame please",
}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


@pytest.fixture
def hook() -> Webhook:
    with webhook() as state:
        yield state


@pytest.fixture
def mailbox() -> Mailbox:
    with mail_server() as state:
        yield state


def mail_settings(mailbox: Mailbox, **more: str) -> dict[str, str]:
    return {
        "BRAID_ALERT_EMAIL": "ops@shop.example, second@shop.example",
        "BRAID_SMTP_HOST": mailbox.host,
        "BRAID_SMTP_PORT": str(mailbox.port),
        "BRAID_SMTP_SECURITY": "none",
        **more,
    }


@pytest.mark.timeout(30)
def test_a_webhook_is_told_with_a_link_to_the_run(hook: Webhook) -> None:
    told = send(FAILURE, env={"BRAID_ALERT_WEBHOOK": hook.url, "BRAID_DAGSTER_URL": "https://dagster.shop.example/"})
    assert told == ("webhook",)
    (body,) = hook.received
    assert body["text"].splitlines()[0] == "nightly failed"
    assert body["text"].splitlines()[-1] == "https://dagster.shop.example/runs/r-1"
    assert (body["kind"], body["job"], body["run_id"]) == ("failure", "nightly", "r-1")


@pytest.mark.timeout(30)
def test_an_email_goes_to_everyone_after_signing_in(mailbox: Mailbox) -> None:
    env = mail_settings(mailbox, BRAID_SMTP_USER="braid", BRAID_SMTP_PASSWORD="mail-password")
    assert send(FAILURE, env=env) == ("email",)
    (message,) = mailbox.received
    assert message["Subject"] == "Braid: nightly failed"
    assert "nightly failed" in message.get_content()
    assert mailbox.recipients == ["ops@shop.example", "second@shop.example"]
    assert len(mailbox.logins) == 1


@pytest.mark.timeout(30)
def test_nobody_configured_is_nobody_told() -> None:
    assert send(FAILURE, env={}) == ()


@pytest.mark.timeout(30)
def test_no_planted_secret_leaves_by_any_channel(hook: Webhook, mailbox: Mailbox) -> None:
    lines = (
        *PLANTED.values(),
        "GET https://user:hunter22@crm.example/x failed",
        "sent Authorization: Bearer abcdef0123456789",
        f"cannot reach {hook.url}",
    )
    env = {**PLANTED, **mail_settings(mailbox), "BRAID_ALERT_WEBHOOK": hook.url}
    assert send(Alert("failure", "sf-secret-987654 leaked", lines), env=env) == ("webhook", "email")
    everything = json.dumps(hook.received) + mailbox.received[0].as_string()
    for secret in (*PLANTED.values(), "hunter22", "abcdef0123456789", "very-secret-path"):
        assert secret not in everything


@pytest.mark.timeout(30)
def test_a_header_cannot_be_smuggled_into_the_mail(mailbox: Mailbox) -> None:
    send(Alert("failure", "boom\r\nBcc: thief@evil.example"), env=mail_settings(mailbox))
    assert mailbox.received[0]["Bcc"] is None
    assert mailbox.recipients == ["ops@shop.example", "second@shop.example"]


@pytest.mark.timeout(30)
def test_a_passing_fault_of_the_receiver_is_tried_again(hook: Webhook) -> None:
    hook.answers = [503, 429]
    assert send(FAILURE, env={"BRAID_ALERT_WEBHOOK": hook.url}) == ("webhook",)
    assert len(hook.received) == 1


@pytest.mark.timeout(30)
@pytest.mark.parametrize("status", [404, 302], ids=["gone", "redirected"])
def test_a_refusal_is_one_sentence_without_the_url_and_the_other_channel_still_works(
    hook: Webhook, mailbox: Mailbox, status: int
) -> None:
    hook.answers = [status]
    with pytest.raises(AlertError, match=f"status {status}") as caught:
        send(FAILURE, env={"BRAID_ALERT_WEBHOOK": hook.url, **mail_settings(mailbox)})
    assert "very-secret-path" not in str(caught.value)
    assert len(mailbox.received) == 1


@pytest.mark.timeout(30)
def test_a_mail_server_that_refuses_the_login_is_named_and_the_password_is_not(mailbox: Mailbox) -> None:
    mailbox.accepts_login = False
    env = mail_settings(mailbox, BRAID_SMTP_USER="braid", BRAID_SMTP_PASSWORD="mail-password")
    with pytest.raises(AlertError, match="refuses BRAID_SMTP_USER") as caught:
        send(FAILURE, env=env)
    assert "mail-password" not in str(caught.value)


@pytest.mark.timeout(60)
def test_an_unreachable_mail_server_is_one_sentence() -> None:
    env = {"BRAID_ALERT_EMAIL": "ops@shop.example", "BRAID_SMTP_HOST": "127.0.0.1", "BRAID_SMTP_PORT": "9"}
    with pytest.raises(AlertError, match=r"127\.0\.0\.1:9 does not take alerts \(ConnectionRefusedError\)"):
        send(FAILURE, env=env)


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"BRAID_ALERT_WEBHOOK": "hooks.example/x"}, "BRAID_ALERT_WEBHOOK"),
        ({"BRAID_ALERT_EMAIL": "ops@shop.example"}, "BRAID_SMTP_HOST"),
        ({"BRAID_ALERT_EMAIL": "ops", "BRAID_SMTP_HOST": "mail"}, "BRAID_ALERT_EMAIL"),
        ({"BRAID_ALERT_EMAIL": "a@b.c", "BRAID_SMTP_HOST": "m", "BRAID_SMTP_PORT": "mail"}, "BRAID_SMTP_PORT"),
        ({"BRAID_ALERT_EMAIL": "a@b.c", "BRAID_SMTP_HOST": "m", "BRAID_SMTP_SECURITY": "x"}, "BRAID_SMTP_SECURITY"),
        (
            {
                "BRAID_ALERT_EMAIL": "a@b.c",
                "BRAID_SMTP_HOST": "mail.example",
                "BRAID_SMTP_USER": "u",
                "BRAID_SMTP_SECURITY": "none",
            },
            "unencrypted",
        ),
    ],
    ids=["no scheme", "no server", "no address", "no port", "unknown security", "password in the clear"],
)
def test_a_wrong_setting_is_named(env: dict[str, str], named: str) -> None:
    with pytest.raises(AlertError, match=named):
        AlertSettings.from_environment(env)
