"""The mitmproxy addon: what it tells, what it never tells, its spool, and a real mitmproxy with real TLS.

The last test needs mitmproxy in an environment of its own (`SHADOWAI_TEST_MITMDUMP`, or `mitmdump` on
the path); without it, it is skipped.
"""

from __future__ import annotations

import ast
import gzip
import http.client
import http.server
import json
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sensor import schema
from sensor.decode.text import credentials
from sensor.match.index import Index
from sensor.match.match import match
from sensor.sources.logs.formats.mitmproxy import MitmproxyFormat
from sensor.sources.logs.lines.blocks import Block
from sensor.sources.logs.text.reasons import LOST
from sensor.sources.mitmproxy import shadowai_mitmproxy as addon
from tests.sensor.match.conftest import indicators
from tests.sensor.sources.logs.formats.reading import read

ADDON = Path(addon.__file__)
MITMDUMP = os.environ.get("SHADOWAI_TEST_MITMDUMP") or shutil.which("mitmdump")


def state(path: str = "/v1/chat/completions", body: Any = None, **headers: str) -> dict[str, Any]:
    """The state of an exchange with a JSON body."""
    named = {"Host": "api.example.com", "Content-Type": "application/json"} | {
        n.replace("_", "-"): v for n, v in headers.items()
    }
    return {
        "type": "http",
        "client_conn": {"peername": ("10.1.0.7", 49152)},
        "server_conn": {"peername": ("198.51.100.4", 443)},
        "request": {
            "method": b"POST", "path": path.encode(), "headers": [(n.encode(), v.encode()) for n,
            v in named.items()],
            "content": json.dumps(body).encode() if body is not None else b"",
            "timestamp_start": 1795341600.0,
        },
        "response": {"status_code": 200, "headers": (), "content": b"", "timestamp_end": 1795341601.0},
    }  # fmt: skip


def told(path: str = "/v1/chat/completions", body: Any = None, **headers: str) -> dict[str, Any]:
    found = addon.exchange(state(path, body, **headers))
    assert found is not None
    return found


@pytest.mark.parametrize(("path", "body", "model"), [
    ("/v1/chat/completions", {"model": "gpt-x", "messages": [{"content": "secret"}]}, "gpt-x"),
    ("/v1/messages", {"model": "claude-x"}, "claude-x"),
    ("/api/chat", {"model": "llama3:8b"}, "llama3:8b"),
    ("/v1beta/models/gemini-x:generateContent", {"contents": []}, "gemini-x"),
    ("/openai/deployments/my-gpt/chat/completions?api-version=1", {}, "my-gpt"),
    ("/model/anthropic.claude-x-v1:0/invoke", {}, "anthropic.claude-x-v1"),
    ("/orders", {"model": "Golf"}, None),
    ("/v1/chat/completions", {"model": "a secret sentence"}, None),
    ("/v1/chat/completions", {"model": {"x": 1}}, None),
])  # fmt: skip
def test_the_model_is_named_for_known_apis_only(path: str, body: Any, model: str | None) -> None:
    assert told(path, body).get("model") == model


def test_json_rpc_methods_are_recorded_by_name() -> None:
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "x", "arguments": {"key": "secret"}},
    }
    found = told(
        "/mcp",
        [call, call, {"jsonrpc": "2.0", "method": "notifications/initialized"}],
        MCP_Protocol_Version="2025-11-25",
    )
    assert found["rpc"] == ["tools/call", "notifications/initialized"]
    assert found["mcp_version"] == "2025-11-25"
    assert "secret" not in json.dumps(found)
    assert "rpc" not in told("/mcp", {"jsonrpc": "2.0", "method": "please summarise this secret"})


def mcp(asked: Any, answer: bytes, **headers: str) -> dict[str, Any]:
    exchanged = state("/mcp", asked)
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    exchanged["response"] = {"status_code": 200, "headers": fields, "content": answer}
    found = addon.exchange(exchanged)
    assert found is not None
    return found


def rpc(**members: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1} | members


