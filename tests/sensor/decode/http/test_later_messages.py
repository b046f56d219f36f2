"""What a client asks later on a readable connection: a slice for each request, bounded and counted."""

from __future__ import annotations

from typing import Any

from sensor.decode.http import later_messages
from tests.sensor.decode.craft import Talk, decode, observe, pcap, totals
from tests.sensor.decode.craft.tls import small_hello

COLUMNS = ("slice", "asks", "method", "path", "host", "status", "bytes_up", "bytes_down")


def ask(talk: Talk, target: str, *, method: str = "GET", host: str = "llm.example", fields: str = "",
        body: str = "", answer: str = "HTTP/1.1 200 OK\r\nServer: uvicorn\r\n\r\n{}") -> Talk:  # fmt: skip
    head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n{body}"
    return talk.send(head.encode()).reply(answer.encode())


def shown(rows: list[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in columns or COLUMNS) for row in rows]


def test_the_interesting_request_is_seldom_the_first() -> None:
    talk = ask(Talk(server_port=11434).shake(), "/")
    ask(talk, "/api/version?x=1", answer='HTTP/1.1 200 OK\r\n\r\n{"version":"0.6.2"}')
    key = "Authorization: Bearer abc\r\n"
    ask(talk, "/api/chat", method="POST", fields=key, answer="HTTP/1.1 401 No\r\n\r\n")
    rows = observe(talk.close().frames)
    first, second, third = (
        len(f"GET {p} HTTP/1.1\r\nHost: llm.example\r\n\r\n") for p in ("/", "/api/version?x=1", "/api/chat")
    )
    assert shown(rows) == [
        (0, False, "GET", "/", "llm.example", 200, first, 38),
        (1, True, "GET", "/api/version", "llm.example", 200, second, 38),
        (2, True, "POST", "/api/chat", "llm.example", 401, third + 1 + len(key), 19),
    ]
    assert shown(rows, "software", "server_version", "credential") == [
        ("server: uvicorn", None, "none"), ("server: uvicorn", "0.6.2", "none"),
        ("server: uvicorn", "0.6.2", "bearer"),
    ]  # fmt: skip


def test_through_a_proxy_each_host_is_named() -> None:
    talk = Talk(server_port=3128).shake()
    for host in ("a.example", "b.example"):
        ask(talk, f"http://{host}/x", host=host)
    rows = observe(talk.close().frames)
    assert shown(rows, "host", "path", "asks") == [("a.example", "/x", False), ("b.example", "/x", True)]


def test_a_tunnel_that_a_proxy_refuses_is_not_lost_with_the_next() -> None:
    talk = Talk(server_port=3128).shake()
    for host, status in (("a.example", 403), ("b.example", 407), ("b.example", 502), ("c.example", 200)):
        ask(talk, f"{host}:443", method="CONNECT", host=host, answer=f"HTTP/1.1 {status} So\r\n\r\n")
    rows = observe(talk.send(small_hello(b"c.example")).close().frames)
    assert shown(rows, "host", "status", "asks") == [
        ("a.example", 403, False), ("b.example", 502, True), ("c.example", 200, True),
    ]  # fmt: skip


def test_the_same_again_is_no_slice_and_needs_no_room() -> None:
    talk = Talk().shake()
    for n in range(100):
        ask(talk, f"/poll?n={n}")
    result = decode(pcap(ask(talk, "/v1/models").close().frames))
    assert shown(result["observations"].to_dicts(), "path") == [("/poll",), ("/v1/models",)]
    assert totals(result["coverage"])["requests_unread"] == 0


def test_the_same_again_with_credentials_is_another() -> None:
    talk = ask(Talk().shake(), "/api/chat", method="POST", answer="HTTP/1.1 401 Who?\r\n\r\n")
    ask(talk, "/api/chat", method="POST", fields="Authorization: Basic YQ==\r\n")
    ask(talk, "/api/chat", method="POST", fields="Authorization: Basic YQ==\r\n")
    rows = observe(talk.close().frames)
    assert shown(rows, "status", "credential") == [(401, "none"), (200, "basic")]


def test_a_request_sent_again_is_none() -> None:
    talk = ask(Talk().shake(), "/a")
    ask(talk, "/b")
    again = b"GET /a HTTP/1.1\r\nHost: llm.example\r\n\r\n"
    talk.now += 0.2  # no duplicate of the mirror's
    talk.put("up", 1001, talk.down, 24, again)
    assert shown(observe(talk.close().frames), "path") == [("/a",), ("/b",)]


def test_a_head_in_two_segments_and_an_upload_behind_it() -> None:
    talk = ask(Talk().shake(), "/")
    talk.send(b"POST /v1/files HTTP/1.1\r\nHo").send(b"st: up.example\r\nContent-Length: 30000\r\n\r\n")
    for _ in range(20):
        talk.send(b"x" * 1400)
    rows = observe(talk.reply(b"HTTP/1.1 201 Created\r\n\r\n").close().frames)
    assert shown(rows, "path", "host", "status") == [
        ("/", "llm.example", 200),
        ("/v1/files", "up.example", 201),
    ]
    assert rows[1]["bytes_up"] > 28_000


def test_what_one_request_says_is_not_the_nexts() -> None:
    key = "sk-ant-api03-" + "a1B-" * 23 + "_AA"
    talk = ask(Talk().shake(), "/v1/x", fields=f"x-api-key: {key}\r\n")
    ask(
        talk,
        "/model.gguf",
        answer="HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nGGUF\x03\0\0\0more",
    )
    rows = observe(ask(talk, "/tokenizer.json").close().frames)
    assert shown(rows, "key_type", "software", "streamed") == [
        ("anthropic/api-key", "server: uvicorn\nsent: ai-key", False),
        (None, "server: uvicorn\nsends: gguf", True), (None, "server: uvicorn", False),
    ]  # fmt: skip


def test_minutes_and_requests_number_slices_together() -> None:
    talk = Talk().shake()
    for n, wait in enumerate((0, 1, 1, 70, 1)):
        talk.now += wait
        ask(talk, f"/{n}")
    rows = observe(talk.close().frames)
    assert shown(rows, "slice", "asks", "path", "total_bytes_up") == [
        (0, False, "/0", 38), (1, True, "/1", 76), (2, True, "/2", 114), (3, True, "/3", 152),
        (4, True, "/4", 190),
    ]  # fmt: skip


def test_a_connection_has_room_for_some_and_the_rest_is_counted() -> None:
    talk = Talk().shake()
    for n in range(60):
        ask(talk, f"/{n}")
    result = decode(pcap(talk.close().frames))
    read = result["observations"].height
    assert later_messages.REQUESTS_PER_CONNECTION // 3 <= read <= later_messages.REQUESTS_PER_CONNECTION
    assert (
        read + totals(result["coverage"])["requests_unread"] >= 59
    )  # one in 256 is mistaken for the one before


def test_a_second_has_room_for_some() -> None:
    frames = []
    for n in range(150):
        talk = Talk(port=20_000 + n, now=1_800_000_000.0 + n / 1e4).shake()
        for path in "abcdef":
            ask(talk, f"/{path}")
        frames += talk.close().frames
    result = decode(pcap(sorted(frames, key=lambda frame: frame.time)))
    assert result["observations"].height == 150 + later_messages.BUDGET_PER_S
    assert totals(result["coverage"])["requests_unread"] == 150 * 5 - later_messages.BUDGET_PER_S
