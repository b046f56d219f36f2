"""Virtual addresses of strongSwan."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.strongswan import StrongswanFormat
from sensor.sources.logs.text.reasons import LEASE_OF_NOBODY, NO_TIME
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


def test_a_peer_without_identity_is_nobody() -> None:
    who = ("%any", "192.0.2.7", "2001:db8::7", "ada")
    text = "".join(
        f"Oct  6 10:00:00 gw charon[9]: {GIVEN}\n".replace("ada@corp.example", name) for name in who
    )
    found = read(StrongswanFormat, text)
    assert found["reason"].to_list() == [LEASE_OF_NOBODY, LEASE_OF_NOBODY, LEASE_OF_NOBODY, None]
    assert found["user_name"].to_list() == [None, None, None, "ada"]
