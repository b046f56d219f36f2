"""mitmproxy addon: writes one line of JSON per HTTP exchange or connection to a file that the sensor follows.

    mitmdump -s shadowai_mitmproxy.py --set shadowai_spool=/var/spool/shadowai/mitmproxy.ndjson
    shadowai follow /var/spool/shadowai/mitmproxy.ndjson

This file needs only Python's standard library and runs in mitmproxy's own environment (tried with mitmproxy
10 to 12). It changes no traffic. A full disk or a missing folder does not disturb the proxy: lines that
cannot be written are counted, and the next line carries the count.

Written: times, addresses, host, path without query, method, status, sizes, User-Agent, the account of proxy
authentication; JSON-RPC method names (MCP), the names an MCP client and server report, names of MCP tools and
how often each is called, the model's id where a known API names it, the id of a browser extension that sent
the request, ids in extension update checks; of an AI vendor's key, its type and a fingerprint (128 bits of
SHA-256; the sensor stores only a keyed hash of it). Never written: bodies, query strings, cookies,
credentials, header values other than those named above. Parts of a path that look like a secret (long, or a
token) become `*`.

Only the owner can read the spool file. When it exceeds `shadowai_spool_mb`, it is renamed to `….1` and a new
one is begun; so both together take at most twice that size.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

#: In every line: the writer, and the version of the format.
FORMAT = "mitmproxy/1"
#: Of longer bodies, only the size is used.
MAX_LOOK = 256 * 1024
_MAX_NAMES = 20

_MODEL = re.compile(r"^[\w.:/@+-]{1,120}$")
_METHOD = re.compile(r"^[A-Za-z][\w./$-]{0,63}$")
_EXTENSION = re.compile(r"^(?:chrome|moz|safari-web|ms-browser)-extension://([0-9A-Za-z-]{1,64})")
_EXTENSION_ID = re.compile(r"\b[a-p]{32}\b")
_UPDATE_CHECK = re.compile(r"/(?:service/update2|extensionwebstorebase/v1|update\?|updates?/)")
_UPDATE_HOSTS = (
    "clients2.google.com",
    "update.googleapis.com",
    "edge.microsoft.com",
    "versioncheck.addons.mozilla.org",
)
#: Paths of APIs that name the model in the body.
_MODEL_IN_BODY = re.compile(
    r"/(?:chat/completions|completions|responses|embeddings|messages|images/generations|audio/\w+|rerank|"
    r"api/(?:chat|generate|embed|embeddings)|v1/(?:generate|chat))$"
)
#: Paths that name the model themselves: Gemini, Azure OpenAI, Bedrock, Hugging Face.
_MODEL_IN_PATH = re.compile(
    r"/(?:models|deployments|model)/([^/:]+(?:/[^/:]+)??)(?::|/(?:chat|"
    r"completions|embeddings|invoke|converse|responses))"
)
_SECRET = re.compile(r"^eyJ|^(?:sk|pk|rk|gh[opsu]|xox[abp])[-_]|@|^[0-9A-Za-z_-]{40,}$|^.{64,}$")
#: MCP's methods, and the forms of its names and versions; the same as in sensor/decode/http/json_rpc.py.
_MCP_METHOD = re.compile(
    r"(?:initialize|ping|server/discover|notifications/[a-z_/]{1,40}|(?:tools|prompts|resources|tasks|"
    r"completion|logging|roots|sampling|elicitation|subscriptions)/[A-Za-z_/]{1,40})\Z"
)
_PLAIN_NAME = re.compile(r"[\w .:/@-]{1,64}\Z", re.A)
_PROTOCOL_VERSION = re.compile(r"20\d\d-\d\d-\d\d\Z")
#: The forms of AI vendors' keys; the same as in sensor/decode/text/credentials.py (a test compares them).
_KEY_FORMS = {
    "openai/api-key": r"sk-[a-zA-Z0-9]{20}T3BlbkFJ[a-zA-Z0-9]{20}",
    "openai/project-key": r"sk-(?:proj|svcacct|admin)-[\w-]{20,74}T3BlbkFJ[\w-]{20,74}",
    "anthropic/api-key": r"sk-ant-api03-[\w-]{93}AA",
    "anthropic/admin-key": r"sk-ant-admin01-[\w-]{93}AA",
    "google/api-key": r"AIza[\w-]{35}",
    "google/gemini-key": r"AQ\.Ab8RN6[\w-]{44}",
    "aws/bedrock-key": r"ABSK[A-Za-z0-9+/]{109,269}={0,2}",
    "huggingface/user-token": r"hf_[a-zA-Z0-9]{34}",
    "huggingface/organisation-token": r"api_org_[a-zA-Z0-9]{34}",
    "groq/api-key": r"gsk_[a-zA-Z0-9]{52}",
    "xai/api-key": r"xai-[0-9a-zA-Z_]{80}",
    "replicate/api-token": r"r8_[\w-]{37}",
    "perplexity/api-key": r"pplx-[a-zA-Z0-9]{48}",
    "nvidia/api-key": r"nvapi-[\w-]{64}",
    "openrouter/api-key": r"sk-or-v1-[0-9a-f]{64}",
    "together/api-key": r"tgp_v1_[\w-]{43}",
    "cerebras/api-key": r"csk-[a-z0-9]{48}",
    "runpod/api-key": r"rpa_[A-Z0-9]{40}[A-Za-z0-9]{6}",
    "langsmith/api-key": r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}",
    "pinecone/api-key": r"pcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{63}",
    "wandb/api-key": r"wandb_v1_\w{77}",
    "vercel/gateway-key": r"vck_[\w-]{56}",
}
_KEY_NAMES = tuple(_KEY_FORMS)
_KEY = re.compile(
    r"(?<![\w+/-])(?:" + "|".join(f"({form})" for form in _KEY_FORMS.values()) + r")(?![\w+/=-])", re.A
)
#: Headers in which such keys are sent; some APIs take them in the query instead.
_KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "xi-api-key")


def exchange(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record of one flow; None if the flow is neither an HTTP exchange nor a TCP or UDP connection.

    `state` is mitmproxy's own state of the flow, as in its dump files: type (http, tcp, udp), request,
    response, client_conn, server_conn, messages, error …. Values may be bytes or text, depending on
    mitmproxy's version.
    """
    client, server = _part(state, "client_conn"), _part(state, "server_conn")
    record = _connection(client, server) | {"kind": _text(state.get("type")) or "http"}
    if record["kind"] == "http":
        request = _part(state, "request")
        if not request:
            return None
        response = _part(state, "response")
        record |= _request(request) | _response(response) | _inside(request) | _mcp(request, response)
        record |= _frames(_part(state, "websocket"))
    elif record["kind"] in ("tcp", "udp"):
        record |= _stream(state.get("messages"))
        record["started"] = client.get("timestamp_start")
        record["ended"] = client.get("timestamp_end") or server.get("timestamp_end")
    else:
        return None
    user = _part(state, "metadata").get("proxyauth")
    if isinstance(user, (list, tuple)) and user:
        record["user"] = _text(user[0])
    if state.get("error"):
        record["error"] = True
    return {"shadowai": FORMAT} | {
        name: value for name, value in record.items() if value not in (None, [], "")
    }