def test_mcp_records_client_server_and_tools_and_never_arguments() -> None:
    client = {"protocolVersion": "2025-11-25", "clientInfo": {"name": "agent x", "version": "1"}}
    server = {"serverInfo": {"name": "files"}, "protocolVersion": "2025-06-18", "instructions": "secret"}
    greeted = mcp(
        rpc(method="initialize", params=client),
        gzip.compress(json.dumps(rpc(result=server)).encode()),
        Content_Type="application/json",
        Content_Encoding="gzip",
    )
    names = ("mcp_client", "mcp_server", "mcp_version")
    assert [greeted[name] for name in names] == ["agent x", "files", "2025-06-18"]
    tools = [
        {"name": "read"},
        {"name": "write it\nall"},
        {"name": "search", "description": "secret"},
        "odd",
        {},
    ]
    call = rpc(method="tools/call", params={"name": "search", "arguments": {"q": "secret"}})
    event = b"event: message\ndata: " + json.dumps(rpc(result={"tools": tools})).encode() + b"\n\ndata: {\n"
    called = mcp([call, call, rpc(method="tools/list")], event, Content_Type="text/event-stream")
    assert called["mcp_tools"] == "other=0,read=0,search=2"
    meta = {"_meta": {"io.modelcontextprotocol/clientInfo": {"name": "agent y"}}}
    newer = mcp(rpc(method="server/discover", params=meta), b"", Content_Type="application/json")
    assert newer["mcp_client"] == "agent y" and "mcp_server" not in newer
    assert "secret" not in json.dumps([greeted, called, newer])
    other = mcp(rpc(method="eth_call", params=client), json.dumps(rpc(result=server)).encode())
    assert not {"mcp_client", "mcp_server", "mcp_version"} & other.keys()
    found = read(MitmproxyFormat, "".join(json.dumps(one) + "\n" for one in (greeted, called)))
    assert found.select("mcp_client", "mcp_server", "mcp_tools", "mcp_version").rows() == [
        ("agent x", "files", None, "2025-06-18"),
        (None, None, "other=0,read=0,search=2", None),
    ]


def test_a_body_that_inflates_beyond_the_limit_is_ignored() -> None:
    bomb = gzip.compress(b'{"jsonrpc":"2.0","result":{"serverInfo":{"name":"' + b"a" * 50_000_000)
    told_of = mcp(rpc(method="initialize"), bomb, Content_Type="application/json", Content_Encoding="gzip")
    assert "mcp_server" not in told_of


def test_type_and_fingerprint_of_a_key_are_those_of_the_sensor() -> None:
    """The addon stands alone, so it has the forms twice."""
    assert {name: form.encode() for name, form in addon._KEY_FORMS.items()} == credentials._FORMS
    key = "sk-ant-api03-" + "a1B-" * 23 + "_AA"
    for found in (told(X_Api_Key=key), told(Authorization=f"Bearer {key}"), told(f"/v1/x?key={key}&b=1")):
        assert (found["key_type"], found["key_print"]) == credentials.find(key.encode())
        assert key not in json.dumps(found)
    assert "key_type" not in told(Cookie=f"session={key}x") | told(Authorization="Bearer abc")


def test_a_key_inside_tls_is_marked_as_decrypted() -> None:
    one = state("/mcp", X_Api_Key="sk-ant-api03-" + "a1B-" * 23 + "_AA", MCP_Protocol_Version="2025-11-25")
    rows = []
    for scheme in (b"https", b"http"):
        one["request"]["scheme"] = scheme
        (row,) = schema.OBSERVATIONS.conform(read(MitmproxyFormat, json.dumps(addon.exchange(one)))).rows(
            named=True
        )
        rows.append((row["decrypted"], row["key_type"], row["software"], row["mcp_version"]))
    told_of_it = ("anthropic/api-key", schema.SENT_KEY, "2025-11-25")
    assert rows == [(True, *told_of_it), (None, *told_of_it)]


def test_ids_of_extensions_come_from_origin_and_update_checks() -> None:
    ident = "abcdefghijklmnopabcdefghijklmnop"
    assert told("/x", Origin=f"chrome-extension://{ident}")["extension"] == ident
    assert "extension" not in told("/x", Origin="https://www.example.org")
    old = told(f"/service/update2/crx?os=win&x=id%3D{ident}%26v%3D1.0&x=id%3D{ident}")
    assert old["update_check"][0] == ident
    assert old["path"] == "/service/update2/crx"
    new = told(
        "/service/update2/json", {"request": {"app": [{"appid": ident, "version": "1"}, {"appid": "{GUID}"}]}}
    )
    assert new["update_check"] == [ident]


