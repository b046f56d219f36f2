"""UniFi's activity log."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.unifi import UnifiFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read

HEAD = "Oct  6 10:00:00 gw CEF:0|Ubiquiti|UniFi Network|10.1.85|"


def test_clients_that_come_and_go_hold_an_address_in_utc() -> None:
    who = (
        "UNIFIclientHostname=PC7 UNIFIclientIp=10.1.2.3 UNIFIclientMac=02:00:00:00:00:07 UNIFIwifiName=Office"
    )
    rows = read(
        UnifiFormat,
        f"{HEAD}400|WiFi Client Connected|1|{who}\n{HEAD}401|WiFi Client Disconnected|2|{who}",
        zone="Europe/Berlin",
    )
    assert rows.select("kind", "client", "client_mac", "device", "closes").rows() == [
        ("lease", "10.1.2.3", "02:00:00:00:00:07", "PC7", False),
        ("lease", "10.1.2.3", "02:00:00:00:00:07", "PC7", True),
    ]
    assert {at.hour for at in rows["seen_at"]} == {10}


def test_network_10_stamps_in_local_time_and_tells_the_utc() -> None:
    blocked = (
        "proto=TCP spt=50123 dpt=443 act=blocked UNIFIhost=Site A Gateway UNIFIsrcClientIp=10.1.2.3 "
        "dst=192.0.2.7 UNIFIutcTime=2026-10-06T08:00:00.307Z msg=A device was blocked."
    )
    rows = read(UnifiFormat, f"{HEAD}203|Blocked by Firewall|4|{blocked}", zone="Europe/Berlin")
    assert rows.select("client", "server", "action").rows() == [("10.1.2.3", "192.0.2.7", "blocked")]
    assert rows["seen_at"][0] == datetime(2026, 10, 6, 8, 0, 0, 307_000, tzinfo=UTC)


def test_a_threat_says_what_became_of_it_in_its_name() -> None:
    rows = read(
        UnifiFormat,
        f"{HEAD}201|Threat Detected and Blocked|9|proto=TCP src=10.1.2.3 spt=50123 dst=192.0.2.7 dpt=443 UNIFIrisk=high",
    )
    assert rows.select("client", "server", "action", "reason").rows() == [
        ("10.1.2.3", "192.0.2.7", "blocked", None)
    ]


def test_admins_and_unifi_os_name_no_connection() -> None:
    rows = read(
        UnifiFormat,
        f"{HEAD}544|Admin Accessed UniFi Network|1|UNIFIadmin=Ada src=10.0.0.9 msg=Ada came\n"
        "Oct  6 10:00:00 gw CEF: 0|Ubiquiti|UniFi OS|4.3.5|admins|1|msg=Ada changed a setting",
    )
    assert rows["reason"].to_list() == [NO_CONNECTION, NO_CONNECTION]
