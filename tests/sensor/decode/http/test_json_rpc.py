"""JSON-RPC in readable HTTP: which segments are picked, what is read of them, and what never is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.decode.http import json_rpc
from tests.sensor.decode.craft import Talk, decode, pcap

META = "io.modelcontextprotocol/"
HEAD = b"POST /mcp HTTP/1.1\r\nHost: tools.corp.test\r\nContent-Type: application/json\r\n\r\n"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
OPEN = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "desk", "version": "1"}}


def call(method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


def answer(**result: Any) -> bytes:
    return json.dumps({"result": result, "jsonrpc": "2.0", "id": 1}).encode()


def event(message: bytes) -> bytes:
    text = b"event: message\r\ndata: " + message + b"\r\n\r\n"
    return f"{len(text):x}\r\n".encode() + text + b"\r\n"


def rows(*talks: Talk) -> list[dict[str, Any]]:
    frames = sorted((frame for talk in talks for frame in talk.frames), key=lambda frame: frame.time)
    found = decode(pcap(frames))["observations"]
    return found.select("method", "host", "software", *json_rpc.COLUMNS).to_dicts()


def said(talk: Talk) -> dict[str, Any]:
    (row,) = rows(talk.close())
    return row


def test_a_session_of_the_streamable_transport_in_one_connection() -> None:
    talk = Talk(server_port=8000).shake()
    talk.send(HEAD).send(call("initialize", **OPEN))  # head and body in segments of their own
    talk.reply(SSE).reply(
        event(answer(protocolVersion="2025-06-18", serverInfo={"name": "files", "version": "2"}))
    )
    talk.send(HEAD + call("tools/list")).reply(
        JSON + answer(tools=[{"name": "read", "inputSchema": {}}, {"name": "find"}])
    )
    for _ in range(2):
        talk.send(HEAD + call("tools/call", name="read", arguments={"name": "wages.csv"}, _meta={}))
    found = said(talk)
    assert found["mcp_methods"] == "initialize,tools/call,tools/list"
    assert (found["mcp_version"], found["mcp_client"], found["mcp_server"]) == ("2025-06-18", "desk", "files")
    assert found["software"] == "speaks: mcp"
    assert "wages" not in repr(found)
    assert found["mcp_tools"] == "find=0,read=1"  # the second one was the first one sent again


def test_the_newest_revision_tells_all_in_every_request() -> None:
    meta = {META + "protocolVersion": "2026-07-28", META + "clientInfo": {"name": "agent x"}}
    talk = Talk().shake().send(HEAD + call("tools/call", name="find", arguments={"q": 1}, _meta=meta))
    found = said(talk.reply(JSON + answer(resultType="complete", _meta={META + "serverInfo": {"name": "s"}})))
    assert [found[name] for name in json_rpc.COLUMNS] == [
        "tools/call",
        "2026-07-28",
        "agent x",
        "s",
        "find=1",
    ]


def test_the_old_transport_answers_on_another_connection() -> None:
    stream = Talk(port=40000).shake().send(b"GET /sse HTTP/1.1\r\nHost: h\r\n\r\n").reply(SSE)
    stream.reply(event(b"/messages/?session_id=1"))
    stream.reply(event(answer(protocolVersion="2024-11-05", serverInfo={"name": "old"})))
    post = Talk(port=40001).shake().send(HEAD.replace(b"/mcp", b"/messages/") + call("initialize", **OPEN))
    found = rows(stream.close(), post.close())
    assert [(row["mcp_server"], row["mcp_client"]) for row in found] == [("old", None), (None, "desk")]


def test_agents_among_themselves() -> None:
    found = said(Talk().shake().send(HEAD + call("message/send", message={"parts": [{"text": "hello"}]})))
    assert (found["mcp_methods"], found["software"]) == ("a2a:message/send", None)
    assert "hello" not in repr(found)


@pytest.mark.parametrize(
    "body",
    [
        call("eth_getBalance", name="0xabc"),
        b'{"method": "GET", "name": "x"}',
        b'{"error": {"message": "quota"}}',
        b'{"id": "chatcmpl-1", "object": "chat.completion.chunk"}',
        b'{"result": {"tools": "none"}}',
    ],
)
def test_other_json_says_nothing(body: bytes) -> None:
    found = said(Talk().shake().send(HEAD + body))
    assert [found[name] for name in json_rpc.COLUMNS] == [None] * 5


def test_names_that_are_none_are_other_and_lists_have_an_end() -> None:
    many = [{"name": f"tool{n:04}"} for n in range(500)]
    talk = Talk().shake().send(HEAD + call("tools/call", name="a\nb, ünd", arguments={}))
    found = said(talk.reply(JSON + answer(tools=many)[:3900]))
    tools = found["mcp_tools"].split(",")
    assert len(tools) == 64 and "other=1" in tools


def test_a_connection_has_only_so_many_calls_and_the_rest_is_counted() -> None:
    talk = Talk().shake()
    for n in range(100):
        talk.send(HEAD + call("tools/call", name=f"t{n % 7}", arguments=n))
    found = decode(pcap(talk.close().frames))
    coverage = found["coverage"].sum()
    assert coverage["rpc_messages"][0] == 100
    assert coverage["rpc_skipped"][0] == 100 - 79  # the head of the first request was a message too


WORDS = st.sampled_from([b"{", b"}", b"[", b"]", b'"', b":", b",", b'"method"', b'"tools/call"', b'"params"',
                         b'"name"', b"\\", b"1e", b"data: ", b"\r\n", b"\x00", b'"result"'])  # fmt: skip


@settings(max_examples=150, deadline=200)
@given(st.lists(WORDS, max_size=200).map(b"".join), st.integers(0, 60))
def test_whatever_comes_is_read_to_some_end(text: bytes, cut: int) -> None:
    for found in json_rpc.messages(text[cut:]):
        assert all(path in json_rpc._WANTED for path, _ in found)


@given(st.text(max_size=40))
def test_a_cut_message_says_what_stands_before_the_cut(argument: str) -> None:
    whole = call("tools/call", name="find", arguments={"name": argument, "method": argument})
    for cut in range(len(whole)):
        for found in json_rpc.messages(whole[:cut]):
            assert set(found) <= {
                ((b"jsonrpc",), b"2.0"),
                ((b"method",), b"tools/call"),
                ((b"params", b"name"), b"find"),
            }
