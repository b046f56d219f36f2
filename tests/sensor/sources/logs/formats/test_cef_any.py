"""CEF and LEEF of a vendor nobody knows: everything but the ambiguous `in` and `out`."""

from __future__ import annotations

import json

from sensor.sources.logs.formats.cef_any import CefFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from tests.sensor.sources.logs.formats.reading import REFERENCE, read, rows

HEAD = "<134>Nov 22 10:00:00 gw CEF:0|Acme|WebGate|1.0|100|Web request|3|"


def test_cef() -> None:
    text = (
        HEAD + "rt=1795341600000 src=10.1.0.7 spt=49152 suser=ann shost=ann-pc dst=198.51.100.4 dpt=443 "
               "request=https://chat.example.com/api/x?k\\=1 "
        "requestMethod=POST requestClientApplication=Mozilla/5.0 (X11) act=blocked in=700 out=5120 "
        "proto=TCP\n"
    )  # fmt: skip
    (row,) = read(CefFormat, text).rows(named=True)
    assert (row["kind"], row["client"], row["user_name"], row["device"]) == (
        "http",
        "10.1.0.7",
        "ann",
        "ann-pc",
    )
    assert (row["host"], row["path"], row["method"], row["action"]) == (
        "chat.example.com",
        "/api/x",
        "POST",
        "blocked",
    )
    assert (row["bytes_up"], row["bytes_down"], row["user_agent"]) == (None, None, "Mozilla/5.0 (X11)")
    assert row["seen_at"].isoformat() == "2026-11-22T10:00:00+00:00"


def test_leef_says_who_sent_what() -> None:
    text = (
        "<134>Nov 22 10:00:00 gw LEEF:2.0|Acme|WebGate|1.0|100|^|src=10.1.0.7^ds"
        "t=198.51.100.4^dstPort=443^usrName=ann^"
        "url=https://chat.example.com/a^srcBytes=5120^dstBytes=700^action=Allow\n"
    )
    (row,) = read(CefFormat, text).rows(named=True)
    assert (row["client"], row["user_name"], row["host"], row["bytes_up"], row["bytes_down"]) == (
        "10.1.0.7",
        "ann",
        "chat.example.com",
        5120,
        700,
    )


def test_lookups_and_what_is_no_connection() -> None:
    text = (
        HEAD + "src=10.1.0.7 app=DNS dhost=chat.example.com dpt=53 act=allow\n" + HEAD + "src=10.1.0.7 msg=login\n"
        + HEAD + "src=10.1.0.7 dst=198.51.100.4 proto=ICMP\n"
    )  # fmt: skip
    found = read(CefFormat, text)
    assert found.select("kind", "host", "reason").rows()[0] == ("dns", "chat.example.com", None)
    assert found["reason"].to_list()[1:] == [NO_CONNECTION, NO_PORTS]


def test_leef_whose_name_became_the_tag() -> None:
    text = "Oct  6 10:00:00 host1 LEEF: 1.0|Example|Wall|9.1|allow|src=10.1.2.3\tdst=192.0.2.7\tdstPort=443\tproto=tcp"
    (row,) = rows(text).rows(named=True)
    assert (row["reason"], row["client"], row["server"], row["server_port"]) == (
        None,
        "10.1.2.3",
        "192.0.2.7",
        443,
    )


def test_a_stamp_nobody_can_read_is_told_and_a_lower_layer_set_aside() -> None:
    found = rows(
        "Foo 99 10:00:00 host1 CEF:0|Example|Wall|1|1|x|3|src=10.1.2.3 dst=192.0.2.7 dpt=443 proto=tcp\n"
        "Oct  6 10:00:00 host1 CEF:0|Example|Wall|1|1|x|3|src=10.1.2.3 dst=192.0.2.7 proto=icmp"
    )
    assert "time" in found["reason"][0]
    assert found["reason"][1].startswith("set aside")


def test_a_line_without_any_stamp_takes_its_files_time_at_the_latest() -> None:
    line = "CEF:0|Acme|WebGate|1.0|100|Web|3|src=10.1.0.7 request=https://chat.example.com/ act=blocked"
    found = read(CefFormat, line)
    assert found["reason"].to_list() == [None]
    assert found["seen_at"].to_list() == [REFERENCE]


def test_inside_a_shippers_object_its_fields_are_not_taken_for_those_of_an_unknown_product() -> None:
    ends = "src=10.1.2.3 spt=50000 dst=192.0.2.7 dpt=443 proto=TCP"
    line = f"CEF:0|Example|Fw|1|7|Open|3|rt=1791280800000 {ends} act=Accept"
    for text in (line, json.dumps({"@timestamp": "2026-10-06T10:00:00Z", "message": line})):
        (row,) = read(CefFormat, text).rows(named=True)
        assert (row["client"], row["server"], row["action"]) == ("10.1.2.3", "192.0.2.7", "allowed")
