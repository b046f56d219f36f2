"""OpenConnect VPN server."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.ocserv import OcservFormat
from sensor.sources.logs.text.reasons import NO_ADDRESS
from tests.sensor.sources.logs.formats.reading import read

LINES = """\
Oct  6 10:00:00 vpn1 ocserv[8]: main[ada]:198.51.100.9:51000 new user session
Oct  6 10:00:01 vpn1 ocserv[9]: worker[ada]: 198.51.100.9 sending IPv4 10.8.0.5
Oct  6 10:00:01 vpn1 ocserv[9]: worker[ada]: 198.51.100.9 sending IPv6 2001:db8::5/127
Oct  6 10:00:02 vpn1 ocserv[9]: worker: 198.51.100.7 TLS handshake completed
"""


def test_who_was_given_a_tunnel_address() -> None:
    found = read(OcservFormat, LINES)
    assert found.select("client", "user_name", "reason").rows() == [
        (None, None, NO_ADDRESS), ("10.8.0.5", "ada", None), ("2001:db8::5", "ada", None), (None, None, NO_ADDRESS),
    ]  # fmt: skip


def test_a_disconnect_ends_what_the_account_was_given() -> None:
    left = "Oct  6 11:00:00 vpn1 ocserv[8]: main[{}]:198.51.100.9:51000 user disconnected (reason: user disconnected, rx: 0, tx: 5)\n"
    found = read(OcservFormat, LINES + left.format("ada") + left.format("bob"))
    used = found.filter(pl.col("closes").fill_null(False) & pl.col("reason").is_null())
    assert used.select("client", "user_name", "lease_s").rows() == [
        ("10.8.0.5", "ada", 0.0),
        ("2001:db8::5", "ada", 0.0),
    ]
    assert found["reason"].to_list()[-1] == NO_ADDRESS