def test_no_secret_of_an_exchange_is_recorded() -> None:
    one = state("/bot123/sk-abc/eyJhbGciOi/" + "k" * 50 + "/user@example.org/x?key=secret#secret",
    {"prompt": "secret"},
                Authorization="Bearer secret", Cookie="secret", X_Api_Key="secret",
                Referer="https://x/?secret")  # fmt: skip
    one["metadata"] = {"proxyauth": ("ann", "secret")}
    one["response"]["headers"] = [(b"set-cookie", b"secret"), (b"content-type", b"text/html; x=secret")]
    one["response"]["content"] = b"secret"
    found = addon.exchange(one)
    assert found is not None
    assert "secret" not in json.dumps(found)
    assert (found["path"], found["user"], found["content_type"]) == ("/bot123/*/*/*/*/x", "ann", "text/html")


def test_the_sensor_reads_the_addons_records() -> None:
    line = json.dumps(told("/v1/messages", {"model": "m"}, User_Agent="curl/8"))
    refused = json.dumps(
        {
            "shadowai": addon.FORMAT,
            "kind": "tls",
            "started": 1795341600.0,
            "client": "10.1.0.7",
            "sni": "pin.example.com",
            "error": True,
        }
    )
    found = read(MitmproxyFormat, f"{line}\n{refused}\n")
    assert found.select("kind", "client", "host", "path", "method", "status", "user_agent", "action",
    "name_from").rows() == [
        ("http", "10.1.0.7", "api.example.com", "/v1/messages", "POST", 200, "curl/8", "allowed",
        "http_host"),
        ("tls", "10.1.0.7", "pin.example.com", None, None, None, None, "reset", "sni"),
    ]  # fmt: skip
    assert found["bytes_up"][0] > 15
    assert found["duration_s"][0] == 1.0


def test_what_a_long_query_sends_counts() -> None:
    short, long = (told("/search?q=" + "x" * size) for size in (1, 50_001))
    assert long["bytes_up"] - short["bytes_up"] == 50_000
    assert long["path"] == "/search"


def test_what_the_addon_could_not_write_is_counted() -> None:
    line = told("/v1/messages", {"model": "m"})
    text = "".join(json.dumps(line | more) + "\n" for more in ({}, {"lost": 5}, {"lost": 1 << 62}))
    (batch,) = MitmproxyFormat().reader().batches(Block(0, len(text), text.encode()))
    assert batch.frames["coverage"]["records"].sum() == 3 + 5 + 1_000_000_000
    assert batch.frames["coverage"]["rejected"].sum() == 5 + 1_000_000_000
    assert batch.frames["rejects"].select("reason", "count").rows() == [(LOST, 5 + 1_000_000_000)]


def test_known_models_methods_and_extensions_are_kept() -> None:
    ident = "abcdefghijklmnopabcdefghijklmnop"
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    lines = [
        told("/v1/messages", {"model": "claude-sonnet-4-5-20250929"}, Origin=f"chrome-extension://{ident}"),
        told("/v1/chat/completions", {"model": "ft:gpt-4o-mini-2024-07-18:acme:jane:abc"}),
        told("/openai/deployments/janes-own/chat/completions", {}),
        told("/mcp", [call, call, {"jsonrpc": "2.0", "method": "acme/jane"}]),
    ]
    found = read(MitmproxyFormat, "".join(json.dumps(line) + "\n" for line in lines))
    assert found.select("model", "mcp_methods", "origin").rows() == [
        ("claude-sonnet-4-5-20250929", None, f"chrome-extension://{ident}"),
        ("gpt-4o-mini-2024-07-18", None, None),
        ("other", None, None),
        (None, "other,tools/call", None),
    ]


def test_a_known_extension_is_a_sighting_whatever_host_it_asks() -> None:
    ident = "abcdefghijklmnopabcdefghijklmnop"
    line = json.dumps(told("/collect", {}, Origin=f"chrome-extension://{ident}")) + "\n"
    seen = schema.OBSERVATIONS.conform(read(MitmproxyFormat, line))
    known = Index.build(indicators(("acme/helper", "extension_id", ident, "extension", "use")))
    assert match(seen, known).select("app", "access").rows() == [("acme/helper", "extension")]


