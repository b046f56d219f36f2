"""Dante's connections."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from sensor.sources.logs.formats.dante import DanteFormat
from sensor.sources.logs.text.reasons import CLOSED, NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read

HEAD = "Oct  6 10:00:00 gw sockd[7]: info: "
LINES = (
    "pass(2): tcp/connect [: username%ada@10.1.2.3.40000 10.1.2.1.1080 -> 198.51.100.1.50000 192.0.2.7.443",
    "block(1): tcp/connect [: 10.1.2.3.40001 10.1.2.1.1080 -> www.example.org.443",
    "block(1): tcp/connect ]: 10.1.2.3.40001 10.1.2.1.1080 -> 0.0.0.0.0 chat.example.com.443",
    "pass(2): tcp/connect ]: 9 -> username%ada@10.1.2.3.40000 10.1.2.1.1080 -> 7, 7 -> 198.51.100.1.50000 192.0.2.7.443 "
    "-> 9: local client closed.  Session duration: 3s",
    "pass(1): tcp/accept ]: 9 -> 10.1.2.3.40000 10.1.2.1.1080 -> 7: local client closed.  Session duration: 3s",
    "pass(1): tcp/accept [: 10.1.2.3.40000 10.1.2.1.1080",
    "pass(6): tcp/connect ]: 0 -> 2001:db8::7.45664 2001:db8::1.1080 -> 0, 0 -> 2001:db8::1.45664 2001:db8::9.8099 -> 0: "
    "remote peer error (Connection refused).  Session duration: 0s",
)


def test_what_is_opened_counts() -> None:
    found = read(DanteFormat, "\n".join(HEAD + line for line in LINES))
    assert found["reason"].to_list() == [None, None, None, None, CLOSED, NO_CONNECTION, None]
    used = found.filter(pl.col("reason").is_null())
    columns = (
        "client",
        "user_name",
        "host",
        "server",
        "server_port",
        "bytes_up",
        "bytes_down",
        "action",
        "phase",
    )
    assert used.select(columns).rows() == [
        ("10.1.2.3", "ada", None, "192.0.2.7", 443, None, None, "allowed", "begin"),
        ("10.1.2.3", None, "www.example.org", None, 443, None, None, "blocked", "begin"),
        ("10.1.2.3", None, "chat.example.com", None, 443, None, None, "blocked", "begin"),
        ("10.1.2.3", "ada", None, "192.0.2.7", 443, 7, 9, "allowed", "end"),
        ("2001:db8::7", None, None, "2001:db8::9", 8099, 0, 0, "reset", "end"),
    ]
    sessions = used["session"].to_list()
    assert sessions[0] == sessions[3]
    assert sessions[1:3] == [None, None]


def test_its_own_log_file_has_epochs() -> None:
    head = "Oct 06 12:00:03 (1791280803.250000) sockd[7]: info: "
    found = read(
        DanteFormat, head + LINES[3] + "\n" + head + "sigterm(): exiting on signal 15", zone="Europe/Berlin"
    )
    assert found["seen_at"].to_list()[0] == datetime(2026, 10, 6, 10, 0, 0, 250_000, UTC)
    assert found["reason"].to_list() == [None, NO_CONNECTION]
