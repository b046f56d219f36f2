"""AWS flow logs."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.vpcflow import VpcflowFormat
from sensor.sources.logs.text.reasons import NO_DATA, NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

DEFAULT = "2 123456789010 eni-1235b8ca {} {} {} {} {} 54 8855 1791280800 1791280860 {} OK"


def test_default_order_both_directions() -> None:
    text = (
        DEFAULT.format("10.1.2.3", "192.0.2.7", 40000, 443, 6, "ACCEPT")
        + "\n"
        + DEFAULT.format("192.0.2.7", "10.1.2.3", 443, 40000, 6, "ACCEPT")
    )
    rows = read(VpcflowFormat, text)
    assert rows["client"].to_list() == ["10.1.2.3"] * 2
    assert rows["server_port"].to_list() == [443] * 2
    assert (rows["bytes_up"].to_list(), rows["bytes_down"].to_list()) == ([8855, None], [None, 8855])
    assert rows["seen_at"].to_list()[0] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert rows["duration_s"].to_list() == [60.0] * 2


def test_the_head_line_orders_any_fields() -> None:
    text = "action srcaddr pkt-srcaddr dstaddr dstport srcport protocol start bytes\nREJECT 10.0.0.1 10.1.2.3 192.0.2.7 443 40000 6 1791280800 7\n"
    row = read(VpcflowFormat, text).row(0, named=True)
    assert (row["client"], row["action"], row["bytes_up"], row["server_port"]) == (
        "10.1.2.3",
        "blocked",
        7,
        443,
    )


def test_later_versions_without_a_head() -> None:
    five = DEFAULT.replace("2 ", "5 ", 1).format("10.0.0.1", "192.0.2.7", 40000, 443, 17, "ACCEPT")
    five += " vpc-1 subnet-1 i-1 0 IPv4 10.1.2.3 192.0.2.7 eu-west-1 euw1-az3 - - - - egress 8"
    three = "3 vpc-1 subnet-1 i-1 eni-1 123456789010 IPv4 10.0.0.1 192.0.2.7 40000 443 10.1.2.3 192.0.2.7 6 568 8 1791280800 1791280860 ACCEPT 2 OK"
    rows = read(VpcflowFormat, f"{five}\n{three}")
    assert rows["client"].to_list() == ["10.1.2.3"] * 2
    assert rows["bytes_up"].to_list() == [8855, 568]


def test_json_and_what_is_no_flow() -> None:
    text = (
        '{"version":2,"account_id":"1","interface_id":"eni-1","srcaddr":"10.1.2.3","dstaddr":"192.0.2.7","srcport":40000,"dstport":443,'
        '"protocol":6,"packets":1,"bytes":9,"start":1791280800,"end":1791280801,"action":"ACCEPT","log_status":"OK"}\n'
        "2 123456789010 eni-1235b8ca - - - - - - - 1791280800 1791280860 - NODATA\n"
        + DEFAULT.format("10.1.2.3", "192.0.2.7", 0, 0, 1, "ACCEPT")
    )
    rows = read(VpcflowFormat, text)
    assert rows["bytes_up"].to_list()[0] == 9
    assert rows["reason"].to_list() == [None, NO_DATA, NO_PORTS]


def test_an_export_from_cloudwatch_has_its_time_in_front() -> None:
    line = "2026-10-06T10:02:00.000Z " + DEFAULT.format("10.1.2.3", "192.0.2.7", 40000, 443, 6, "ACCEPT")
    assert read(VpcflowFormat, line)["bytes_up"].to_list() == [8855]
