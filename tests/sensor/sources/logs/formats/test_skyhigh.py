"""Skyhigh and McAfee web gateways."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.skyhigh import SkyhighFormat
from sensor.sources.logs.text.reasons import CERTIFICATE
from tests.sensor.sources.logs.formats.reading import read

HEAD = '#time_stamp "auth_user" src_ip status_code "req_line" "categories" bytes_to_client bytes_from_client "user_agent" "block_res"\n'
LINE = '[06/Oct/2026:12:00:00 +0200] "ada" 10.1.2.3 200 "{}" "AI" 492 1200 "Mozilla/5.0 (a b)" "{}"\n'


def test_access_log_by_its_head() -> None:
    text = (
        HEAD
        + LINE.format("POST https://chat.example.com/v1?k=s HTTP/1.1", 0)
        + LINE.format("CONNECT chat.example.com:443 HTTP/1.1", 10)
    )
    rows = read(SkyhighFormat, text)
    row = rows.row(0, named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert (row["client"], row["user_name"], row["host"], row["path"]) == (
        "10.1.2.3",
        "ada",
        "chat.example.com",
        "/v1",
    )
    assert rows["action"].to_list() == ["allowed", "blocked"]
    assert (rows["bytes_up"].to_list(), rows["bytes_down"].to_list()) == ([1200, 1200], [492, 492])
    assert rows["server_port"].to_list() == [443, 443]


def test_default_access_log_without_its_head() -> None:
    line = '[06/Oct/2026:12:00:00 +0200] "" 10.1.2.3 200 "GET http://a.example.com/p HTTP/1.1" "c" "Minimal Risk" "text/html" 492 "curl/8" "" "0"'
    row = read(SkyhighFormat, line).row(0, named=True)
    assert (row["host"], row["bytes_up"], row["bytes_down"], row["user_name"]) == (
        "a.example.com",
        None,
        492,
        None,
    )


def test_a_user_agent_may_hold_what_looks_like_a_pair() -> None:
    line = (
        '[06/Oct/2026:12:00:00 +0200] "ada" 10.1.2.3 200 "GET http://a.example.com/p HTTP/1.1" "c" "Minimal Risk" "text/html" '
        '492 "App/1 (x64) build=7 user=eve" "" "0"'
    )
    row = read(SkyhighFormat, line).row(0, named=True)
    assert (row["host"], row["client"], row["user_name"], row["bytes_down"], row["user_agent"]) == (
        "a.example.com",
        "10.1.2.3",
        "ada",
        492,
        "App/1 (x64) build=7 user=eve",
    )


CLOUD = (
    "user_id=-1 username=ada lovelace source_ip=203.0.113.5 http_action={} server_to_client_bytes=6877 client_to_server_bytes=90 "
    "requested_host=chat.example.com requested_path=/v1?a=1&b=2 result={} virus= request_timestamp_epoch=1791280800 "
    "request_timestamp=2026-10-06 09:59:00 uri_scheme=https category=Content Server http_status_code=200 client_ip=10.1.2.3 "
    "block_reason= user_agent_comment=Mozilla/5.0 (a b) destination_ip=192.0.2.7 destination_port=443 client_system_name=pc-7"
)


def test_cloud_pairs() -> None:
    rows = read(
        SkyhighFormat,
        "\n".join(
            [
                CLOUD.format("POST", "OBSERVED"),
                CLOUD.format("GET", "DENIED"),
                CLOUD.format("CERTVERIFY", "OBSERVED"),
            ]
        ),
    )
    row = rows.row(0, named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert (row["client"], row["user_name"], row["device"]) == ("10.1.2.3", "ada lovelace", "pc-7")
    assert (row["host"], row["path"], row["bytes_up"], row["bytes_down"]) == (
        "chat.example.com",
        "/v1",
        90,
        6877,
    )
    assert rows["action"].to_list()[:2] == ["allowed", "blocked"]
    assert rows["reason"].to_list() == [None, None, CERTIFICATE]


def test_cloud_csv_with_a_comma_in_quotes() -> None:
    head = "user_id,username,source_ip,http_action,server_to_client_bytes,client_to_server_bytes,requested_host,requested_path,result,category,request_timestamp_epoch\n"
    line = '-1,"ada",203.0.113.5,GET,5,6,a.example.com,/p,DENIED,"News, Media",1791280800\n'
    row = read(SkyhighFormat, head + line).row(0, named=True)
    assert (row["host"], row["bytes_up"], row["bytes_down"], row["action"]) == (
        "a.example.com",
        6,
        5,
        "blocked",
    )


def test_siem_pairs() -> None:
    line = (
        'date="2026-10-06T10:00:00Z" hostname="gw" username="ada" source_ip=10.1.2.3 destination_ip=192.0.2.7 destination_host="a.example.com" '
        'http_status_code=403 source_bytes=127 destination_bytes=0 http_request_first_line="GET http://a.example.com/p HTTP/1.1" block_id=10 '
        'block_reason="Blocked by URL filtering" user_agent="curl/7"'
    )
    row = read(SkyhighFormat, line).row(0, named=True)
    assert (row["path"], row["bytes_up"], row["bytes_down"], row["action"]) == ("/p", 127, 0, "blocked")
    quarters = line.replace("source_bytes=127 destination_bytes=0", 'bytes="1/2/3/4"')
    row = read(SkyhighFormat, quarters).row(0, named=True)
    assert (row["bytes_up"], row["bytes_down"]) == (1, 4)
