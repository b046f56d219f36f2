"""Virtual addresses of strongSwan."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.strongswan import StrongswanFormat
from sensor.sources.logs.text.reasons import NO_ADDRESS, NO_TIME
from tests.sensor.sources.logs.formats.reading import read

GIVEN = "05[IKE] <rw|12> assigning virtual IP 2001:db8:10::1 to peer 'ada@corp.example'"
LEFT = "06[CFG] lease 2001:db8:10::1 by 'ada@corp.example' went offline"


def test_addresses_given_and_let_go() -> None:
    text = (
        f"Oct  6 10:00:00 gw charon[9]: {GIVEN}\n"
        f"2026-10-06T12:00:00+0200 {GIVEN}\n"
        f"Oct 06 10:00:00 {LEFT}\n"
        f"{LEFT}\n"
    )
    found = read(StrongswanFormat, text)
    assert found["reason"].to_list() == [None, None, None, NO_TIME]
    assert found["seen_at"].to_list()[:3] == [datetime(2026, 10, 6, 10, tzinfo=UTC)] * 3
    assert found.select("client", "user_name", "closes").rows()[:3] == [
        ("2001:db8:10::1", "ada@corp.example", False),
        ("2001:db8:10::1", "ada@corp.example", False),
        ("2001:db8:10::1", "ada@corp.example", True),
    ]


def test_a_peer_that_is_nobody_has_no_name_and_whoever_had_the_address_has_it_no_longer() -> None:
    head = "Oct  6 10:00:00 gw charon[9]: 05[IKE] <psk|12> assigning virtual IP 10.9.0.4 to peer "
    found = read(
        StrongswanFormat, "".join(f"{head}'{who}'\n" for who in ("%any", "192.168.0.7", "2001:db8::7"))
    )
    assert (
        found.select("client", "user_name", "lease_s", "closes").rows() == [("10.9.0.4", None, 0.0, True)] * 3
    )


def test_whatever_else_charon_says_is_set_aside() -> None:
    text = (
        "Oct  6 10:00:00 gw charon: 16[NET] received packet: from 203.0.113.7[4500] to 198.51.100.1[4500] (65 bytes)\n"
        "Oct  6 10:00:00 gw charon: 06[IKE] peer requested virtual IP %any\n"
        "Oct  6 10:00:00 gw charon-systemd[9]: loaded plugins: charon-systemd nonce pem\n"
    )
    assert read(StrongswanFormat, text)["reason"].to_list() == [NO_ADDRESS] * 3