def test_the_addon_imports_the_standard_library_only() -> None:
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(ADDON.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names | {"mitmproxy"}


def test_the_spool_is_bounded_private_and_never_raises(tmp_path: Path) -> None:
    path = tmp_path / "spool.ndjson"
    spool = addon.Spool(str(path), 2000)
    for n in range(200):
        spool.write({"n": n, "text": "\udcff"})
    assert path.stat().st_size < 2100
    assert (tmp_path / "spool.ndjson.1").stat().st_size < 2100
    assert path.stat().st_mode & 0o077 == 0
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[-1]["n"] == 199
    missing = addon.Spool(str(tmp_path / "no" / "spool.ndjson"), 2000)
    for _ in range(3):
        missing.write({})
    (tmp_path / "no").mkdir()
    missing.write({"n": 1})
    assert json.loads((tmp_path / "no" / "spool.ndjson").read_text()) == {"n": 1, "lost": 3}


def test_a_line_cut_by_a_full_disk_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "spool.ndjson"
    spool = addon.Spool(str(path), 1 << 20)
    spool.write({"n": 0})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 3, before[1]))
        spool.write({"n": 1})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    spool.write({"n": 2})
    first, half, last = filter(None, path.read_text().splitlines())
    assert (json.loads(first), half, json.loads(last)) == ({"n": 0}, '{"n', {"n": 2, "lost": 1})


class _Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer with as many bytes as came."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """A TLS service for `localhost` on a port of the loopback."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out",
         str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


@contextmanager
def proxied(folder: Path, spool: Path) -> Iterator[int]:
    """A real mitmproxy with the addon."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(MITMDUMP), "-q", "--listen-host", "127.0.0.1", "-p", str(port), "-s", str(ADDON),
        "--ssl-insecure",
        "--set", f"confdir={folder / 'conf'}", "--set", f"shadowai_spool={spool}", "-w",
        str(folder / "flows.mitm"),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                pytest.fail(f"mitmdump ended: {process.stdout.read()!r}")  # type: ignore[union-attr]
            time.sleep(0.1)
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def post(proxy: int, port: int, trust: Path | None, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    context = ssl.create_default_context(cafile=str(trust) if trust else None)
    connection = http.client.HTTPSConnection("127.0.0.1", proxy, context=context, timeout=20)
    connection.set_tunnel("localhost", port)
    connection.request("POST", path, body, headers)
    answer = connection.getresponse().read()
    connection.close()
    return answer


@pytest.mark.skipif(
    MITMDUMP is None, reason="no mitmdump: set SHADOWAI_TEST_MITMDUMP to one in an environment of its own"
)
def test_a_real_mitmproxy_with_real_tls(tmp_path: Path) -> None:
    spool = tmp_path / "spool.ndjson"
    body = json.dumps({"model": "gpt-x", "messages": [{"role": "user", "content": "secret " * 500}]}).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "lab/1", "Authorization": "Bearer secret"}
    call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
    with served(tmp_path) as port, proxied(tmp_path, spool) as proxy:
        trust = tmp_path / "conf" / "mitmproxy-ca-cert.pem"
        assert post(proxy, port, trust, "/v1/chat/completions?key=secret", body, headers) == body
        assert post(proxy, port, trust, "/mcp", call, headers) == call
        with pytest.raises(ssl.SSLError):
            post(proxy, port, None, "/pinned", b"", {})
        for _ in range(100):
            if spool.exists() and len(spool.read_text().splitlines()) >= 3:
                break
            time.sleep(0.1)
    text = spool.read_text()
    assert "secret" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert (lines[0]["model"], lines[0]["upload_bytes"]) == ("gpt-x", len(body))
    assert lines[1]["rpc"] == ["tools/list"]
    found = read(MitmproxyFormat, text.replace('"localhost"', '"api.example.com"'))
    assert found.select("kind", "client", "host", "path", "status", "action").rows() == [
        ("http", "127.0.0.1", "api.example.com", "/v1/chat/completions", 200, "allowed"),
        ("http", "127.0.0.1", "api.example.com", "/mcp", 200, "allowed"),
        ("tls", "127.0.0.1", "api.example.com", None, None, "reset"),
    ]
    assert all(size > len(body) for size in (found["bytes_up"][0], found["bytes_down"][0]))
