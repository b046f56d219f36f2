"""HTTP/1 request heads: what is kept of them, and nothing else."""

from __future__ import annotations

import pytest

from tests.sensor.decode.craft import Frame, Talk, one


def head(text: str) -> dict[str, object]:
    talk = Talk(server_port=8080).shake().send(text.replace("\n", "\r\n").encode())
    talk.reply(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    return one(talk.close().frames)


def test_host_path_method_agent_and_status() -> None:
    fields = "User-Agent: openai-python/1.2\nhost:  API.Example.:11434 \nCookie: x\n\n"
    row = head("POST /v1/chat?key=secret HTTP/1.1\n" + fields)
    assert (row["kind"], row["host"], row["name_from"]) == ("http", "api.example", "http_host")
    assert (row["method"], row["path"], row["status"]) == ("POST", "/v1/chat", 404)
    assert row["user_agent"] == "openai-python/1.2"


@pytest.mark.parametrize(
    ("text", "host", "path"),
    [
        ("GET http://user:pw@a.example:81/x/y?q=1 HTTP/1.1\nHost: b.example\n\n", "a.example", "/x/y"),
        ("GET http://a.example HTTP/1.1\n\n", "a.example", None),
        ("POST https://a.example:8443/v1?k=1 HTTP/1.1\nHost: b.example\n\n", "a.example", "/v1"),
        ("GET FTP://a.example/x HTTP/1.1\n\n", "a.example", "/x"),
        ("GET /http://b.example/x HTTP/1.1\nHost: a.example\n\n", "a.example", "/http://b.example/x"),
        ("CONNECT a.example:443 HTTP/1.1\nHost: proxy.example\n\n", "a.example", None),
        ("GET / HTTP/1.1\nHost: [2001:db8::1]:80\n\n", "[2001:db8::1]", "/"),
        ("GET /a#b HTTP/1.1\n\n", None, "/a"),
        ("OPTIONS * HTTP/1.1\nHost: a.example\n\n", "a.example", "*"),
        ("GET /\n\n", None, None),
        ("OPTIONS sip:a@b.example SIP/2.0\nHost: b.example\n\n", None, None),
    ],
)
def test_targets(text: str, host: str | None, path: str | None) -> None:
    row = head(text)
    assert (row["host"], row["path"]) == (host, path)


@pytest.mark.parametrize("together", [False, True])
def test_an_interim_response_is_not_the_answer(together: bool) -> None:
    talk = Talk(server_port=8080).shake()
    talk.send(b"POST /v1 HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\n\r\n")
    interim, final = b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 401 No\r\nServer: uvicorn\r\n\r\n"
    if together:
        talk.send(b"{}").reply(interim + final)
    else:
        talk.reply(interim).send(b"{}").reply(final)
    row = one(talk.close().frames)
    assert (row["status"], row["software"]) == (401, "server: uvicorn")


def test_a_head_over_two_segments_and_bare_line_feeds() -> None:
    talk = Talk().shake().send(b"GE").send(b"T / HTTP/1.1\nHo").send(b"st: a.example\n").send(b"\n")
    assert one(talk.frames)["host"] == "a.example"


def test_control_characters_are_made_visible() -> None:
    row = head("GET / HTTP/1.1\nHost: a.example\nUser-Agent: x\x1b[31m\u00e9\n\n")
    assert row["user_agent"] == "x\\x1b[31m\\xc3\\xa9"


def test_an_endless_head_is_cut() -> None:
    talk = Talk().shake().send(b"GET / HTTP/1.1\r\nHost: a.example\r\n")
    for _ in range(20):
        talk.send(b"X-Filler: " + b"x" * 1390)
    assert one(talk.frames)["host"] == "a.example"


@pytest.mark.parametrize(
    ("cut", "told"),
    [
        ("CONNECT api.exam", (None, None, None)),
        ("CONNECT api.example:44", ("api.example", None, None)),
        ("POST /v1/chat", (None, None, None)),
        ("POST /v1 HTTP/1.1\r\nHost: api.exam", (None, "/v1", None)),
        ("POST /v1 HTTP/1.1\r\nHost: api.example\r\nUser-Agent: open", ("api.example", "/v1", None)),
    ],
)
def test_of_a_head_that_was_cut_only_whole_values_are_kept(cut: str, told: tuple[object, ...]) -> None:
    """tcpdump -s 100 ends anywhere."""
    frames = Talk(server_port=8080).shake().send((cut + "ple").encode()).close().frames
    row = one([Frame(f.data[: 54 + len(cut)], f.time, len(f.data)) for f in frames])
    assert (row["host"], row["path"], row["user_agent"]) == told
