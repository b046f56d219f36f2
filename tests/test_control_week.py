"""Two weeks of ordinary traffic, generated and without any AI: no sighting of an AI server and no finding.

What comes near is in it on purpose: the ports AI software likes, JSON with versions, archives, event streams,
JSON-RPC that is no MCP, tokens that are no AI keys, databases, file shares, message queues and random bytes.
"""

from __future__ import annotations

import json
import random
import struct
import uuid
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from tests.product import query, shadowai
from tests.sensor.decode.craft import T0, Frame, Talk, ethernet, ip, pcap, udp

DAY = 86_400.0
CLIENTS, DAYS = 12, (0, 1, 2, 3, 4, 7, 8, 9, 10, 11)
PORTS = (80, 3000, 5000, 8000, 8080, 8081, 8888, 9000, 9090, 11434, 7860, 6333, 8265)
PATHS = (
    "/", "/index.html", "/login", "/api/users", "/api/v1/orders/17", "/graphql", "/metrics", "/favicon.ico",
    "/static/app.js", "/v2/library/nginx/blobs/sha256:" + "0" * 64, "/simple/requests/", "/healthz",
    "/repository/maven/org/a/b/1.0/b-1.0.jar", "/messages/list", "/rest/api/2/issue/A-1", "/wiki/Models",
)  # fmt: skip


def archive(name: str) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        packed.writestr(name, "x" * 400)
    return made.getvalue()


BODIES = {
    "text/html": b"<html><body>" + b"news " * 80 + b"</body></html>",
    "application/json": json.dumps({"id": 1, "version": "4.2.1", "items": list(range(40))}).encode(),
    "text/plain": b"version 2.4\nbuild 17\n" * 20,
    "application/zip": archive("word/document.xml"),
    "application/java-archive": archive("META-INF/MANIFEST.MF"),
    "image/png": b"\x89PNG\r\n\x1a\n" + bytes(400),
    "application/gzip": b"\x1f\x8b\x08" + bytes(range(256)) * 2,
    "application/octet-stream": b"\x7fELF\x02\x01\x01" + bytes(400),
    "application/pdf": b"%PDF-1.7\n" + b"0 0 obj\n" * 60,
    "video/mp4": struct.pack(">I4s4s", 24, b"ftyp", b"isom") + bytes(400),
}
SERVERS = ("nginx/1.25", "Apache", "Microsoft-IIS/10.0", "Jetty(9.4)", "Kestrel", "uvicorn", "envoy")


def call(rng: random.Random, talk: Talk) -> None:
    """A request and its answer, in one piece or two."""
    words = (uuid.UUID(int=rng.getrandbits(128)).hex, f"{rng.getrandbits(256):064x}", "eyJhbGciOi.eyJz.c2ln")
    fields = ("Authorization: Bearer ", "Cookie: session=", "X-Request-Id: ")
    who = f"{rng.choice(fields)}{rng.choice(words)}\r\n"
    host = f"srv{rng.randrange(30)}.corp.example"
    line = f"{rng.choice(['GET', 'POST'])} {rng.choice(PATHS)} HTTP/1.1"
    talk.send(f"{line}\r\nHost: {host}\r\n{who}\r\n".encode())
    kind, body = rng.choice(sorted(BODIES.items()))
    head = f"HTTP/1.1 {rng.choice([200, 200, 200, 304, 404, 401])} X\r\nServer: {rng.choice(SERVERS)}\r\n"
    head += f"Content-Type: {kind}\r\nX-Powered-By: x\r\nX-App-Version: 3.1.4\r\n\r\n"
    if rng.random() < 0.5:
        talk.reply(head.encode() + body)
    else:
        talk.reply(head.encode()).reply(body)


def other_rpc(rng: random.Random, talk: Talk) -> None:
    """JSON-RPC of a node, an editor, a build server."""
    method = rng.choice(["eth_call", "textDocument/hover", "workspace/symbol", "system.listMethods"])
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": "x"}}).encode()
    talk.send(b"POST /rpc HTTP/1.1\r\nHost: node.corp.example\r\n\r\n").send(body)
    talk.reply(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"jsonrpc":"2.0","result":"0x0"}')


