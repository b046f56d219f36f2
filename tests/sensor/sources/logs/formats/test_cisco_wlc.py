"""Cisco's wireless controllers and device tracking: who is at an address."""

from __future__ import annotations

import pytest

from sensor.sources.logs.formats.cisco_wlc import CiscoWlcFormat
from sensor.sources.logs.text.reasons import NO_ADDRESS
from tests.sensor.sources.logs.formats.reading import read

ORCH = (
    "<191>2371599: Nov 23 2026 10:00:00.468 UTC: %CLIENT_ORCH_LOG-7-CLIENT_{}_STATE: Chassis 1 R0/3: wncd: "
)
WHO = "Username ({}), MAC: 0200.5e00.0007, IP {} "
MAC = "02:00:5e:00:00:07"
CASES = [
    (ORCH.format("MOVED_TO_RUN") + WHO.format("ada", "10.1.2.3") + "associated to AP (ap1) with SSID (corp)",
     [("10.1.2.3", "ada", MAC, False)]),
    (ORCH.format("IP_UPDATED").replace("_STATE", "")
     + WHO.format("ada", "10.1.2.3 fe80::5eff:fe00:7 2001:db8::7") + "associated to AP (ap1) with SSID (corp) on channel (36)",
     [("10.1.2.3", "ada", MAC, False), ("2001:db8::7", "ada", MAC, False)]),
    (ORCH.format("MOVED_TO_DELETE") + WHO.format("null", "10.1.2.3") + "disconnected from AP (ap1) with SSID (corp)",
     [("10.1.2.3", None, MAC, True)]),
    ("<131>wlc1: *apfReceiveTask: Nov 23 10:00:00.468: %APF-3-AUTHENTICATION_TRAP: [PA]apf_80211.c:21442 Client Authenticated: "
     "MACAddress:02:00:5e:00:00:07 Base Radio MAC:02:00:5e:00:01:00 Slot:1 User Name:ACME\\ada Ip Address:10.1.2.3 SSID:corp",
     [("10.1.2.3", "ACME\\ada", MAC, False)]),
    ("<134>wlc1: *SISF BT Process: Nov 23 10:00:00.468: %SISF-6-ENTRY_CHANGED: sisf_shim_utils.c:488 Entry changed "
     "A=10.1.2.3 V=0 I=wireless:0 P=0005 M=02:00:5e:00:00:07", [("10.1.2.3", None, MAC, False)]),
    ("<190>41: Nov 23 2026 10:00:00.468 UTC: %SISF-6-ENTRY_DELETED: Entry deleted A=10.1.2.3 V=10 I=Gi1/0/1 P=0005 M=0200.5e00.0007",
     [("10.1.2.3", None, MAC, True)]),
]  # fmt: skip


@pytest.mark.parametrize(("line", "leases"), CASES)
def test_a_client_holds_the_addresses_its_message_lists(
    line: str, leases: list[tuple[str, str | None, str, bool]]
) -> None:
    found = read(CiscoWlcFormat, line + "\n")
    assert found.select("client", "user_name", "client_mac", "closes").rows() == leases
    assert {at.isoformat() for at in found["at"]} == {"2026-11-23T10:00:00.468000+00:00"}
    assert found["reason"].null_count() == found.height


def test_messages_without_an_address_hold_none() -> None:
    text = (
        "<190>1: Nov 23 2026 10:00:00 UTC: %CLIENT_ORCH_LOG-6-CLIENT_ADDED_TO_RUN_STATE: Chassis 1 R0/0: wncd: Username "
        "entry (ada) joined with ssid (corp) for device with MAC: 0200.5e00.0007\n"
        "<134>wlc1: *sisfSwitcherTask: Nov 23 10:00:00.468: %SISF-6-ENTRY_CREATED: sisf_shim_utils.c:485 Entry created "
        "A=fe80::7 V=0 I=wired:1 P=0000 M=\n"
    )
    assert read(CiscoWlcFormat, text)["reason"].to_list() == [NO_ADDRESS, NO_ADDRESS]
