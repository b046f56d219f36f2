"""Syslog from the network: framings, TLS, bounds, counted loss. Loopback only."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sensor.errors import UsageError
from sensor.sources.inputs import receive
from sensor.sources.inputs.receive import Endpoint, Receiver, Tls


def received(
    transport: str, send: Callable[[Endpoint], Awaitable[None]], tls: Tls | None = None
) -> tuple[list[bytes], Receiver]:
    """What a receiver has after `send`, and the receiver."""

    async def run() -> tuple[bytes, Receiver]:
        receiver = Receiver([Endpoint(transport, "127.0.0.1", 0)], tls)
        (place,) = await receiver.start()
        await send(place)
        await asyncio.sleep(0.2)
        text = await receiver.take()
        await receiver.stop()
        return text, receiver

    text, receiver = asyncio.run(run())
    return text.splitlines(), receiver


def stream(*pieces: bytes, tls: ssl.SSLContext | None = None) -> Callable[[Endpoint], Awaitable[None]]:
    async def send(place: Endpoint) -> None:
        _, writer = await asyncio.open_connection(
            place.host, place.port, ssl=tls, server_hostname="localhost" if tls else None
        )
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
        writer.close()

    return send


def datagrams(*messages: bytes) -> Callable[[Endpoint], Awaitable[None]]:
    async def send(place: Endpoint) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for message in messages:
                sender.sendto(message, (place.host, place.port))

    return send


def test_datagrams_are_messages_whatever_ends_them() -> None:
    lines, receiver = received("udp", datagrams(b"<1>a", b"<1>b\n", b"<1>c\r\n\0", b"two\nlines", b"\n"))
    assert lines == [b"<1>a", b"<1>b", b"<1>c", b"two lines"]
    assert receiver.messages == 4


def test_tcp_by_line_and_by_octet_count_in_any_pieces() -> None:
    lines, _ = received(
        "tcp", stream(b"<1>on", b"e\n<1>two\n7 <1>", b"a b\n5 <1>cd", b"\n<1>last without end")
    )
    assert lines == [b"<1>one", b"<1>two", b"<1>a b", b"<1>cd", b"<1>last without end"]


def test_a_line_that_begins_with_a_number_is_no_octet_count() -> None:
    lines, _ = received("tcp", stream(b"2 123456789010 eni-1 REJECT\n", b"5 ", b"<1>ab7 ", b"drwxr-xr-x\n"))
    assert lines == [b"2 123456789010 eni-1 REJECT", b"<1>ab", b"7 drwxr-xr-x"]


def test_a_message_too_long_is_counted() -> None:
    long = b"x" * (receive.MAX_MESSAGE_BYTES + 1024)
    _, receiver = received("tcp", stream(long, b"y" * 1024))
    assert receiver.lost["lost: message too long"] >= 1


def test_datagrams_beyond_the_room_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive, "MAX_WAITING_BYTES", 100)
    lines, receiver = received("udp", datagrams(*[b"x" * 30] * 10))
    assert len(lines) + sum(receiver.lost.values()) == 10
    assert receiver.lost["lost: datagrams came faster than they could be stored"] > 0


def test_messages_wait_for_others_until_they_are_old_or_many() -> None:
    receiver = Receiver([])
    assert receiver.waiting_since is None and not receiver.due(time.monotonic(), 1)
    receiver.datagram(b"<1>a")
    came = receiver.waiting_since
    receiver.datagram(b"<1>b")
    assert came is not None and receiver.waiting_since == came
    assert receiver.due(came, 1000) and receiver.due(came - 1, 10) and not receiver.due(came - 1, 11)
    assert asyncio.run(receiver.take()) == b"<1>a\n<1>b\n"
    assert receiver.waiting_since is None and not receiver.due(time.monotonic(), 1)


def test_losses_are_told_though_no_line_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive, "MAX_WAITING_BYTES", 1)
    receiver = Receiver([])
    receiver.datagram(b"<1>a")
    assert receiver.lost and receiver.due(time.monotonic(), 1)


def test_a_tcp_sender_is_slowed_down_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive, "MAX_WAITING_BYTES", 200_000)
    count = 60_000

    async def run() -> int:
        receiver = Receiver([Endpoint("tcp", "127.0.0.1", 0)])
        (place,) = await receiver.start()
        sending = asyncio.create_task(stream(*[b"<1>0123456789\n" * 1000] * (count // 1000))(place))  # type: ignore[arg-type]
        got, biggest = 0, 0
        for _ in range(500):
            text = await receiver.take()
            biggest = max(biggest, len(text))
            got += text.count(b"\n")
            if got == count:
                break
            await asyncio.sleep(0.02)
        await sending
        await receiver.stop()
        assert biggest < 1_000_000
        return got

    assert asyncio.run(run()) == count


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return made_certificate(tmp_path)


def made_certificate(folder: Path) -> tuple[Path, Path]:
    folder.mkdir(exist_ok=True)
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
         "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def test_a_file_for_tls_that_cannot_be_used_is_named(certificate: tuple[Path, Path]) -> None:
    """All was said of the certificate, in the words of a library."""
    cert, key = certificate
    absent = cert.with_name("absent")
    for files, said in (
        ((cert, absent, None), f"{absent}: no such file or directory; name a PEM file"),
        ((cert, key, absent), f"{absent}: no such file or directory; name a PEM file"),
        ((cert, None, None), f"{cert}: no PEM file with a certificate and its key; name its key with --key"),
        ((key, key, None), f"{key}: no PEM file with a certificate for the key {key}; name two that belong"),
        ((cert, key, key), f"{key}: no PEM file with a certificate; name that of the authority"),
    ):
        with pytest.raises(UsageError, match=re.escape(said)):
            Tls(*files)


def test_a_certificate_that_was_replaced_is_shown_to_new_senders(certificate: tuple[Path, Path]) -> None:
    """It was shown until the end, long after it had expired."""
    cert, key = certificate
    tls = Tls(cert, key, None)
    assert tls.renew() is None
    new_cert, new_key = made_certificate(cert.parent / "new")
    new_cert.replace(cert)
    assert str(tls.renew()).endswith("; the certificate in use stays"), "its key is still to come"
    assert tls.renew() is None
    new_key.replace(key)
    assert tls.renew() == f"{cert}: the certificate was replaced, and is in use"
    client = ssl.create_default_context(cafile=str(cert))
    assert received("tls", stream(b"9 <1>secret", tls=client), tls)[0] == [b"<1>secret"]


def test_tls_and_senders_that_must_prove_themselves(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    client = ssl.create_default_context(cafile=str(cert))
    lines, _ = received("tls", stream(b"9 <1>secret", tls=client), Tls(cert, key, None))
    assert lines == [b"<1>secret"]

    async def refused(place: Endpoint) -> None:
        with pytest.raises((ssl.SSLError, OSError)):
            reader, writer = await asyncio.open_connection(
                place.host, place.port, ssl=client, server_hostname="localhost"
            )
            writer.write(b"9 <1>secret")
            await writer.drain()
            if await reader.read(1) == b"":
                raise OSError("closed")

    lines, _ = received("tls", refused, Tls(cert, key, cert))
    assert lines == []