def events(rng: random.Random, talk: Talk) -> None:
    """A log that is followed as server-sent events."""
    talk.send(b"GET /events HTTP/1.1\r\nHost: logs.corp.example\r\nAccept: text/event-stream\r\n\r\n")
    talk.reply(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    for n in range(rng.randrange(3, 9)):
        talk.reply(f'data: {{"line": {n}}}\n\n'.encode())


#: What other protocols begin with, by the port they are usual on: client's and server's first bytes.
SPOKEN: dict[int, tuple[bytes, bytes]] = {
    6379: (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
    5432: (struct.pack(">II", 8, 80877103), b"N"),
    3306: (b"\x20\x00\x00\x01" + bytes(32), b"\x4a\x00\x00\x00\x0a8.0.36\x00" + bytes(60)),
    22: (b"SSH-2.0-OpenSSH_9.6\r\n", b"SSH-2.0-OpenSSH_9.6\r\n"),
    25: (b"EHLO desk\r\n", b"220 mail ESMTP\r\n"),
    389: (b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", b"\x30\x0c\x02\x01\x01\x61\x07"),
    445: (b"\x00\x00\x00\x40\xfeSMB" + bytes(60), b"\x00\x00\x00\x40\xfeSMB" + bytes(60)),
    2049: (struct.pack(">IIIIIII", 0x80000028, 7, 0, 2, 100003, 3, 0), b"\x80\x00\x00\x18" + bytes(24)),
    1883: (b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04desk", b"\x20\x02\x00\x00"),
    5672: (b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00\x00\x00\x00\x10" + bytes(24)),
    5555: (b"\xff" + bytes(8) + b"\x7f", b"\xff" + bytes(8) + b"\x7f"),
    27017: (struct.pack("<IIII", 64, 1, 0, 2013) + bytes(48), struct.pack("<IIII", 64, 2, 1, 1) + bytes(48)),
    8786: (b"GET_STATE" + bytes(40), bytes(60)),
    6817: (b"HELLO 1\n" + bytes(30), b"OK\n" + bytes(30)),
    50052: (b"\x0ePING" + bytes(30), bytes(40)),
}  # fmt: skip


def frames(seed: int) -> Iterator[Frame]:
    """Every client on every day: pages and downloads, the other protocols, random bytes, some datagrams."""
    rng = random.Random(seed)
    port = 20_000
    for day in DAYS:
        for number in range(CLIENTS):
            client, now = f"10.1.0.{10 + number}", T0 + day * DAY + number * 60
            for act in (call, call, call, other_rpc, events):
                port, now = port + 1, now + 2
                talk = Talk(client=client, server=f"10.1.1.{rng.randrange(5, 30)}", port=port, now=now,
                            server_port=rng.choice(PORTS)).shake()  # fmt: skip
                act(rng, talk)
                yield from talk.close().frames
            spoken, port, now = rng.choice(sorted(SPOKEN)), port + 2, now + 2
            talk = Talk(client=client, server="10.1.1.40", port=port, server_port=spoken, now=now).shake()
            up, down = SPOKEN[spoken]
            yield from talk.send(up).reply(down).send(rng.randbytes(200)).close().frames
            talk = Talk(client=client, server="10.1.1.41", port=port - 1, now=now + 2,
                        server_port=rng.randrange(1024, 60000)).shake()  # fmt: skip
            yield from talk.send(rng.randbytes(300)).reply(rng.randbytes(1200)).close().frames
            datagram = udp(port, 4791, rng.randbytes(12)) if number % 3 else udp(port, 514, b"<13>x")
            yield Frame(ethernet(ip(client, "10.1.1.42", 17, datagram)), now + 4)


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("control")
    (folder / "a.pcap").write_bytes(pcap(sorted(frames(7), key=lambda frame: frame.time)))
    shadowai(folder, "scan", "--quiet", "a.pcap", privacy="clear")
    return folder


def test_the_control_weeks_have_coverage(weeks: Path) -> None:
    flows, rpc = query(weeks, "SELECT SUM(flows), SUM(rpc_messages) FROM coverage")[0]
    assert isinstance(flows, int) and flows >= len(DAYS) * CLIENTS * 7
    assert isinstance(rpc, int) and rpc >= len(DAYS) * CLIENTS


def test_no_ai_server_and_no_finding(weeks: Path) -> None:
    assert query(weeks, "SELECT app, server_port, path, model_format FROM sightings") == []
    views = (
        "findings",
        "finding_evidence",
        "ai_servers",
        "ai_assets",
        "ai_keys",
        "models",
        "model_callbacks",
    )
    for view in views:
        assert query(weeks, f"SELECT * FROM {view}") == [], view
