"""Real TLS and QUIC on loopback: a server that answers as models do, and as others do, read at the client.

What the client's socket gave, and when, becomes the packets that the sensor reads: records and datagrams are
those of OpenSSL and aioquic, times those of this machine; how TCP cut them is ours.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.quic.configuration import QuicConfiguration

from tests.lab.certificates import write_authority_and_certificate
from tests.quality.wire import Connection, Event

_WORDS = ("the", "model", "of", "and", "information", "in", "is", "that", "through", "it", "as", "with", "an")
_REQUEST = 1800
_LONGEST_S = 30.0

Pieces = AsyncIterator[bytes]


async def _tokens(
    rng: random.Random, per_s: float, wrap: Callable[[str], str], batch_s: float = 0.0
) -> Pieces:
    """Some 40 to 200 tokens at `per_s`, each in its event; `batch_s`: let go together so often."""
    held, let_go = b"", time.monotonic() + batch_s
    await asyncio.sleep(rng.uniform(0.2, 0.6))
    for _ in range(rng.randrange(40, 200)):
        await asyncio.sleep(rng.gammavariate(2.5, 1 / (2.5 * per_s)))
        event = wrap(rng.choice(_WORDS)).encode()
        if not batch_s:
            yield event
            continue
        held += event
        if time.monotonic() >= let_go:
            yield held
            held, let_go = b"", time.monotonic() + batch_s * rng.uniform(0.6, 1.4)
    yield held + b"data: [DONE]\n\n"


def _completion(word: str) -> str:
    choice = {"index": 0, "delta": {"content": f" {word}"}, "logprobs": None, "finish_reason": None}
    chunk = {
        "id": "chatcmpl-" + "x" * 29,
        "object": "chat.completion.chunk",
        "created": 1_800_000_000,
        "model": "model-2026-01-01",
        "system_fingerprint": "fp_0123456789",
        "choices": [choice],
    }
    return f"data: {json.dumps(chunk)}\n\n"


def _padded(word: str) -> str:
    return _completion(word)[:-3] + ', "obfuscation": "' + "x" * random.randrange(1, 16) + '"}\n\n'


def _delta(word: str) -> str:
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f" {word}"}}
    return f"event: content_block_delta\ndata: {json.dumps(delta)}\n\n"


def _line(word: str) -> str:
    made = {"model": "small:8b", "created_at": "2026-11-26T12:00:00.123456789Z",
            "message": {"role": "assistant", "content": f" {word}"}, "done": False}  # fmt: skip
    return json.dumps(made) + "\n"


async def _log_lines(rng: random.Random) -> Pieces:
    until = time.monotonic() + rng.uniform(5, 12)
    while time.monotonic() < until:
        await asyncio.sleep(rng.expovariate(12))
        yield f"data: {' '.join(rng.choices(_WORDS, k=rng.randrange(5, 60)))}\n\n".encode()


async def _clock(rng: random.Random) -> Pieces:
    for n in range(80):
        await asyncio.sleep(0.1)
        yield f'data: {{"symbol": "ABC", "price": {n * 1.01:.2f}}}\n\n'.encode()


async def _slow_file(rng: random.Random) -> Pieces:
    for _ in range(40):
        await asyncio.sleep(0.15)
        yield rng.randbytes(16_384)


async def _page(rng: random.Random) -> Pieces:
    for _ in range(25):
        await asyncio.sleep(rng.expovariate(20))
        yield rng.randbytes(min(200_000, int(rng.lognormvariate(9, 1.3))))


#: What answers as models do, by style and tokens a second.
MODELS: dict[str, Callable[[random.Random], Pieces]] = {
    "completion chunks, 15/s": lambda rng: _tokens(rng, 15, _completion),
    "completion chunks, 50/s": lambda rng: _tokens(rng, 50, _completion),
    "completion chunks, padded, 40/s": lambda rng: _tokens(rng, 40, _padded),
    "text deltas, 40/s": lambda rng: _tokens(rng, 40, _delta),
    "lines of JSON, 25/s": lambda rng: _tokens(rng, 25, _line),
    "completion chunks, 60/s, let go every 0.2 s": lambda rng: _tokens(rng, 60, _completion, 0.2),
}
OTHERS: dict[str, Callable[[random.Random], Pieces]] = {
    "log lines": _log_lines, "ticker by the clock": _clock, "slow file": _slow_file, "page": _page,
}  # fmt: skip


def measure(each: int = 12) -> dict[str, list[Connection]]:
    """`each` connections of every style, over TLS and, those of models, over QUIC; at most a minute."""
    return asyncio.run(_measure(each))


async def _measure(each: int) -> dict[str, list[Connection]]:
    styles = MODELS | OTHERS
    found: dict[str, list[Connection]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_authority_and_certificate(folder, ["localhost"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            style, seed = (await reader.readline()).decode().strip().split("|")
            with suppress(ConnectionError):
                async for piece in styles[style](random.Random(seed)):
                    writer.write(piece)
                    await writer.drain()
                writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        asked = [(style, n) for style in styles for n in range(each)]
        told = await asyncio.gather(*(_ask_tls(port, folder, style, n) for style, n in asked))
        server.close()
        for (style, _), connection in zip(asked, told, strict=True):
            found.setdefault(f"TLS: {style}", []).append(connection)
        asked = [(style, n) for style in MODELS for n in range(each)]
        told = await _ask_quic(folder, asked)
        for (style, _), connection in zip(asked, told, strict=True):
            found.setdefault(f"QUIC: {style}", []).append(connection)
    return found


async def _ask_tls(port: int, folder: Path, style: str, seed: int) -> Connection:
    """Ask over TLS, and note what the socket gave."""
    await asyncio.sleep(seed * 0.05)
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        with suppress(ssl.SSLWantReadError):
            tls.do_handshake()
            break
        writer.write(outgoing.read())
        incoming.write(await reader.read(1 << 16))
    tls.write(f"{style}|{seed}\n".encode().ljust(_REQUEST))
    writer.write(outgoing.read())
    began, given = time.monotonic(), []
    with suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST_S):
            while data := await reader.read(1 << 16):
                given.append((int((time.monotonic() - began) * 1e6), data))
    writer.close()
    return Connection([Event(0, "up", (_REQUEST + 17,)), *_records(given)])


def _records(given: list[tuple[int, bytes]]) -> list[Event]:
    """The records of a stream that came in pieces, each when its header was whole."""
    events, stream, at = [], b"", 0
    for at_us, data in given:
        stream += data
        sizes = []
        while at + 5 <= len(stream):
            sizes.append(int.from_bytes(stream[at + 3 : at + 5], "big"))
            at += 5 + sizes[-1]
        if sizes:
            events.append(Event(at_us, "down", tuple(sizes)))
    return events


class _Noting(QuicConnectionProtocol):
    """A client that notes datagrams with short headers."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.given: list[Event] = []
        self.began = time.monotonic()

    def datagram_received(self, data: bytes | str, address: Any) -> None:
        """Note a datagram, then take it."""
        if isinstance(data, bytes) and data[0] & 0xC0 == 0x40:
            self.given.append(Event(int((time.monotonic() - self.began) * 1e6), "down", (len(data),)))
        super().datagram_received(data, address)


