"""Who had an address in wireless networks: Ruckus SmartZone, Juniper Mist."""

from __future__ import annotations

import json

import pytest

from sensor.sources.logs.formats.mist import MistFormat
from sensor.sources.logs.formats.ruckus import RuckusFormat
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text.reasons import NO_ADDRESS
from tests.sensor.sources.logs.formats.reading import leases_of, read

EVENT = {"bssid": "02005e000002", "ssid": "corp", "wlan_id": "7", "mac": "02005e000007", "client_ip": "10.1.2.3", "client_username": "ada", "connect": 1791280800}  # fmt: skip
LEFT = EVENT | {"disconnect": 1791284400, "duration": 3600.0, "next_ap": "000000000000"}
MIST = "".join(json.dumps({"topic": "client-sessions", "events": [event]}) + "\n" for event in (EVENT, LEFT))
ABOUT = '"apMac"="02:00:5e:00:00:01","clientMac"="02:00:5e:00:00:07","ssid"="corp","userName"="ada","clientIP"="10.1.2.3"'
RUCKUS = (
    f"<134>Oct  6 10:00:00 vsz Core: @@202,clientJoin,{ABOUT}\n"
    f'<134>Oct  6 11:00:09 vsz Core: @@204,clientDisconnect,{ABOUT},"disconnectTime"="1791284400","sessionDuration"="3600"\n'
)


@pytest.mark.parametrize(("log_format", "text"), [(MistFormat, MIST), (RuckusFormat, RUCKUS)])
def test_a_client_holds_its_address_until_it_leaves(log_format: type[LogFormat], text: str) -> None:
    held = leases_of(log_format, text)
    assert held.select("address", "user_name", "mac").unique().rows() == [
        ("10.1.2.3", "ada", "02:00:5e:00:00:07")
    ]
    assert {at.isoformat() for at in held["valid_to"]} == {"2026-10-06T11:00:00+00:00"}


def test_a_client_that_roams_keeps_its_address_and_one_without_is_set_aside() -> None:
    roams, nowhere = LEFT | {"next_ap": "02005e000003"}, EVENT | {"client_ip": None}
    found = read(MistFormat, "".join(json.dumps(event) + "\n" for event in (roams, nowhere)))
    assert found["closes"].to_list() == [False, False]
    assert found["reason"].to_list() == [None, NO_ADDRESS]
