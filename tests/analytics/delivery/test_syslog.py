"""Syslog messages: their form, and that they arrive over UDP, TCP and TLS."""

from __future__ import annotations

import re
import socket
import ssl
from pathlib import Path
from threading import Thread

import pytest

from analytics.delivery.letter import DeliveryFailed
from analytics.delivery.syslog import Syslog
from tests.analytics.delivery.letters import alert

#: RFC 5424 section 6, with UTF-8 text
FORM = re.compile(rb"<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) (\S+) (-|\[.*\])( \xef\xbb\xbf[\s\S]*)?")


def test_the_form_of_a_message() -> None:
    found = FORM.fullmatch(Syslog("h").message(alert(), "sensor 1"))
    assert found is not None
    assert found.groups()[:7] == (
        b"107",
        b"2026-11-23T06:30:00Z",
        b"sensor-1",
        b"shadowai",
        b"-",
        b"alert",
        b"-",
    )
    text = found.group(8).removeprefix(b" \xef\xbb\xbf").decode()
    assert text == 'Alert a rule="never_use" service="Acme | Chat = x" people="5" bytes_up="1200"'


def test_cef_escapes_what_its_readers_split_at() -> None:
    letter = alert(facts={"rule": "a|b", "service": r"x=y\z", "people": 7})
    text = Syslog("h", style="cef", version="1.2").message(letter, "h").decode()
    cef = text[text.index("CEF:0") :]
    assert cef.startswith(r"CEF:0|Shadow AI Sensor|shadowai|1.2|a\|b|Alert a|8|")
    assert r"destinationServiceName=x\=y\\z" in cef
    assert "cn1=7 cn1Label=people" in cef


def test_over_udp_long_texts_are_cut_between_characters() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        Syslog("127.0.0.1", receiver.getsockname()[1]).send(alert(facts={"service": "ü" * 3000}))
        content = receiver.recv(65535)
    assert 2040 < len(content) <= 2048
    assert content.decode().endswith("ü")


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_over_streams_messages_are_counted(
    identity: tuple[Path, ssl.SSLContext],
    transport: str,
) -> None:
    got: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        stream, _ = listener.accept()
        if transport == "tls":
            stream = identity[1].wrap_socket(stream, server_side=True)
        while part := stream.recv(65535):
            got.append(part)
        stream.close()

    thread = Thread(target=serve)
    thread.start()
    port = listener.getsockname()[1]
    Syslog("localhost", port, transport, authority=identity[0]).send(alert())
    thread.join(5)
    listener.close()
    length, _, text = b"".join(got).partition(b" ")
    assert int(length) == len(text) and FORM.fullmatch(text)
    with pytest.raises(DeliveryFailed):
        Syslog("localhost", port, transport).send(alert())