async def _ask_quic(folder: Path, asked: list[tuple[str, int]]) -> list[Connection]:
    settings = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    settings.load_cert_chain(folder / "server.pem", folder / "server.key")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        style, seed = (await reader.readline()).decode().strip().split("|")
        async for piece in MODELS[style](random.Random(seed)):
            writer.write(piece)
        writer.write_eof()

    server = await serve(
        "127.0.0.1", 0, configuration=settings,
        stream_handler=lambda reader, writer: _keep(asyncio.ensure_future(answer(reader, writer))),
    )  # fmt: skip
    port = server._transport.get_extra_info("sockname")[1]

    async def ask(style: str, seed: int) -> Connection:
        await asyncio.sleep(seed * 0.05)
        client = QuicConfiguration(is_client=True, alpn_protocols=["h3"], server_name="localhost")
        client.load_verify_locations(str(folder / "ca.pem"))
        async with connect("127.0.0.1", port, configuration=client, create_protocol=_Noting) as protocol:
            assert isinstance(protocol, _Noting)
            reader, writer = await protocol.create_stream()
            protocol.given.clear()
            protocol.began = time.monotonic()
            writer.write(f"{style}|{seed}\n".encode().ljust(_REQUEST))
            with suppress(TimeoutError):
                async with asyncio.timeout(_LONGEST_S):
                    await reader.read()
            given = list(protocol.given)
        return Connection([Event(0, "up", (1200, _REQUEST - 1100)), *given], quic=True)

    told = await asyncio.gather(*(ask(style, seed) for style, seed in asked))
    server.close()
    return told


_running: set[asyncio.Future[None]] = set()


def _keep(task: asyncio.Future[None]) -> None:
    """Hold a task until it is done: the loop itself would not."""
    _running.add(task)
    task.add_done_callback(_running.discard)
