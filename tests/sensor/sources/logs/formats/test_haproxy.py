"""HAProxy logs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sensor.sources.logs.formats.haproxy import HaproxyFormat
from sensor.sources.logs.text.reasons import NO_REQUEST
from tests.sensor.sources.logs.formats.reading import read

HEAD = "<134>Oct  6 12:00:00 lb haproxy[1]: 10.1.2.3:40000 [06/Oct/2026:10:00:00.123] "


def test_http_with_captured_host_absolute_url_and_sni() -> None:
    text = (
        HEAD + 'in~ out/s1 10/0/30/69/1090 200 2750 - - ---- 1/1/1/1/0 0/0 {a.example.com|curl/8} {} "GET /p?q HTTP/1.1"\n'
        + HEAD + 'in~ out/s1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "GET https://b.example.com/p HTTP/2.0"\n'
        + HEAD + 'in out/s1 10/0/30/69/+109 200 +2750 - - ---- 1/1/1/1/0 0/0 "GET /p HTTP/1.1" 0/0/0/0/1 c.example.com/TLSv1.3/TLS_AES\n'
    )  # fmt: skip
    found = read(HaproxyFormat, text)
    row = found.row(0, named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, 0, 0, 123_000, UTC)
    assert found["host"].to_list() == ["a.example.com", "b.example.com", "c.example.com"]
    assert found["path"].to_list() == ["/p"] * 3
    assert (row["client"], row["bytes_up"], row["bytes_down"], row["duration_s"]) == (
        "10.1.2.3",
        None,
        2750,
        1.09,
    )
    assert (row["user_agent"], found["bytes_down"].to_list()[2]) == ("curl/8", 2750)


def test_tcp_with_an_appended_sni() -> None:
    row = read(HaproxyFormat, HEAD + "in out/s1 1/0/5000 9000 -- 1/1/1/1/0 0/0 chat.example.com").row(
        0, named=True
    )
    assert (row["kind"], row["host"], row["name_from"], row["bytes_down"]) == (
        "tls",
        "chat.example.com",
        "sni",
        9000,
    )


def test_refused_failed_and_not_requests() -> None:
    text = (
        HEAD + 'in~ out/<NOSRV> 0/-1/-1/-1/0 403 212 - - PR-- 1/1/0/0/0 0/0 {a.example.com} "GET /p HTTP/1.1"\n'
        + HEAD + 'in~ out/<NOSRV> 0/-1/-1/-1/0 503 212 - - SC-- 1/1/0/0/0 0/0 {a.example.com} "GET /p HTTP/1.1"\n'
        + HEAD + 'in~ out/<NOSRV> -1/-1/-1/-1/0 408 212 - - cR-- 1/1/0/0/0 0/0 "<BADREQ>"\n'
        + HEAD + "in/1: SSL handshake failure\n"
        + "<134>Oct  6 12:00:00 lb haproxy[1]: Server out/s1 is DOWN\n"
    )  # fmt: skip
    found = read(HaproxyFormat, text)
    assert found["action"].to_list()[:2] == ["blocked", "reset"]
    assert found["reason"].to_list() == [None, None, NO_REQUEST, NO_REQUEST, NO_REQUEST]


@pytest.mark.parametrize(
    ("request_line", "host", "path"),
    [
        ('{a.example.com} "GET /p/aaaa', "a.example.com", "/p/aaaa"),
        ('{a.example.com} "GET /p HTT', "a.example.com", "/p"),
        ('"GET http://b.example.com/p/aaaa', "b.example.com", "/p/aaaa"),
        ('"GET http://b.exam', None, None),
    ],
)
def test_requests_of_lines_that_were_cut_off(request_line: str, host: str | None, path: str | None) -> None:
    line = HEAD + f"in~ out/s1 0/0/2/1/3 200 149 - - ---- 1/1/0/0/0 0/0 {request_line}\n"
    (row,) = read(HaproxyFormat, line).rows(named=True)
    assert (row["host"], row["path"], row["reason"] is None) == (host, path, path is not None)


def test_uploads_where_the_site_appends_them() -> None:
    text = (
        HEAD + 'in~ out/s1 0/0/2/1/3 200 149 - - ---- 1/1/0/0/0 0/0 {a.example.com:8445} "POST /p HTTP/1.1" '
        "0/0000000000000000/0/0/0 b.example.com/TLSv1.3/TLS_AES_256_GCM_SHA384 up=50160\n"
        + HEAD + "in~ out/s1 0/0/0/3/47 200 149 - - ---- 1/1/0/0/0 0/0 "
        '"POST https://c.example.com/p HTTP/3.0" 0/0/0/0/0 c.example.com/TLSv1.3/TLS_AES_256_GCM_SHA384 up=70\n'
        + HEAD + "in out/s1 2/0/48 5191 -- 1/1/0/0/0 0/0 d.example.com up=51933\n"
        + HEAD + "in out/<NOSRV> -1/-1/1 0 PR 1/1/0/0/0 0/0 e.example.com up=1576\n"
    )  # fmt: skip
    assert read(HaproxyFormat, text).select("host", "transport", "bytes_up", "action").rows() == [
        ("a.example.com", "tcp", 50160, "allowed"),
        ("c.example.com", "udp", 70, "allowed"),
        ("d.example.com", "tcp", 51933, "allowed"),
        ("e.example.com", "tcp", 1576, "blocked"),
    ]


def test_httplog_clf_with_captured_headers() -> None:
    """Checked with HAProxy 3.0: behind the cookies stand the captured headers."""
    head = "<134>Oct  6 10:00:00 haproxy[9]: 10.1.2.3 - - [06/Oct/2026:10:00:00 +0000]"
    line = f'{head} "POST /v1?k=s HTTP/1.1" {{}} 416 "" "" 50000 95 "fe" "be" "{{}}" 0 0 0 1 2500 {{}} 1 1 0 0 0 0 0 "" ""'
    named = line + ' "claude.ai:443" "curl/8 #22x#22"'
    text = "\n".join(
        (
            named.format(200, "s1", "----"),
            named.format(403, "<NOSRV>", "PR--"),
            line.format(200, "s1", "----"),
        )
    )
    found = read(HaproxyFormat, text)
    assert found["action"].to_list() == ["allowed", "blocked", "allowed"]
    assert found["reason"].to_list() == [None, None, "set aside: names no destination"]
    row = found.row(0, named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, 0, 0, 95_000, UTC)
    assert (row["client"], row["client_port"], row["host"], row["path"]) == (
        "10.1.2.3",
        50000,
        "claude.ai",
        "/v1",
    )
    assert (row["bytes_down"], row["duration_s"], row["user_agent"]) == (416, 2.5, "curl/8 #22x#22")
