"""Pulse Secure and Ivanti Connect Secure."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from sensor.sources.logs.formats.pulse import PulseFormat
from sensor.sources.logs.text.reasons import NO_ADDRESS
from tests.sensor.sources.logs.formats.reading import HOSTILE, read

ARGUED = [
    ("elastic-pulse_connect_secure-log-log-vpn.log", 3, "client", "the public address, not the tunnel's"),
]

HEAD = "<174>1 2026-11-22T11:00:00+01:00 192.0.2.1 PulseSecure: - - - 2026-11-22 11:00:00 - node1 - "
WHO = "[198.51.100.7] ada(REALM)[ROLE] - "
STARTED = (
    "VPN Tunneling: Session started for user (session: sid123) with IPv4 address 10.9.0.7, hostname ADA-PC"
)


def test_a_tunnel_is_a_lease_until_it_ends() -> None:
    ended = "VPN Tunneling: Session ended for user (session: sid123) with IPv4 address 10.9.0.7"
    found = read(PulseFormat, f"{HEAD}{WHO}{STARTED}\n{HEAD}{WHO}{ended}\n")
    assert found.select("reason", "client", "user_name", "device", "lease_s").rows() == [
        (None, "10.9.0.7", "ada", "ADA-PC", 43_200),
        (None, "10.9.0.7", "ada", None, 0),
    ]
    assert found["seen_at"][0].isoformat() == "2026-11-22T10:00:00+00:00"
    assert "sid123" not in str(found.rows())


def test_other_filters_and_bare_files() -> None:
    welf = (
        'id=firewall time="2026-11-22 10:00:00" pri=6 fw=192.0.2.1 vpn=node1 user=ada realm="R" roles="" '
        f'src=198.51.100.7 type=vpn msg="NWC23464: {STARTED}"'
    )
    bare = f"PulseSecure: - - - 2026-11-22 10:00:00 - node1 - {WHO}{STARTED}"
    older = f"Juniper: 2026-11-22 10:00:00 - node1 - {WHO}{STARTED}"
    for line in (welf, bare, older):
        (row,) = read(PulseFormat, line + "\n").rows(named=True)
        assert (row["reason"], row["client"], row["user_name"]) == (None, "10.9.0.7", "ada")
        assert row["seen_at"].isoformat() == "2026-11-22T10:00:00+00:00"


@pytest.mark.parametrize(
    "text",
    [
        "Primary authentication successful for ada/REALM from 198.51.100.7",
        "VPN Tunneling: Session started for user with nothing",
    ],
)
def test_messages_without_a_tunnel_address(text: str) -> None:
    assert read(PulseFormat, f"{HEAD}{WHO}{text}\n")["reason"].to_list() == [NO_ADDRESS]


@settings(max_examples=5, deadline=None)
@given(HOSTILE)
def test_hostile_messages_never_raise(texts: list[str]) -> None:
    log = "".join(f"{HEAD}{WHO}VPN Tunneling: Session started {text}\n" for text in texts)
    assert read(PulseFormat, log).height == len(texts)
