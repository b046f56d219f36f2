"""Receives syslog over UDP, TCP and TLS as lines, in bounded memory, and counts what was lost.

On TCP and TLS the framing of each message is recognised: an octet count before it (RFC 6587 §3.4.1, RFC
5425), or a line end after it. Senders on TCP are slowed down if we cannot keep up. On UDP that is impossible:
what does not fit is dropped and counted, like what the kernel dropped.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sensor.errors import UsageError, reason_of

#: Text waiting to be read; beyond it TCP senders wait and datagrams are dropped.
MAX_WAITING_BYTES = 64 * 1024 * 1024
#: No message is longer (RFC 5425 asks for 8 KB at least); a longer one is dropped and counted.
MAX_MESSAGE_BYTES = 1024 * 1024
#: Senders at the same time; more are turned away.
MAX_SENDERS = 1000
#: A sender that is silent for this long is disconnected.
SILENT_S = 3600.0
#: Room that the kernel is asked for, for datagrams not yet read; it gives `net.core.rmem_max` at most.
RECEIVE_BYTES = 8 * 1024 * 1024
#: A reason in `lost`.
BUFFER_FULL = "lost: datagrams the kernel dropped, its buffer was full"
#: An octet count. What it counts begins with a priority (RFC 5424 §6); a plain line may begin with a number.
_COUNT = re.compile(rb"^(\d{1,7}) (?=<)")


@dataclass(frozen=True)
class Endpoint:
    """Where to listen: protocol (`udp`, `tcp` or `tls`), address and port."""

    transport: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}://{host}:{self.port}"


class Receiver:
    """Buffers lines from sockets until `take`; `lost` counts what did not fit, by reason."""

    def __init__(self, endpoints: Sequence[Endpoint], tls: Tls | None = None) -> None:
        self._endpoints = tuple(endpoints)
        self.tls = tls
        self._waiting: list[bytes] = []
        self._bytes = 0
        #: since when lines, or counts of lost ones, wait to be taken (`time.monotonic()`); None if none do
        self.waiting_since: float | None = None
        self._room = asyncio.Condition()
        self._servers: list[asyncio.Server] = []
        self._datagrams: list[asyncio.DatagramTransport] = []
        self._senders: set[asyncio.Task[None]] = set()
        self._drops_before: dict[int, int] = {}
        self.lost: Counter[str] = Counter()
        self.messages = 0

    async def start(self) -> list[Endpoint]:
        """Open the sockets; where they listen (a port 0 becomes the one given). Raises OSError."""
        loop = asyncio.get_running_loop()
        bound = []
        for endpoint in self._endpoints:
            place = (endpoint.host, endpoint.port)
            if endpoint.transport == "udp":
                datagrams, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=place)
                _widen(datagrams)
                self._datagrams.append(datagrams)
                name = datagrams.get_extra_info("sockname")
            else:
                secure = self.tls.context if self.tls and endpoint.transport == "tls" else None
                server = await asyncio.start_server(self._accept, *place, ssl=secure, limit=MAX_MESSAGE_BYTES)
                self._servers.append(server)
                name = server.sockets[0].getsockname()
            bound.append(Endpoint(endpoint.transport, name[0], name[1]))
        return bound

    async def stop(self) -> None:
        """Close everything; what came before can still be taken."""
        for datagrams in self._datagrams:
            self._count_drops()
            datagrams.close()
        for server in self._servers:
            server.close()
        for task in list(self._senders):
            task.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)

    def due(self, before: float, count: int) -> bool:
        """True if lines or losses have waited since `before` then, or so many bytes of lines wait."""
        return self._bytes >= count or (self.waiting_since is not None and self.waiting_since <= before)

    async def take(self) -> bytes:
        """The lines that came since, each with its end."""
        self._count_drops()
        async with self._room:
            text = b"".join(self._waiting)
            self._waiting.clear()
            self._bytes = 0
            self.waiting_since = None
            self._room.notify_all()
        return text

    def datagram(self, data: bytes) -> None:
        """Buffer a message; drop and count it if there is no room."""
        if self._bytes + len(data) > MAX_WAITING_BYTES:
            self._lose("lost: datagrams came faster than they could be stored")
            return
        self._add(data)

    def _add(self, message: bytes) -> None:
        line = message.strip(b"\r\n\0").replace(b"\n", b" ")
        if line:
            self._note_wait()
            self.messages += 1
            self._waiting.append(line + b"\n")
            self._bytes += len(line) + 1

    def _lose(self, why: str) -> None:
        self._note_wait()
        self.lost[why] += 1

    def _note_wait(self) -> None:
        if self.waiting_since is None:
            self.waiting_since = time.monotonic()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._senders) >= MAX_SENDERS:
            self._lose("lost: more senders than may connect")
            writer.close()
            return
        self._senders.add(task)
        try:
            await self._read(reader)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass  # the sender left; what it sent completely has been kept
        finally:
            self._senders.discard(task)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Read one message after the other. If the buffer is full, wait, which slows the sender down."""
        buffer = b""
        while data := await asyncio.wait_for(reader.read(256 * 1024), SILENT_S):
            buffer = self._split(buffer + data)
            if len(buffer) > MAX_MESSAGE_BYTES + 16:
                self._lose("lost: message too long")
                buffer = b""
            async with self._room:
                await self._room.wait_for(lambda: self._bytes < MAX_WAITING_BYTES)
        if buffer:
            self._add(buffer)

    def _split(self, buffer: bytes) -> bytes:
        """Keep the complete messages of `buffer`; returns the rest of it."""
        place = 0
        while place < len(buffer):
            counted = _COUNT.match(buffer[place : place + 9])
            if counted and 0 < int(counted[1]) <= MAX_MESSAGE_BYTES:
                begin = place + counted.end()
                end = begin + int(counted[1])
                if end > len(buffer):
                    break
                self._add(buffer[begin:end])
            else:
                end = buffer.find(b"\n", place)
                if end < 0:
                    break
                self._add(buffer[place:end])
                end += 1
            place = end
        return buffer[place:]

    def _count_drops(self) -> None:
        """Count what the kernel dropped because the socket's buffer was full (Linux: /proc/net/udp)."""
        for datagrams in self._datagrams:
            held = datagrams.get_extra_info("socket")
            if held is None or held.fileno() < 0:
                continue
            inode = _inode(held.fileno())
            drops = _drops(inode)
            more = drops - self._drops_before.get(inode, 0)
            self._drops_before[inode] = drops
            if more > 0:
                self.lost[BUFFER_FULL] += more


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._receiver.datagram(data)