def _connection(client: Mapping[str, Any], server: Mapping[str, Any]) -> dict[str, Any]:
    """Both ends of the connection. Versions of mitmproxy use different names for the addresses."""
    here = _pair(client, "peername", "address")
    there = _pair(server, "peername", "ip_address", "address")
    return {
        "client": _text(here[0]),
        "client_port": here[1] or None,
        "server": _text(there[0]),
        "server_port": there[1] or None,
        "sni": _text(client.get("sni") or server.get("sni")),
        "tls": bool(client.get("tls") or client.get("tls_established") or client.get("ssl_established")),
    }


def _pair(conn: Mapping[str, Any], *names: str) -> tuple[Any, Any]:
    for name in names:
        found = conn.get(name)
        if isinstance(found, Mapping):  # up to version 6: {"address": [host, port], …}
            found = found.get("address")
        if isinstance(found, (list, tuple)) and len(found) >= 2 and found[0]:
            return found[0], found[1]
    return None, None


def _request(request: Mapping[str, Any]) -> dict[str, Any]:
    headers = _headers(request)
    path = _text(request.get("path")) or "/"
    bare = path.split("?", 1)[0].split("#", 1)[0]
    target = request.get("path")  # whole: a query may be long
    line = len(target if isinstance(target, (bytes, str)) else path)
    line += len(_text(request.get("method")) or "") + len(" HTTP/1.1\r\n") + 1
    body = _size(request, headers)
    return {
        "started": request.get("timestamp_start"),
        "scheme": _text(request.get("scheme")),
        "host": _host(request, headers),
        "port": request.get("port"),
        "method": _text(request.get("method")),
        "path": "/".join("*" if _SECRET.search(part) else part for part in bare.split("/")),
        "user_agent": headers.get("user-agent"),
        "upload_bytes": body,
        "bytes_up": None if body is None else body + line + _header_bytes(request),
    }


