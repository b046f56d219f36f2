"""Stands in front of the lab's servers, passes bytes through, and writes down what it counted.

One JSON argument: `names` (address -> host name), `quic` (addresses with HTTP/3), `backends`
(public port -> loopback port; QUIC uses the one of 443) and `log`. For TCP, bytes up are what was
read from the client, bytes down what the kernel sent, without retransmissions (`TCP_INFO`). For QUIC
they are the UDP payload bytes per peer. One line of JSON per connection, written when it ends.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, cast

CHUNK = 65536
# struct tcp_info of linux/tcp.h: where the 64-bit counters stand
BYTES_SENT_AT, BYTES_RETRANSMITTED_AT, TCP_INFO_SIZE = 200, 208, 216
LINGER_S = 0.5  # how long the server may still talk to a client that has ended its side


class Truth:
    """The open log of everything counted."""

    def __init__(self, stream: TextIO, names: dict[str, str]) -> None:
        self.stream = stream
        self.names = names

    def write(self, transport: str, peer: Any, local: Any, started: float, up: int, down: int) -> None:
        """Write one finished connection; `peer` and `local` are socket addresses."""
        server = plain_address(local[0])
        row = {
            "transport": transport,
            "client": plain_address(peer[0]),
            "client_port": peer[1],
            "server": server,
            "server_port": local[1],
            "host": self.names.get(server),
            "started": started,
            "ended": time.time(),
            "bytes_up": up,
            "bytes_down": down,
        }
        self.stream.write(json.dumps(row) + "\n")
        self.stream.flush()


def plain_address(address: str) -> str:
    """An address as people write it: without the IPv4-in-IPv6 prefix of a dual-stack socket."""
    return address.removeprefix("::ffff:").split("%")[0]


def payload_sent(connection: socket.socket) -> int:
    """Payload bytes sent, each once, as the kernel counted them."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_SIZE)
    sent, again = (
        struct.unpack_from("=Q", info, place)[0] for place in (BYTES_SENT_AT, BYTES_RETRANSMITTED_AT)
    )
    return int(sent - again)


class Carried:
    """One TCP connection on its way to the backend."""

    def __init__(self, client: socket.socket, backend: socket.socket) -> None:
        self.client, self.backend = client, backend
        self.up = 0

    async def carry(self, backend_port: int) -> None:
        """Connect and copy both directions until the server, or soon after the client, has ended."""
        await asyncio.get_running_loop().sock_connect(self.backend, ("127.0.0.1", backend_port))
        tasks = [asyncio.create_task(self._carry_up()), asyncio.create_task(self._carry_down())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if tasks[0] in done:
                await asyncio.wait(tasks, timeout=LINGER_S)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry_up(self) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(self.client, CHUNK):
            self.up += len(data)
            await loop.sock_sendall(self.backend, data)
        self.backend.shutdown(socket.SHUT_WR)

    async def _carry_down(self) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(self.backend, CHUNK):
            await loop.sock_sendall(self.client, data)
        self.client.shutdown(socket.SHUT_WR)


async def serve_connection(client: socket.socket, peer: Any, backend_port: int, truth: Truth) -> None:
    """Carry one connection and log its counts; a reset is an ordinary end."""
    started, local = time.time(), client.getsockname()
    with client, socket.socket() as backend:
        backend.setblocking(False)
        for end in (client, backend):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        carried = Carried(client, backend)
        try:
            await carried.carry(backend_port)
        finally:
            truth.write("tcp", peer, local, started, carried.up, payload_sent(client))


async def accept_forever(port: int, backend_port: int, truth: Truth, open_tasks: set[Any]) -> None:
    """Accept on all addresses, both versions of IP, and serve each connection in its own task."""
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=256)
    listener.setblocking(False)
    while True:
        client, peer = await asyncio.get_running_loop().sock_accept(listener)
        client.setblocking(False)
        task = asyncio.create_task(serve_connection(client, peer, backend_port, truth))
        open_tasks.add(task)
        task.add_done_callback(open_tasks.discard)


@dataclass
class Peer:
    """One QUIC client: its way to the backend and its counts so far."""

    started: float
    backend: asyncio.DatagramTransport | None = None
    waiting: list[bytes] = field(default_factory=list)
    up: int = 0
    down: int = 0


class QuicFront(asyncio.DatagramProtocol):
    """A UDP socket on one public address; every peer gets its own socket to the backend."""

    def __init__(self, backend_port: int, truth: Truth) -> None:
        self.backend_port = backend_port
        self.truth = truth
        self.peers: dict[Any, Peer] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: Any) -> None:
        peer = self.peers.get(address)
        if peer is None:
            peer = self.peers[address] = Peer(time.time())
            task = asyncio.create_task(self._connect(address, peer))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        peer.up += len(data)
        if peer.backend is None:
            peer.waiting.append(data)
        else:
            peer.backend.sendto(data)

    async def _connect(self, address: Any, peer: Peer) -> None:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: QuicBack(self.transport, address, peer), remote_addr=("127.0.0.1", self.backend_port)
        )
        for data in peer.waiting:
            transport.sendto(data)
        peer.waiting.clear()
        peer.backend = transport

    def write_truth(self) -> None:
        """Log every peer; called once, at the end."""
        local = self.transport.get_extra_info("sockname")
        for address, peer in self.peers.items():
            self.truth.write("udp", address, local, peer.started, peer.up, peer.down)


class QuicBack(asyncio.DatagramProtocol):
    """The backend's answers to one peer."""

    def __init__(self, front: asyncio.DatagramTransport, address: Any, peer: Peer) -> None:
        self.front, self.address, self.peer = front, address, peer

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.peer.down += len(data)
        self.front.sendto(data, self.address)


async def run(settings: dict[str, Any], truth: Truth) -> None:
    """Serve until SIGTERM, then log what is still open."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    backends = {int(port): backend for port, backend in settings["backends"].items()}
    fronts = []
    for address in settings["quic"]:
        _, front = await loop.create_datagram_endpoint(
            lambda: QuicFront(backends[443], truth), local_addr=(address, 443)
        )
        fronts.append(front)
    connections: set[asyncio.Task[None]] = set()
    listeners = [
        asyncio.create_task(accept_forever(port, backend, truth, connections))
        for port, backend in backends.items()
    ]
    await stop.wait()
    for task in [*listeners, *connections]:
        task.cancel()
    await asyncio.gather(*listeners, *connections, return_exceptions=True)
    for front in fronts:
        front.write_truth()


def main() -> None:
    """Read the settings, open the log, serve."""
    settings = json.loads(sys.argv[1])
    with Path(settings["log"]).open("w", encoding="utf-8") as stream:
        asyncio.run(run(settings, Truth(stream, settings["names"])))


if __name__ == "__main__":
    main()
