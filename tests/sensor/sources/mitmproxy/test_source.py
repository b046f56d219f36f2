"""mitmproxy's flow files: tnetstrings in the shapes of many versions, broken ones, recorded samples."""

from __future__ import annotations

import io
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor import schema
from sensor.sources.interface import HEAD_BYTES, File, Input
from sensor.sources.logs.text.reasons import NO_REQUEST
from sensor.sources.mitmproxy import source
from sensor.sources.mitmproxy.source import MitmproxyFlowsSource, flows
from tests.beside import LOG_SAMPLES

SAMPLES = LOG_SAMPLES / "mitmproxy"


def tnetstring(value: Any) -> bytes:
    """`value` as mitmproxy writes it."""
    if value is None:
        return b"0:~"
    if isinstance(value, bool):
        text, kind = str(value).lower().encode(), b"!"
    elif isinstance(value, int):
        text, kind = str(value).encode(), b"#"
    elif isinstance(value, float):
        text, kind = repr(value).encode(), b"^"
    elif isinstance(value, bytes):
        text, kind = value, b","
    elif isinstance(value, str):
        text, kind = value.encode(), b";"
    elif isinstance(value, dict):
        text, kind = b"".join(tnetstring(k) + tnetstring(v) for k, v in value.items()), b"}"
    else:
        text, kind = b"".join(tnetstring(item) for item in value), b"]"
    return str(len(text)).encode() + b":" + text + kind


def flow(**more: Any) -> dict[str, Any]:
    """An exchange as mitmproxy 12 keeps it."""
    return {
        "type": "http", "version": 21, "error": None, "metadata": {}, "websocket": None,
        "client_conn": {"peername": ["10.1.0.7", 49152], "sni": "chat.example.com", "tls": True,
        "timestamp_start": 1795341600.0},
        "server_conn": {"peername": ["198.51.100.4", 443], "address": ["chat.example.com", 443],
        "sni": "chat.example.com"},
        "request": {
            "host": "chat.example.com", "port": 443, "method": b"POST", "scheme": b"https", "authority": b"",
            "path": b"/api/x?key=secret",
            "headers": [[b"Host", b"Chat.example.com"], [b"Cookie", b"session=secret"], [b"User-Agent",
            b"curl/8"]],
            "content": b"{}" * 50, "timestamp_start": 1795341600.5, "timestamp_end": 1795341600.6,
        },
        "response": {
            "status_code": 200, "headers": [[b"content-type", b"text/plain"]], "content": b"x" * 300,
            "timestamp_start": 1795341601.0,
            "timestamp_end": 1795341602.0,
        },
    } | more  # fmt: skip


def read(data: bytes) -> dict[str, pl.DataFrame]:
    """All tables of a file."""
    file = File("x.mitm", "id", data[:HEAD_BYTES], len(data), lambda: io.BytesIO(data))
    tables: dict[str, list[pl.DataFrame]] = {}
    for batch in MitmproxyFlowsSource().read(Input((file,), "id")):
        for name, frame in batch.frames.items():
            tables.setdefault(name, []).append(getattr(schema, name.upper()).conform(frame))
    return {name: pl.concat(frames) for name, frames in tables.items()}


def test_a_flow_of_a_dump_becomes_an_observation() -> None:
    (row,) = read(tnetstring(flow()))["observations"].rows(named=True)
    assert (row["kind"], row["client"], row["client_port"], row["server"]) == (
        "http",
        "10.1.0.7",
        49152,
        "198.51.100.4",
    )
    assert (row["host"], row["path"], row["method"], row["status"]) == (
        "chat.example.com",
        "/api/x",
        "POST",
        200,
    )
    assert row["bytes_up"] == 100 + len("POST /api/x?key=secret HTTP/1.1\r\n") + 24 + 24 + 20 + 2
    assert row["duration_s"] == pytest.approx(1.5)
    assert "secret" not in str(row)


def test_addresses_of_old_dump_formats_are_read() -> None:
    old = flow(
        version=10,
        client_conn={"address": ["10.1.0.7", 49152], "sni": None},
        server_conn={
            "ip_address": ["198.51.100.4", 443],
            "address": ["chat.example.com", 443],
            "sni": "chat.example.com",
        },
    )
    older = flow(
        version=5,
        client_conn={"address": {"address": ["10.1.0.7", 49152], "use_ipv6": False}},
        server_conn={},
    )
    del older["type"]
    rows = read(tnetstring(old) + tnetstring(older))["observations"]
    assert (
        rows.select("client", "client_port", "host").rows() == [("10.1.0.7", 49152, "chat.example.com")] * 2
    )


def test_websocket_tcp_and_udp_flows_are_read() -> None:
    stream = {"type": "tcp", "client_conn": {"peername": ["10.1.0.7", 1], "sni": "mqtt.example.com",
    "timestamp_start": 1795341600.0},
              "server_conn": {"peername": ["198.51.100.4", 8883]},
              "messages": [[True, b"abc", 1.0], [False, b"de", 2.0], [True, b"f", 3.0]],
              "error": None}  # fmt: skip
    websocket = flow(websocket={"messages": [[1, True, b"hello", 1.0, False, False], [1, False, b"yo", 2.0,
    False, False]],
                                "timestamp_end": 1795341700.0})  # fmt: skip
    broken = flow(response=None, error={"msg": "x", "timestamp": 1.0})
    rows = read(b"".join(tnetstring(one) for one in (stream, websocket, broken)))["observations"]
    assert rows.select("kind", "host", "action").rows() == [
        ("flow", "mqtt.example.com", "allowed"), ("http", "chat.example.com", "allowed"), ("http",
        "chat.example.com", "reset"),
    ]  # fmt: skip
    assert rows["bytes_up"][0] == 4
    assert rows["bytes_up"][1] - rows["bytes_up"][2] == 5
    assert rows["bytes_down"][2] is None


