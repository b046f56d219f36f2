"""Cisco WSA access logs."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.cisco_wsa import CiscoWsaFormat
from sensor.sources.logs.formats.squid import SquidFormat
from sensor.sources.logs.text.reasons import CHALLENGE, OWN_MESSAGE
from tests.sensor.sources.logs.formats.reading import read

ARGUED = [
    (
        "sekoia-cisco-secure-web-appliance.jsonl",
        0,
        "used",
        "the client repeats the request with credentials: one visit",
    ),
]
LINE = (
    'Info: 1791280802.000 2000 10.1.2.3 {code} 8187 {method} {url} "CORP\\ada@AD realm" DIRECT/192.0.2.7 text/plain '
    '{tag}-Policy-Identity-NONE-NONE-NONE-NONE <IW_comp,6.9,1,"-",-,-> - "Mozilla/5.0 (X11)" 12'
)


def _line(
    code: str = "TCP_MISS/200",
    method: str = "GET",
    url: str = "http://a.example.com/p?q",
    tag: str = "DEFAULT_CASE_11",
) -> str:
    return LINE.format(code=code, method=method, url=url, tag=tag)


def test_a_request() -> None:
    row = read(CiscoWsaFormat, _line()).row(0, named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert (row["client"], row["user_name"], row["host"], row["path"]) == (
        "10.1.2.3",
        "CORP\\ada",
        "a.example.com",
        "/p",
    )
    assert (row["bytes_up"], row["bytes_down"], row["server"], row["action"]) == (
        None,
        8187,
        "192.0.2.7",
        "allowed",
    )
    assert row["user_agent"] == "Mozilla/5.0 (X11)"


def test_tunnels_and_verdicts() -> None:
    lines = [
        _line(method="CONNECT", url="tunnel://a.example.com:443/", tag="PASSTHRU_WEBCAT_7"),
        _line(method="TCP_CONNECT", url="tunnel://a.example.com:443/", tag="DECRYPT_WEBCAT_7"),
        _line(code="TCP_DENIED/403", tag="BLOCK_WEBCAT_11"),
        _line(code="TCP_DENIED/407"),
        _line(code="NONE/302", tag="REDIRECT_CUSTOMCAT_11"),
    ]
    rows = read(CiscoWsaFormat, "\n".join(lines))
    assert rows["action"].to_list() == ["allowed", "allowed", "blocked", "blocked", "blocked"]
    assert rows["bytes_down"].to_list()[:2] == [8187, None]
    assert rows["path"].to_list()[:2] == [None, None]
    assert rows["reason"].to_list() == [None, None, None, CHALLENGE, None]


def test_it_is_surer_than_squid() -> None:
    head = _line().removeprefix("Info: ").encode()
    assert CiscoWsaFormat.recognise(head) > SquidFormat.recognise(head)


def test_escaped_brackets_of_some_syslog_paths() -> None:
    line = _line().replace("<", "&lt;").replace(">", "&gt;")
    assert read(CiscoWsaFormat, line)["host"].to_list() == ["a.example.com"]


def test_the_traffic_monitor_tells_connections_past_the_proxy() -> None:
    noted = "Tue Oct 06 10:00:00 2026 Info: Firewall noted TCP data from 10.1.2.3:4000 to 192.0.2.7(a.example.com):443."
    blocked = "06 Oct 2026 10:00:00 (GMT+2:00) Info: Firewall blocked UDP data from 10.1.2.4 to 192.0.2.8."
    begun = "Tue Oct 06 10:00:00 2026 Info: Begin Logfile"
    found = read(CiscoWsaFormat, "\n".join(f"Oct  6 10:00:09 wsa1 {one}" for one in (noted, blocked, begun)))
    assert found["reason"].to_list() == [None, None, OWN_MESSAGE]
    told = found[:2].select(
        "kind", "client", "client_port", "host", "name_from", "server", "server_port", "action"
    )
    assert told.rows() == [
        ("flow", "10.1.2.3", 4000, "a.example.com", "dns_answer", "192.0.2.7", 443, "allowed"),
        ("flow", "10.1.2.4", None, None, None, "192.0.2.8", None, "blocked"),
    ]
    assert found["transport"].to_list()[:2] == ["tcp", "udp"]
    assert found["seen_at"].to_list()[:2] == [datetime(2026, 10, 6, hour, tzinfo=UTC) for hour in (10, 8)]
    assert found["bytes_down"].null_count() == 3