def _host(request: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    """The host name the client asked for. With a transparent proxy, the field `host` is an address."""
    for asked in (_text(request.get("authority")), headers.get("host"), _text(request.get("host"))):
        if asked:
            # An IPv6 address without brackets has colons, and no port.
            return re.sub(r"^([^:]+|\[.*\]):\d+$", r"\1", asked.rsplit("@", 1)[-1])
    return None


def _response(response: Mapping[str, Any]) -> dict[str, Any]:
    if not response:
        return {}
    headers = _headers(response)
    body = _size(response, headers)
    return {
        "status": response.get("status_code") or response.get("code"),
        "ended": response.get("timestamp_end") or response.get("timestamp_start"),
        "content_type": (headers.get("content-type") or "").split(";")[0][:100],
        "bytes_down": None if body is None else body + _header_bytes(response) + len("HTTP/1.1 200 OK\r\n"),
    }


def _inside(request: Mapping[str, Any]) -> dict[str, Any]:
    """Names from the request's body, path and headers: JSON-RPC methods, model, extensions, type of key."""
    headers = _headers(request)
    path = _text(request.get("path")) or "/"
    bare = path.split("?", 1)[0]
    body = _body(request, headers)
    record: dict[str, Any] = {}
    if found := _EXTENSION.match(headers.get("origin") or ""):
        record["extension"] = found[1]
    if "mcp-protocol-version" in headers and _METHOD.match("v" + headers["mcp-protocol-version"]):
        record["mcp_version"] = headers["mcp-protocol-version"]
    record |= _key(path, headers)
    record["rpc"] = _methods(body)
    record["model"] = _model(bare, body)
    if _UPDATE_CHECK.search(path) or _host(request, headers) in _UPDATE_HOSTS:
        record["update_check"] = _extension_ids(path, body)
    return record


def _key(path: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Type and fingerprint of an AI key in the path, the query or one of `_KEY_HEADERS`; never the key."""
    found = _KEY.search("\n".join([path, *(headers.get(name, "") for name in _KEY_HEADERS)]))
    if found is None or found.lastindex is None:
        return {}
    digest = hashlib.sha256(found[0].encode()).hexdigest()[:32]
    return {"key_type": _KEY_NAMES[found.lastindex - 1], "key_print": digest}


def _methods(body: Any) -> list[str]:
    """Method names of JSON-RPC requests and notifications, one or a batch."""
    calls = body if isinstance(body, list) else [body]
    names = (call.get("method") for call in calls if isinstance(call, dict) and "jsonrpc" in call)
    return _unique(name for name in names if isinstance(name, str) and _METHOD.match(name))


def _mcp(request: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    """Of an MCP exchange: the names the client and server report, the protocol's version, and the tools'
    names with the number of calls (0 for a tool that was only listed). Never arguments or results."""
    asked = [one for one in _messages(request) if _MCP_METHOD.match(str(one.get("method")))]
    if not asked:
        return {}
    names: dict[str, Any] = {}
    tools: dict[str, int] = {}
    for one in asked:
        params = _inner(one, "params")
        names["mcp_client"] = _own_name(params, "clientInfo") or names.get("mcp_client")
        names["mcp_version"] = _version(params) or names.get("mcp_version")
        if one["method"] == "tools/call" and isinstance(params.get("name"), str):
            name = _plain(params["name"])
            tools[name] = tools.get(name, 0) + 1
    for one in _messages(response):
        result = _inner(one, "result")
        names["mcp_server"] = _own_name(result, "serverInfo") or names.get("mcp_server")
        names["mcp_version"] = _version(result) or names.get("mcp_version")
        offered = result.get("tools")
        for tool in offered if isinstance(offered, list) else []:
            if isinstance(tool, dict) and isinstance(tool.get("name"), str):
                tools.setdefault(_plain(tool["name"]), 0)
    names["mcp_tools"] = ",".join(f"{name}={tools[name]}" for name in sorted(tools)[:_MAX_NAMES])
    return {name: value for name, value in names.items() if value}


def _messages(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """JSON-RPC objects of a body: one, a batch, or those of the first server-sent events."""
    headers = _headers(message)
    body: Any = _body(message, headers)
    if "event-stream" in (headers.get("content-type") or ""):
        lines = (_decoded(message, headers) or b"").splitlines()[:100]
        body = [_json(line[5:]) for line in lines if line.startswith(b"data:")][:_MAX_NAMES]
    found = body if isinstance(body, list) else [body]
    return [one for one in found if isinstance(one, dict) and "jsonrpc" in one]


def _inner(node: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = node.get(name)
    return found if isinstance(found, dict) else {}


def _own_name(node: Mapping[str, Any], name: str) -> str | None:
    """`clientInfo.name` or `serverInfo.name`; since protocol version 2026-07-28 they are in `_meta`."""
    info = _inner(node, name) or _inner(_inner(node, "_meta"), f"io.modelcontextprotocol/{name}")
    return _plain(info["name"]) if isinstance(info.get("name"), str) else None


def _plain(name: str) -> str:
    """`name`, or "other" if it has characters that a product's name does not have."""
    return name if _PLAIN_NAME.match(name) else "other"


def _version(node: Mapping[str, Any]) -> str | None:
    said = node.get("protocolVersion")
    if said is None:
        said = _inner(node, "_meta").get("io.modelcontextprotocol/protocolVersion")
    return said if isinstance(said, str) and _PROTOCOL_VERSION.match(said) else None


def _model(path: str, body: Any) -> str | None:
    if found := _MODEL_IN_PATH.search(path):
        return found[1] if _MODEL.match(found[1]) else None
    named = body.get("model") if isinstance(body, dict) and _MODEL_IN_BODY.search(path) else None
    return named if isinstance(named, str) and _MODEL.match(named) else None


def _extension_ids(path: str, body: Any) -> list[str]:
    """Ids of extensions for which a browser checks for updates: in the query (old protocol) or the body
    (new)."""
    asked = path.replace("%3D", "=").replace("%26", "&")
    ids = _EXTENSION_ID.findall(asked)
    inner = body.get("request") if isinstance(body, dict) else None
    apps = inner.get("app") or inner.get("apps") if isinstance(inner, dict) else None
    for app in apps if isinstance(apps, list) else []:
        if isinstance(app, dict):
            ids += _EXTENSION_ID.findall(str(app.get("appid", "")))
    return _unique(ids)


def _frames(websocket: Mapping[str, Any]) -> dict[str, Any]:
    """Sizes of a WebSocket's messages, and the JSON-RPC methods that the client's messages name."""
    if not websocket:
        return {}
    up = down = 0
    methods: list[str] = []
    for message in _items(websocket.get("messages")):
        if not isinstance(message, (list, tuple)) or len(message) < 3:
            continue
        content = message[2] if isinstance(message[2], (bytes, str)) else b""
        if message[1]:  # from the client
            up += len(content)
            methods += _methods(_json(content))
        else:
            down += len(content)
    return {
        "frames_up": up,
        "frames_down": down,
        "rpc": _unique(methods),
        "ended": websocket.get("timestamp_end"),
    }


def _stream(messages: Any) -> dict[str, Any]:
    """Bytes of a raw connection's messages, each (from client, content, time)."""
    sizes = {True: 0, False: 0}
    for message in _items(messages):
        if isinstance(message, (list, tuple)) and len(message) >= 2 and isinstance(message[1], (bytes, str)):
            sizes[bool(message[0])] += len(message[1])
    return {"bytes_up": sizes[True], "bytes_down": sizes[False]}


def _headers(message: Mapping[str, Any]) -> dict[str, str]:
    """Headers by name in lower case; of several with the same name, the first."""
    out: dict[str, str] = {}
    for name, value in _fields(message):
        out.setdefault((_text(name) or "").lower(), (_text(value) or "")[:1000])
    return out


def _fields(message: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    for field in _items(message.get("headers")):
        halves = field if isinstance(field, (list, tuple)) else ()
        if len(halves) == 2 and all(isinstance(half, (bytes, str)) for half in halves):
            yield halves[0], halves[1]


def _header_bytes(message: Mapping[str, Any]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in _fields(message)) + 2


def _size(message: Mapping[str, Any], headers: Mapping[str, str]) -> int | None:
    """Bytes of the body, or the Content-Length if mitmproxy streamed it; None if neither is known."""
    content = message.get("content")
    if isinstance(content, (bytes, str)):
        return len(content)
    announced = headers.get("content-length", "")
    return int(announced) if announced.isdecimal() and len(announced) < 16 else None


def _body(message: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
    """A JSON body as objects, if it is short; None otherwise."""
    if "json" not in (headers.get("content-type") or ""):
        return None
    return _json(_decoded(message, headers))


def _decoded(message: Mapping[str, Any], headers: Mapping[str, str]) -> bytes | None:
    """A body up to MAX_LOOK bytes, without gzip or deflate; None if it is longer, missing or coded
    otherwise."""
    content = message.get("content")
    content = content.encode() if isinstance(content, str) else content
    coding = headers.get("content-encoding", "identity")
    if not isinstance(content, bytes) or len(content) > MAX_LOOK:
        return None
    if coding in ("gzip", "x-gzip", "deflate"):
        with contextlib.suppress(zlib.error):
            return zlib.decompressobj(47 if coding != "deflate" else 15).decompress(content, MAX_LOOK)
        return None
    return content if coding == "identity" else None


def _json(content: Any) -> Any:
    if not isinstance(content, (bytes, str)) or not 2 <= len(content) <= MAX_LOOK:
        return None
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(content)
    return None


def _part(state: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = state.get(name)
    return found if isinstance(found, Mapping) else {}


def _items(value: Any) -> Iterable[Any]:
    return value if isinstance(value, (list, tuple)) else ()


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value[:2000] if isinstance(value, str) and value else None


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))[:_MAX_NAMES]


class Spool:
    """Appends lines to a file of bounded size; never raises."""

    def __init__(self, path: str, max_bytes: int) -> None:
        self.path, self.max_bytes = path, max_bytes
        self.lost = 0
        self._file: Any = None

    def write(self, record: dict[str, Any]) -> None:
        """Write one line. A line that cannot be written is counted, and the next one carries the count."""
        if self.lost:
            record = record | {"lost": self.lost}
        try:
            if self._file is None or self._file.tell() > self.max_bytes:
                self._begin()
            text = json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=str)
            self._file.write(("\n" if self.lost else "") + text + "\n")  # the lost line may be there in part
            self._file.flush()
            self.lost = 0
        except (OSError, ValueError) as error:
            if not self.lost:
                logging.getLogger(__name__).warning("shadowai: spool %s: %s", self.path, error)
            self.lost += 1
            self.close()

    def _begin(self) -> None:
        if self._file is not None:
            self.close()
            Path(self.path).replace(f"{self.path}.1")
        number = os.open(
            self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600
        )
        self._file = os.fdopen(number, "a", encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        with contextlib.suppress(OSError):
            if self._file is not None:
                self._file.close()
        self._file = None


class ShadowAi:
    """The addon: one line at the end of each exchange."""

    def __init__(self) -> None:
        self._spool: Spool | None = None

    def load(self, loader: Any) -> None:
        """Declare the options."""
        loader.add_option(
            "shadowai_spool", str, "shadowai-mitmproxy.ndjson", "File to which ShadowAI's lines are appended."
        )
        loader.add_option("shadowai_spool_mb", int, 64, "Size in MB at which a new spool file is begun.")

    def configure(self, updated: set[str]) -> None:
        """Open the spool; again, if its path or size has changed."""
        from mitmproxy import ctx  # type: ignore[import-not-found]

        if self._spool is None or updated & {"shadowai_spool", "shadowai_spool_mb"}:
            self.done()
            path = str(Path(ctx.options.shadowai_spool).expanduser())
            self._spool = Spool(path, max(ctx.options.shadowai_spool_mb, 1) << 20)

    def done(self) -> None:
        """Close the spool at the end of the proxy."""
        if self._spool is not None:
            self._spool.close()

    def response(self, flow: Any) -> None:
        """Record a complete HTTP exchange. One that became a WebSocket is recorded when that closes."""
        if getattr(flow, "websocket", None) is None:
            self._record(flow, "http")

    def websocket_end(self, flow: Any) -> None:
        """Record a closed WebSocket."""
        self._record(flow, "http")

    def error(self, flow: Any) -> None:
        """Record an exchange that broke off."""
        if getattr(flow, "websocket", None) is None:
            self._record(flow, "http")

    def tcp_end(self, flow: Any) -> None:
        """Record a closed TCP connection without HTTP."""
        self._record(flow, "tcp")

    def udp_end(self, flow: Any) -> None:
        """Record a UDP flow that has ended."""
        self._record(flow, "udp")

    def tls_failed_client(self, data: Any) -> None:
        """Record a client that refused the proxy's certificate (pinning); its SNI is known."""
        conn = data.context.client
        record = _connection(_ends(conn), _ends(data.context.server))
        record |= {"sni": _text(conn.sni), "kind": "tls", "started": time.time(), "error": True}
        self._write(
            {"shadowai": FORMAT} | {name: value for name, value in record.items() if value is not None}
        )

    def _record(self, flow: Any, kind: str) -> None:
        with contextlib.suppress(Exception):  # an unexpected flow must not disturb the proxy
            self._write(exchange(_state(flow, kind)))

    def _write(self, record: dict[str, Any] | None) -> None:
        if record is not None and self._spool is not None:
            self._spool.write(record)


def _state(flow: Any, kind: str) -> dict[str, Any]:
    """The parts of a flow's state that `exchange` reads. The whole state holds certificates and takes
    longer."""
    messages = [(m.from_client, m.content) for m in getattr(flow, "messages", ())] if kind != "http" else None
    websocket = getattr(flow, "websocket", None)
    return {
        "type": kind,
        "request": flow.request.get_state() if kind == "http" else None,
        "response": flow.response.get_state() if kind == "http" and flow.response else None,
        "websocket": websocket.get_state() if websocket is not None else None,
        "messages": messages,
        "client_conn": _ends(flow.client_conn),
        "server_conn": _ends(flow.server_conn),
        "metadata": {"proxyauth": flow.metadata.get("proxyauth")},
        "error": flow.error is not None,
    }


def _ends(conn: Any) -> dict[str, Any]:
    names = ("peername", "address", "sni", "tls", "timestamp_start", "timestamp_end")
    return {name: getattr(conn, name, None) for name in names}


addons = [ShadowAi()]