def test_streamed_bodies_have_their_content_length() -> None:
    streamed = flow()
    streamed["request"] |= {
        "content": None,
        "headers": [[b"host", b"chat.example.com"], [b"content-length", b"9000"]],
    }
    streamed["response"] |= {"content": None}
    (row,) = read(tnetstring(streamed))["observations"].rows(named=True)
    assert row["bytes_up"] > 9000
    assert row["bytes_down"] is None


def test_broken_files_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tnetstring(flow())
    tables = read(whole + whole[:-20])
    assert tables["observations"].height == 1
    assert tables["rejects"]["reason"].to_list() == [source.CUT]
    monkeypatch.setattr(source, "MAX_FLOW_BYTES", 2000)
    big = flow(comment="x" * 3000)
    tables = read(whole + tnetstring(big) + whole + b"3:abc,")
    assert tables["observations"].height == 2
    assert dict(tables["rejects"].select("reason", "count").rows()) == {
        source.TOO_LONG: 1,
        source.BROKEN: 1,
    }


def test_recognised_by_its_keys() -> None:
    assert MitmproxyFlowsSource.recognise(tnetstring(flow())) > 0.9
    assert MitmproxyFlowsSource.recognise(b"12:hello world!,") == 0
    assert MitmproxyFlowsSource.recognise(b"") == 0


def test_flows_without_an_exchange_are_set_aside_and_counted() -> None:
    tables = read(tnetstring(flow()) + tnetstring(flow(type="dns")) + tnetstring(flow(request=None)))
    assert tables["observations"].height == 1
    assert tables["rejects"].select("reason", "count").rows() == [(NO_REQUEST, 2)]


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_read_or_give_a_reason(data: bytes) -> None:
    assert bool(list(flows(io.BytesIO(data)))) == bool(data.strip(b"\r\n"))
    assert list(flows(io.BytesIO(str(len(data)).encode() + b":" + data + b"}")))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(
        [
            "request",
            "response",
            "client_conn",
            "server_conn",
            "websocket",
            "metadata",
            "messages",
            "type",
            "error",
        ]
    ),
    JUNK,
)
@settings(max_examples=30, deadline=None)
def test_any_flow_state_is_read_or_counted(part: str, junk: Any) -> None:
    tables = read(tnetstring(flow(**{part: junk})))
    assert tables["observations"].height + tables["rejects"]["count"].sum() >= 1


@pytest.mark.parametrize(
    "where",
    [
        *(
            ("request", field)
            for field in ("headers", "content", "host", "path", "method", "timestamp_start")
        ),
        *(("response", field) for field in ("headers", "content", "status_code", "timestamp_end")),
        *(
            ("client_conn", "peername"),
            ("websocket", "messages"),
            ("metadata", "proxyauth"),
            ("tcp", "messages"),
        ),
    ],
)
@pytest.mark.parametrize("junk", [5, 1.5, "x", b"x", True, [5], [[1, 2]], [[b"a", 2]], {"a": [1]}])
def test_any_field_of_a_flow_is_read_or_counted(where: tuple[str, str], junk: Any) -> None:
    part, field = where
    state = flow()
    if part == "tcp":
        state |= {"type": part, field: junk}
    else:
        state[part] = (state[part] or {}) | {field: junk}
    tables = read(tnetstring(state))
    assert tables["observations"].height + tables["rejects"]["count"].sum() >= 1


def test_a_length_in_other_digits_is_none() -> None:
    odd = [[b"content-length", "²".encode()], [b"host", b"claude.ai"]]
    streamed = flow()["request"] | {"content": None, "headers": odd}
    (row,) = read(tnetstring(flow(request=streamed)))["observations"].iter_rows(named=True)
    assert (row["host"], row["bytes_up"]) == ("claude.ai", None)


def test_an_address_in_place_of_a_host_stays_whole() -> None:
    asked = flow()["request"] | {"host": "2606:4700::6810:1234", "headers": []}
    (row,) = read(tnetstring(flow(request=asked, server_conn={})))["observations"].iter_rows(named=True)
    assert (row["host"], row["server"]) == (None, "2606:4700::6810:1234")


def test_a_dump_that_ends_in_its_first_flow_is_told() -> None:
    tables = read(tnetstring(flow())[:-20])
    assert tables["rejects"]["reason"].to_list() == [source.CUT]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no samples here")
def test_recorded_samples() -> None:
    found = {path.name: read(path.read_bytes()) for path in sorted(SAMPLES.glob("*.mitm"))}
    hosts = {
        name: tables["observations"].select("client", "host", "status").rows()
        for name, tables in found.items()
    }
    assert hosts["successful_log.mitm"][0] == ("127.0.0.1", "example.com", 200)
    assert hosts["event_stream.mitm"][0][:2] == ("10.0.0.4", "clientstream.launchdarkly.com")
    paths = [path for tables in found.values() for path in tables["observations"]["path"].drop_nulls()]
    assert not [path for path in paths if "eyJ" in path]
