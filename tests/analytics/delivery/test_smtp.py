"""Mail to a real server on loopback: TLS, passwords, refusals, and what the mail looks like."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from analytics.delivery.letter import DeliveryFailed
from analytics.delivery.smtp import Smtp, message
from tests.analytics.delivery.letters import alert, report

controller = pytest.importorskip("aiosmtpd.controller")
server_side = pytest.importorskip("aiosmtpd.smtp")

FROM, TO = "Shadow AI <sensor@example.com>", ("ciso@example.com", "board@example.com")


class Box:
    """Keeps what arrives; refuses recipients that begin with `no`."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("no"):
            return "550 no such box"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 taken"


@contextmanager
def serving(**options: Any) -> Iterator[tuple[Box, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    box = Box()
    server = controller.Controller(box, hostname="127.0.0.1", port=port, **options)
    server.start()
    try:
        yield box, port
    finally:
        server.stop()


def test_a_report_arrives_over_starttls_with_a_password(identity: tuple[Path, ssl.SSLContext]) -> None:
    cert, context = identity

    def knows(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        return server_side.AuthResult(
            success=(data.login, data.password) == (b"sensor", b"s3cret"), handled=False
        )

    options = {
        "tls_context": context,
        "require_starttls": True,
        "authenticator": knows,
        "auth_required": True,
    }
    with serving(**options) as (box, port):
        Smtp("localhost", FROM, TO, port, "starttls", "sensor", "s3cret", cert).send(report())
        with pytest.raises(DeliveryFailed, match="535") as caught:
            Smtp("localhost", FROM, TO, port, "starttls", "sensor", "wrong", cert).send(report())
        assert not caught.value.for_good  # a password can be put right
    (mail,) = box.mails
    assert (mail["To"], mail["Subject"]) == ("ciso@example.com, board@example.com", "Shadow AI, week 47")
    assert mail["Auto-Submitted"] == "auto-generated"
    (page,) = mail.iter_attachments()
    assert page.get_filename() == "shadow-ai-2026-W47.html"
    assert page.get_content() == "<p>Wöchentlich ◕</p>"
    body = mail.get_body(("plain",))
    assert body is not None and body.get_content().strip() == "Sent: 8 MB ◕"


def test_a_server_that_cannot_prove_itself_gets_nothing(identity: tuple[Path, ssl.SSLContext]) -> None:
    with serving(tls_context=identity[1]) as (box, port), pytest.raises(DeliveryFailed, match="certificate"):
        Smtp("localhost", FROM, TO, port).send(report())
    assert box.mails == []


def test_a_server_without_tls_gets_nothing_unless_told() -> None:
    with serving() as (box, port):
        with pytest.raises(DeliveryFailed, match="STARTTLS"):
            Smtp("127.0.0.1", FROM, TO, port).send(report())
        assert box.mails == []
        Smtp("127.0.0.1", FROM, TO, port, "none").send(alert())
    assert [mail["Subject"] for mail in box.mails] == ["Alert a"]


@pytest.mark.parametrize("length", [60, 69, 75, 120, 300])
def test_a_subject_stands_on_the_line_it_begins_on(length: int) -> None:
    letter = replace(alert(), subject=("word " * 60)[:length].strip())
    first = message(letter, FROM, TO).as_bytes().split(b"Subject:")[1].splitlines()[0]
    assert first.strip() == letter.subject.encode()


def test_what_was_taken_is_sent_whatever_the_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    async def leaving(self: Any, arg: str) -> None:
        await self.push("421 closing")

    monkeypatch.setattr(server_side.SMTP, "smtp_QUIT", leaving)
    with serving() as (box, port):
        Smtp("127.0.0.1", FROM, TO, port, "none").send(alert())
    assert len(box.mails) == 1


def test_a_server_that_goes_away_after_the_mail_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(self: Any, arg: str) -> None:
        self.transport.close()

    monkeypatch.setattr(server_side.SMTP, "smtp_DATA", gone)
    with serving() as (_, port), pytest.raises(DeliveryFailed, match="closed") as caught:
        Smtp("127.0.0.1", FROM, TO, port, "none").send(alert())
    assert not caught.value.for_good


def test_refused_recipients_are_told_and_not_tried_again() -> None:
    with serving() as (box, port):
        with pytest.raises(DeliveryFailed, match="refused noone@example") as caught:
            Smtp("127.0.0.1", FROM, ("a@example.com", "noone@example.com"), port, "none").send(alert())
        assert caught.value.for_good and len(box.mails) == 1
        with pytest.raises(DeliveryFailed, match="refused all recipients") as caught:
            Smtp("127.0.0.1", FROM, ("noone@example.com",), port, "none").send(alert())
        assert caught.value.for_good


def test_nobody_there_is_tried_again() -> None:
    with serving() as (_, port):
        pass
    with pytest.raises(DeliveryFailed) as caught:
        Smtp("127.0.0.1", FROM, TO, port, "none").send(alert())
    assert not caught.value.for_good


def test_a_name_on_the_network_cannot_add_headers() -> None:
    sneaky = alert()
    mail = message(type(sneaky)("k", "alert", "x\r\nBcc: all@example.com", "t", sneaky.written_at), FROM, TO)
    assert mail["Bcc"] is None and mail["Subject"] == "x Bcc: all@example.com"
