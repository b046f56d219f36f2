"""PacketFence's DHCP listener and server."""

from __future__ import annotations

from sensor.sources.logs.formats.packetfence import PacketFenceFormat
from sensor.sources.logs.text import dhcp
from sensor.sources.logs.text.reasons import NO_ADDRESS
from tests.sensor.sources.logs.formats.reading import read

LAPTOP = "02:00:5e:00:00:07"
HEARD = "Oct  6 10:00:00 pf1 pfdhcplistener: pfqueue(11937) INFO: [mac:unknown] "
ACK = f"DHCPACK from 10.1.0.1 (02:00:5e:00:00:01) to host {LAPTOP} (10.1.2.3) for 86400 seconds"
IN = " (pf::dhcp::processor_v4::parse_dhcp_ack)"


def test_only_an_acknowledgement_gives_an_address() -> None:
    asked = f"DHCPREQUEST from {LAPTOP} (10.1.2.9) with lease of 7776000 seconds (pf::dhcp::processor_v4::parse_dhcp_request)"
    signed_in = (
        f"Oct  6 10:00:00 pf1 httpd.aaa: httpd.aaa(21) INFO: [mac:{LAPTOP}] handling radius autz request: from switch_ip => "
        f'(10.0.0.2), mac => [{LAPTOP}], port => 1, username => "ada" (pf::radius::authorize)'
    )
    found = read(PacketFenceFormat, f"{HEARD}{ACK}{IN}\n{HEARD}{asked}\n{signed_in}\n")
    assert found["reason"].to_list() == [None, NO_ADDRESS, NO_ADDRESS]
    assert found.select("client", "client_mac", "lease_s", "confidence").row(0) == (
        "10.1.2.3", LAPTOP, 86_400, dhcp.TOLD,
    )  # fmt: skip


def test_its_own_server_names_the_device_and_not_how_long() -> None:
    line = (
        f'Oct  6 10:00:01 pf1 pfdhcp[831]: t=2026-10-06T12:00:00+0200 lvl=info msg="DHCPACK on 10.1.2.3 to {LAPTOP} '
        f'(ada-pc)" pid=831 mac={LAPTOP}\n'
    )
    (row,) = read(PacketFenceFormat, line).iter_rows(named=True)
    assert (row["client"], row["client_mac"], row["device"], row["lease_s"], row["confidence"]) == (
        "10.1.2.3", LAPTOP, "ada-pc", dhcp.ASSUMED_S, dhcp.ASSUMED,
    )  # fmt: skip
    assert row["seen_at"].isoformat() == "2026-10-06T10:00:00+00:00"
