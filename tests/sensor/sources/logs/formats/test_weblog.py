"""Combined access logs, nginx's JSON and stream logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sensor.sources.logs.formats.weblog import WeblogFormat
from sensor.sources.logs.text.reasons import CHALLENGE, NO_REQUEST, OWN_MESSAGE
from tests.sensor.sources.logs.formats.reading import read, rows

STAMP = "[06/Oct/2026:12:00:00 +0200]"


def test_a_forward_proxy_logs_whole_urls_and_tunnels() -> None:
    text = (
        f'10.1.2.3 - ada {STAMP} "GET http://a.example.com/p?q=secret HTTP/1.1" 200 612 "-" "curl/8"\n'
        f'10.1.2.3 - - {STAMP} "CONNECT chat.example.com:443 HTTP/1.1" 200 5612 "-" "-"\n'
        f'10.1.2.3 - - {STAMP} "CONNECT chat.example.com:443 HTTP/1.1" 403 0 "-" "-"\n'
    )
    found = read(WeblogFormat, text)
    assert found["seen_at"].to_list()[0] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert found["host"].to_list() == ["a.example.com", "chat.example.com", "chat.example.com"]
    assert found["path"].to_list() == ["/p", None, None]
    assert found["user_name"].to_list() == ["ada", None, None]
    assert found["action"].to_list() == ["allowed", "allowed", "blocked"]
    assert (found["bytes_up"].null_count(), found["bytes_down"].to_list()) == (3, [612, 5612, 0])


def test_hosts_and_forwarded_addresses_in_front() -> None:
    text = (
        f'a.example.com:443 10.1.2.3, 10.0.0.1 - - {STAMP} "GET /p HTTP/1.1" 200 571 "-" "Mozilla/5.0 (a b)"\n'
        f'a.example.com "10.1.2.3, 10.0.0.1" 10.0.0.9 - - {STAMP} "GET /p HTTP/1.1" 200 571 "-" "x"\n'
        f'10.1.2.3, 10.0.0.1 - - {STAMP} "GET /p HTTP/1.1" 200 571 "-" "x"\n'
        f'10.1.2.3 - - {STAMP} "\\x16\\x03" 400 0 "-" "-"\n'
    )
    found = read(WeblogFormat, text)
    assert found["client"].to_list() == ["10.1.2.3"] * 4
    assert found["host"].to_list() == ["a.example.com", "a.example.com", None, None]
    assert found["reason"].to_list() == [None, None, "set aside: names no destination", NO_REQUEST]


def test_of_two_addresses_in_front_the_first_is_the_client() -> None:
    tail = f'- - {STAMP} "GET /p HTTP/1.1" 200 571 "-" "x"'
    found = read(WeblogFormat, f"10.1.2.3 10.0.0.1 {tail}\n192.0.2.7:443 10.1.2.3 {tail}\n")
    assert found["client"].to_list() == ["10.1.2.3"] * 2
    assert found["server"].to_list() == [None, "192.0.2.7"]


def test_nginx_json() -> None:
    event = {"time_iso8601": "2026-10-06T12:00:02+02:00", "remote_addr": "10.1.2.3", "host": "a.example.com", "status": 200,
             "request": "POST /v1?k=s HTTP/1.1", "request_length": 900, "bytes_sent": 70, "request_time": "2.0",
             "http_user_agent": "curl/8", "upstream_addr": "192.0.2.7:443"}  # fmt: skip
    row = read(WeblogFormat, json.dumps(event)).row(0, named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert (row["host"], row["path"], row["bytes_up"], row["bytes_down"]) == ("a.example.com", "/v1", 900, 70)
    assert (row["server"], row["server_port"], row["user_agent"]) == ("192.0.2.7", 443, "curl/8")


def test_caddy_nests_its_request() -> None:
    event = {"ts": 1791280800.5, "request": {"remote_ip": "10.1.2.3", "method": "GET", "host": "a.example.com", "uri": "/p?q"},
             "bytes_read": 5, "size": 7, "status": 200}  # fmt: skip
    row = read(WeblogFormat, json.dumps(event)).row(0, named=True)
    assert (row["client"], row["host"], row["path"], row["bytes_up"], row["bytes_down"]) == (
        "10.1.2.3", "a.example.com", "/p", 5, 7,
    )  # fmt: skip


def test_haproxys_bytes_read_are_those_of_the_answer() -> None:
    event = {"time_local": "06/Oct/2026:10:00:00.123", "remote_addr": "10.1.2.3", "host": "a.example.com",
             "request": "GET /p HTTP/1.1", "status": 200, "bytes_read": 70000, "bytes_uploaded": 900}  # fmt: skip
    assert read(WeblogFormat, json.dumps(event)).select("bytes_up", "bytes_down").rows() == [(900, 70000)]


def test_traefiks_json_has_the_beginning_and_what_it_refused_itself() -> None:
    event = {"ClientAddr": "10.1.2.3:40362", "ClientHost": "10.1.2.3", "ClientPort": "40362", "ClientUsername": "ada",
             "DownstreamContentSize": 300, "DownstreamStatus": 200, "Duration": 2500000000, "OriginStatus": 200,
             "RequestContentSize": 5000, "RequestHost": "a.example.com", "RequestMethod": "POST", "RequestPath": "/v1?k=s",
             "RequestProtocol": "HTTP/3.0", "ServiceAddr": "192.0.2.7:443", "StartUTC": "2026-10-06T10:00:00.125212177Z",
             "time": "2026-10-06T10:00:02Z"}  # fmt: skip
    refused = event | {"DownstreamStatus": 403, "OriginStatus": 0}
    theirs = event | {"DownstreamStatus": 403, "OriginStatus": 403}
    ended = {key: value for key, value in event.items() if key != "StartUTC"}
    found = read(WeblogFormat, "\n".join(map(json.dumps, (event, refused, theirs, ended))))
    assert found["action"].to_list() == ["allowed", "blocked", "allowed", "allowed"]
    row = found.row(0, named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, 0, 0, 125_212, UTC)
    assert (row["duration_s"], row["server"], row["transport"]) == (2.5, "192.0.2.7", "udp")
    assert (row["client"], row["user_name"], row["host"], row["path"]) == (
        "10.1.2.3",
        "ada",
        "a.example.com",
        "/v1",
    )
    assert (row["bytes_up"], row["bytes_down"]) == (5000, 300)
    assert found["seen_at"][3] == datetime(2026, 10, 6, 9, 59, 59, 500_000, UTC)


def test_nginx_stream() -> None:
    line = f'10.1.2.3 {STAMP} TCP 200 5000 900 60.000 "192.0.2.7:443" "900" "5000" "0.01" chat.example.com'
    row = read(WeblogFormat, line).row(0, named=True)
    assert (row["kind"], row["host"], row["name_from"], row["server"]) == (
        "tls",
        "chat.example.com",
        "sni",
        "192.0.2.7",
    )
    assert (row["bytes_up"], row["bytes_down"], row["duration_s"]) == (900, 5000, 60.0)


def test_squid_keeps_its_own_lines() -> None:
    line = f'10.1.2.3 - - {STAMP} "GET http://a.example.com/p HTTP/1.1" 200 612 "-" "curl/8" TCP_MISS:HIER_DIRECT'
    assert rows(line)["log_format"].to_list() == ["squid"]


def test_nginx_stream_as_json() -> None:
    event = {"time": "2026-10-06T12:00:02+02:00", "remote_addr": "10.1.2.3", "protocol": "TCP", "status": "200",
             "bytes_sent": "5191", "bytes_received": "51939", "session_time": "2.0", "upstream_addr": "192.0.2.7:443",
             "ssl_preread_server_name": "chat.example.com"}  # fmt: skip
    failed = event | {"status": "502", "bytes_sent": "0", "bytes_received": "0", "session_time": "0.000"}
    found = read(WeblogFormat, json.dumps(event) + "\n" + json.dumps(failed))
    row = found.row(0, named=True)
    assert (row["kind"], row["host"], row["name_from"]) == ("tls", "chat.example.com", "sni")
    assert (row["server"], row["server_port"], row["transport"]) == ("192.0.2.7", 443, "tcp")
    assert (row["bytes_up"], row["bytes_down"], row["duration_s"]) == (51939, 5191, 2.0)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert found["action"].to_list() == ["allowed", "reset"]


def test_apaches_combinedio_tells_uploads() -> None:
    text = (
        f'10.1.2.3 - ada {STAMP} "CONNECT chat.example.com:443 HTTP/1.1" 200 - "-" "curl/8" 52058 23290\n'
        f'10.1.2.3 - ada {STAMP} "POST http://a.example.com/p HTTP/1.1" 200 500 "-" "curl/8" 9000 640\n'
        f'10.1.2.3 - ada {STAMP} "POST http://a.example.com/p HTTP/1.1" 200 500 "-" "curl/8" 120 340\n'
        f'10.1.2.3 - - {STAMP} "CONNECT chat.example.com:443 HTTP/1.1" 407 455 "-" "curl/8" 122 673\n'
    )
    found = read(WeblogFormat, text)
    assert found.select("bytes_up", "bytes_down").rows()[:3] == [(52058, 23290), (9000, 640), (None, 500)]
    assert found["reason"].to_list() == [None, None, None, CHALLENGE]


def test_escaped_account_names() -> None:
    line = f'10.1.2.3 - j\\xC3\\xB6rg lee {STAMP} "CONNECT chat.example.com:443 HTTP/1.1" 200 5612 "-" "-"'
    assert read(WeblogFormat, line)["user_name"].to_list() == ["jörg lee"]


def test_http3_goes_over_udp_and_caddys_headers_are_lists() -> None:
    event = {"ts": 1791280800.5, "request": {"client_ip": "10.1.2.3", "remote_ip": "10.1.2.3", "remote_port": "57095", "proto": "HTTP/3.0",
             "method": "POST", "host": "a.example.com:8343", "uri": "/p?q", "headers": {"User-Agent": ["curl/8.22.0"]}},
             "bytes_read": 50000, "user_id": "ann", "duration": 0.5, "size": 77, "status": 200}  # fmt: skip
    row = read(WeblogFormat, json.dumps(event)).row(0, named=True)
    assert (row["transport"], row["user_agent"], row["user_name"]) == ("udp", "curl/8.22.0", "ann")
    line = f'a.example.com 10.1.2.3 - - {STAMP} "GET /p HTTP/3.0" 200 5 "-" "x"'
    assert read(WeblogFormat, line)["transport"].to_list() == ["udp"]


def test_what_privoxy_answered_itself() -> None:
    head = "2026-10-06 10:00:00.232 7f9f3bc296c0 "
    text = (
        f"{head}Request: ads.example.org/a?b=1\n{head}Crunch: Blocked: http://ads.example.org/a?b=1\n"
        f'10.1.2.3 - - {STAMP} "GET http://ads.example.org/a?b=1 HTTP/1.1" 403 8711\n'
        f"{head}Connect: to a.example.com:8099\n{head}Crunch: Connection failure: http://a.example.com:8099/x\n"
        f'10.1.2.3 - - {STAMP} "GET http://a.example.com:8099/x HTTP/1.1" 503 6585\n'
        f'10.1.2.3 - - {STAMP} "GET http://a.example.com/x HTTP/1.1" 403 12\n'
    )
    found = read(WeblogFormat, text)
    assert found["reason"].to_list() == [OWN_MESSAGE, OWN_MESSAGE, None, OWN_MESSAGE, OWN_MESSAGE, None, None]
    assert found["action"].drop_nulls().to_list() == ["blocked", "reset", "allowed"]


def test_lighttpd_has_the_host_where_others_have_ident() -> None:
    text = (
        f'10.1.2.3 a.example.com:8480 - {STAMP} "GET /p?q=1 HTTP/1.1" 200 7 "-" "curl/8"\n'
        f'10.1.2.3 192.0.2.7:8480 ada {STAMP} "GET /p HTTP/1.1" 200 7 "-" "curl/8"\n'
    )
    found = read(WeblogFormat, text)
    assert found.select("host", "server_port", "path").row(0) == ("a.example.com", 8480, "/p")
    assert found["reason"].to_list()[1] == "set aside: names no destination"


def test_traffic_servers_extended_layouts() -> None:
    head = "10.1.2.3 - ada"
    text = (
        f'{head} {STAMP} "POST http://a.example.com:8080/v1?k=s HTTP/1.1" 200 300 200 300 5000 5000 248 134 337 113 2\n'
        f'{head} {STAMP} "CONNECT chat.example.com:443/ HTTP/1.1" 200 7185 000 0 722 722 115 105 231 0 60 DIRECT FIN FIN TCP_MISS\n'
        f'{head} {STAMP} "CONNECT b.example.com:444/ HTTP/1.1" 403 207 000 0 0 0 111 212 0 0 0 NONE FIN FIN ERR_PROXY_DENIED\n'
        f'{head} {STAMP} "GET http://c.example.com/ HTTP/1.1" 502 391 000 0 0 0 138 215 0 0 0\n'
    )
    found = read(WeblogFormat, text)
    assert found["seen_at"].to_list() == [datetime(2026, 10, 6, 10, tzinfo=UTC)] * 4
    assert found["duration_s"].to_list() == [2, 60, 0, 0]
    assert found["host"].to_list() == [f"{name}.example.com" for name in ("a", "chat", "b", "c")]
    assert found["bytes_up"].to_list() == [5000, 722, 0, 0]
    assert found["bytes_down"].to_list() == [300, 7185, 207, 391]
    assert found["action"].to_list() == ["allowed", "allowed", "blocked", "reset"]
