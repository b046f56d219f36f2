"""Microsoft Sentinel's CommonSecurityLog."""

from __future__ import annotations

import json

import pytest

from sensor.sources.logs.formats.common_security_log import CommonSecurityLogFormat
from sensor.sources.logs.rows.sessions import Sessions
from tests.sensor.sources.logs.formats.reading import read

PROXY = {
    "TimeGenerated": "2026-10-06T10:00:00Z",
    "DeviceVendor": "Zscaler",
    "DeviceProduct": "NSSWeblog",
    "DeviceAction": "Blocked",
    "SourceIP": "10.1.2.3",
    "SourceUserName": "ada@example.org",
    "DestinationIP": "192.0.2.7",
    "DestinationPort": 443,
    "RequestURL": "https://chat.example.com/v1/a",
    "SentBytes": 5120,
    "ReceivedBytes": 870,
    "Type": "CommonSecurityLog",
}


def test_a_proxys_row_keeps_its_verdict_and_both_counts() -> None:
    (row,) = read(CommonSecurityLogFormat, json.dumps(PROXY)).rows(named=True)
    assert (row["client"], row["user_name"], row["host"], row["action"]) == (
        "10.1.2.3",
        "ada@example.org",
        "chat.example.com",
        "blocked",
    )
    assert (row["bytes_up"], row["bytes_down"]) == (5120, 870)


@pytest.mark.parametrize(("product", "counts"), [("PAN-OS", (870, 5120)), ("LF", (5120, 870))])
def test_pan_os_says_in_for_what_the_client_sent(product: str, counts: tuple[int, int]) -> None:
    event = PROXY | {"DeviceVendor": "Palo Alto Networks", "DeviceProduct": product}
    (row,) = read(CommonSecurityLogFormat, json.dumps(event)).rows(named=True)
    assert (row["bytes_up"], row["bytes_down"]) == counts


@pytest.mark.parametrize(
    "known",
    [
        {
            "DeviceVendor": "Fortinet",
            "DeviceProduct": "Fortigate",
            "ExternalID": 14430578,
            "SourcePort": 50000,
        },
        {"DeviceVendor": "Check Point", "AdditionalExtensions": "origin=fw1;loguid={0x6a,0x1};sequencenum=2"},
    ],
)
def test_what_is_told_while_a_connection_lasts_is_cumulative(known: dict[str, object]) -> None:
    event = (
        {name: value for name, value in PROXY.items() if name != "RequestURL"}
        | {"DeviceAction": "accept"}
        | known
    )
    told = [event | {"SentBytes": sent, "ReceivedBytes": 2 * sent} for sent in (1000, 4000, 5120)]
    found = Sessions().take(read(CommonSecurityLogFormat, "".join(f"{json.dumps(one)}\n" for one in told)))
    assert found["bytes_up"].to_list() == [1000, 3000, 1120]
    assert found["slice"].to_list() == [0, 1, 2]


def test_a_row_of_the_table_stays_one_whatever_its_event_kept() -> None:
    event = PROXY | {
        "DeviceVendor": "Fortinet",
        "AdditionalExtensions": "FTNTFGTlogid=0000000013;cat=traffic:forward",
    }
    lines = [",".join(str(part) for part in one) for one in (event, event.values())]
    (row,) = read(CommonSecurityLogFormat, "\n".join(lines)).rows(named=True)
    assert (row["client"], row["bytes_up"]) == ("10.1.2.3", 5120)


def test_of_an_unknown_vendor_nobody_knows_who_sent() -> None:
    (row,) = read(CommonSecurityLogFormat, json.dumps(PROXY | {"DeviceVendor": "Example"})).rows(named=True)
    assert (row["bytes_up"], row["bytes_down"]) == (None, None)


def test_a_lookup_that_a_response_policy_turned_away_is_blocked() -> None:
    event = {
        "TimeGenerated": "2026-10-06T10:00:00Z", "DeviceVendor": "Infoblox", "Activity": "RPZ EVENT QNAME REDIRECT",
        "DeviceAction": "REDIRECT", "SourceIP": "10.1.2.3", "ApplicationProtocol": "DNS",
        "DestinationDnsDomain": "chat.example.com.", "Type": "CommonSecurityLog",
    }  # fmt: skip
    (row,) = read(CommonSecurityLogFormat, json.dumps(event)).rows(named=True)
    assert (row["kind"], row["host"], row["action"]) == ("dns", "chat.example.com", "blocked")


@pytest.mark.parametrize(
    ("receipt", "seen"),
    [
        ("Oct 05 2026 09:00:00 GMT+00:00", "2026-10-05T09:00:00+00:00"),
        ("1791190800000", "2026-10-05T09:00:00+00:00"),
        # Local time of a zone nobody tells.
        ("Oct 05 2026 09:00:00", "2026-10-06T10:00:00+00:00"),
        ("", "2026-10-06T10:00:00+00:00"),
    ],
)
def test_an_event_happened_when_the_device_says_not_when_it_arrived(receipt: str, seen: str) -> None:
    (row,) = read(CommonSecurityLogFormat, json.dumps(PROXY | {"ReceiptTime": receipt})).rows(named=True)
    assert row["seen_at"].isoformat() == seen


def test_the_portals_export_as_json_names_the_zone_in_its_columns() -> None:
    event = {name: value for name, value in PROXY.items() if name != "TimeGenerated"}
    event |= {
        "StartTime [UTC]": "",
        "TimeGenerated [UTC]": "10/6/2026, 10:00:00.123 AM",
        "SourceUserName": "Not available",
    }
    (row,) = read(CommonSecurityLogFormat, json.dumps(event)).rows(named=True)
    assert row["seen_at"].isoformat() == "2026-10-06T10:00:00.123000+00:00"
    assert row["user_name"] is None


def test_a_number_of_trend_micros_says_whether_the_page_was_blocked() -> None:
    event = PROXY | {"DeviceVendor": "Trend Micro", "DeviceEventClassID": "WB:36", "DeviceAction": "2"}
    (row,) = read(CommonSecurityLogFormat, json.dumps(event)).rows(named=True)
    assert row["action"] == "blocked"


def test_the_name_asked_for_goes_before_that_of_the_answer() -> None:
    event = {
        "TimeGenerated": "2026-10-06T10:00:00Z", "DeviceVendor": "WireX", "SourceIP": "10.1.2.3", "DestinationPort": 53,
        "ApplicationProtocol": "DNS", "DestinationHostName": "edge.example.net", "Type": "CommonSecurityLog",
        "AdditionalExtensions": "reqrecordclass=IN;reqHost=chat.example.com;ansrecordclass=IN",
    }  # fmt: skip
    (row,) = read(CommonSecurityLogFormat, json.dumps(event)).rows(named=True)
    assert (row["kind"], row["host"]) == ("dns", "chat.example.com")


@pytest.mark.parametrize("unset", ["1970-01-01T00:00:00Z", "1/1/1970, 12:00:00.000 AM"])
def test_an_event_that_told_no_time_has_that_of_the_table(unset: str) -> None:
    (row,) = read(CommonSecurityLogFormat, json.dumps(PROXY | {"StartTime": unset})).rows(named=True)
    assert row["seen_at"].isoformat() == "2026-10-06T10:00:00+00:00"
