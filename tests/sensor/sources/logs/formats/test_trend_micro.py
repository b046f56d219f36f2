"""Trend Micro's agents: whose machine it is, and what a number or an `IDS:` in front of an action says."""

from __future__ import annotations

import pytest

from sensor.sources.logs.formats.trend_micro import TrendMicroFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

DEEP = "Oct  6 10:00:00 dsm CEF:0|Trend Micro|Deep Security Agent|20.0.1|"
APEX = "CEF:0|Trend Micro|Apex Central|2019|"
AT = "rt=Oct 06 2026 10:00:00 GMT+00:00 "


@pytest.mark.parametrize(
    ("number", "action"),
    [
        ("0", "unknown"),
        ("1", "allowed"),
        ("2", "blocked"),
        ("3", "allowed"),
        ("5", "blocked"),
        ("6", "unknown"),
    ],
)
def test_apex_tells_by_a_number_what_it_did_with_a_page(number: str, action: str) -> None:
    line = (
        f"{APEX}WB:36|36|3|{AT}app=17 dpt=443 act={number} src=10.1.0.7 dvchost=apex request=https://chat.example.com"
        f"/a?b\\=c duser=EXAMPLE\\\\ann shost=ann-pc\n"
    )
    (row,) = read(TrendMicroFormat, line).rows(named=True)
    assert (row["kind"], row["client"], row["device"], row["action"]) == (
        "http",
        "10.1.0.7",
        "ann-pc",
        action,
    )
    assert (row["host"], row["path"], row["user_name"]) == ("chat.example.com", "/a", "EXAMPLE\\ann")


def test_a_number_of_another_event_is_no_verdict() -> None:
    line = f"{APEX}BM:1000|Behavior Monitoring|3|{AT}act=2 src=10.1.0.7 dst=192.0.2.7 shost=ann-pc\n"
    assert read(TrendMicroFormat, line)["action"].to_list() == ["unknown"]


def test_the_agents_machine_is_the_client_where_a_page_or_a_packet_goes_out() -> None:
    packet = "dvchost={} act={} src=10.1.0.7 dst=192.0.2.7 {}=1019 proto={} spt=49617 dpt=443\n"
    text = (
        f"{DEEP}5000000|WebReputation|5|dvc=10.1.0.7 request=chat.example.com msg=Blocked By Admin\n"
        f"{DEEP}20|Log TCP 443|0|" + packet.format("ann-pc", "Log", "out", "TCP")
        + f"{DEEP}21|Deny|5|" + packet.format("files", "Deny", "in", "TCP")
        + f"{DEEP}1001111|Rule|3|" + packet.format("ann-pc", "IDS:Reset", "out", "TCP")
        + f"{DEEP}1001111|Rule|3|" + packet.format("ann-pc", "Reset", "out", "TCP")
    )  # fmt: skip
    found = read(TrendMicroFormat, text)
    assert found.select("client", "device", "action").rows() == [
        ("10.1.0.7", None, "blocked"),
        ("10.1.0.7", "ann-pc", "allowed"),
        ("10.1.0.7", None, "blocked"),
        ("10.1.0.7", "ann-pc", "allowed"),
        ("10.1.0.7", "ann-pc", "reset"),
    ]
    # The size of one packet is no volume.
    assert found["bytes_up"].to_list() == [None] * 5


def test_what_names_no_connection_is_set_aside() -> None:
    text = (
        f"{DEEP}4000000|Eicar|6|dvchost=ann-pc act=Delete msg=Realtime\n"
        f"{DEEP}20|Log|0|dvchost=ann-pc act=Log src=10.1.0.7 dst=192.0.2.7 out=64 proto=ICMP\n"
    )
    assert read(TrendMicroFormat, text)["reason"].to_list() == [NO_CONNECTION, NO_PORTS]