class Tls:
    """The TLS settings of the server: a certificate, and whose certificates senders must have."""

    def __init__(self, certificate: Path, key: Path | None, clients: Path | None) -> None:
        """With `clients` (CA certificates), senders need a certificate of these. Raises UsageError."""
        self._certificate, self._key, self._clients = certificate, key, clients
        self._seen = self._written()
        self.context = self._made()

    def renew(self) -> str | None:
        """Show senders that connect from now on the certificate on disk, if it was replaced; what there is to
        say of it."""
        seen, self._seen = self._seen, self._written()
        if self._seen == seen:
            return None
        try:
            self._made()  # ours would be left without a key by one that does not fit
        except UsageError as error:
            return f"{error}; the certificate in use stays"
        self.context.load_cert_chain(self._certificate, self._key)
        return f"{self._certificate}: the certificate was replaced, and is in use"

    def _written(self) -> list[int]:
        """When the files of the certificate were written; none for those that are not there."""
        written = []
        for path in (path for path in (self._certificate, self._key) if path is not None):
            with suppress(OSError):
                written.append(path.stat().st_mtime_ns)
        return written

    def _made(self) -> ssl.SSLContext:
        for path in (path for path in (self._certificate, self._key, self._clients) if path is not None):
            try:
                path.read_bytes()
            except OSError as error:  # ssl does not say which file it is about
                raise UsageError(reason_of(error), place=str(path), hint="name a PEM file") from None
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            made.load_cert_chain(self._certificate, self._key)
        except ssl.SSLError:
            key = self._key
            what = "no PEM file with a certificate" + (
                " and its key" if key is None else f" for the key {key}"
            )
            hint = "name its key with --key" if key is None else "name two that belong together"
            raise UsageError(what, place=str(self._certificate), hint=hint) from None
        if self._clients is not None:
            try:
                made.load_verify_locations(self._clients)
            except ssl.SSLError:
                what, hint = "no PEM file with a certificate", "name that of the authority"
                raise UsageError(what, place=str(self._clients), hint=hint) from None
            made.verify_mode = ssl.CERT_REQUIRED
        return made


def _widen(datagrams: asyncio.DatagramTransport) -> None:
    """Ask for a large receive buffer; the kernel gives what it allows."""
    held = datagrams.get_extra_info("socket")
    if held is not None:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)


def _inode(descriptor: int) -> int:
    return os.fstat(descriptor).st_ino


def _drops(inode: int) -> int:
    """Column `drops` of the socket's line; 0 where the system has no such table."""
    for name in ("udp", "udp6"):
        try:
            lines = Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        except OSError:
            return 0
        for line in lines:
            fields = line.split()
            if len(fields) > 12 and fields[9] == str(inode):
                return int(fields[12])
    return 0
