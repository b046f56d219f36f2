"""Envoy and Istio access logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sensor.sources.logs.formats.envoy import EnvoyFormat
from tests.sensor.sources.logs.formats.reading import read

DEFAULT = '[2026-10-06T10:00:00.123Z] "POST /v1?k=s HTTP/1.1" 200 {} 900 70 41 39 "10.1.2.3,10.0.0.1" "curl/8" "id" "a.example.com:443" "192.0.2.7:443"'


def test_default_text() -> None:
    row = read(EnvoyFormat, DEFAULT.format("-")).row(0, named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, 0, 0, 123_000, UTC)
    assert (row["client"], row["host"], row["path"], row["server"]) == (
        "10.1.2.3",
        "a.example.com",
        "/v1",
        "192.0.2.7",
    )
    assert (row["bytes_up"], row["bytes_down"], row["duration_s"], row["action"]) == (
        900,
        70,
        0.041,
        "allowed",
    )


def test_flags_and_details() -> None:
    text = "\n".join(
        DEFAULT.format(flags)
        for flags in ("UF,URX", "UAEX", '- rbac_access_denied_matched_policy[none] - "-"')
    )
    assert read(EnvoyFormat, text)["action"].to_list() == ["reset", "blocked", "blocked"]


def test_quotes_in_the_user_agent_are_not_escaped() -> None:
    line = DEFAULT.format("-").replace("curl/8", 'a "b" \\c')
    row = read(EnvoyFormat, line).row(0, named=True)
    assert (row["user_agent"], row["host"], row["bytes_up"]) == ('a "b" \\c', "a.example.com", 900)


def test_a_403_without_a_server_is_envoys_own() -> None:
    line = DEFAULT.format("-").replace('" 200 ', '" 403 ')
    own = line.replace('"192.0.2.7:443"', '"-"')
    assert read(EnvoyFormat, f"{line}\n{own}")["action"].to_list() == ["allowed", "blocked"]


def test_istio_appends_peer_and_sni() -> None:
    line = (
        '[2026-10-06T10:00:00.123Z] "- - -" 0 - - - "-" 900 70 5000 - "-" "-" "-" "-" "192.0.2.7:443" '
        "outbound|443||x 10.9.9.9:5 192.0.2.7:443 10.1.2.3:40000 chat.example.com -"
    )
    row = read(EnvoyFormat, line).row(0, named=True)
    assert (row["kind"], row["client"], row["client_port"], row["host"], row["name_from"]) == (
        "tls", "10.1.2.3", 40000, "chat.example.com", "sni",
    )  # fmt: skip
    assert (row["bytes_up"], row["bytes_down"]) == (900, 70)


def test_json() -> None:
    event = {"start_time": "2026-10-06T10:00:00.123Z", "method": "GET", "path": "/p?q", "response_code": 200, "response_flags": "-",
             "bytes_received": 0, "bytes_sent": 7, "duration": 10, "authority": "a.example.com", "upstream_host": "192.0.2.7:443",
             "downstream_remote_address": "10.1.2.3:40000", "x_forwarded_for": None, "user_agent": "curl/8"}  # fmt: skip
    row = read(EnvoyFormat, json.dumps(event)).row(0, named=True)
    assert (row["client"], row["host"], row["path"], row["bytes_up"], row["bytes_down"]) == (
        "10.1.2.3", "a.example.com", "/p", 0, 7,
    )  # fmt: skip
