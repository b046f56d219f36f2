"""FortiWeb: the time is the device's, the client may be told by a proxy before it."""

from __future__ import annotations

from datetime import datetime

import pytest

from sensor.sources.logs.formats.fortiweb import FortiwebFormat
from sensor.sources.logs.text.reasons import ALERT
from tests.sensor.sources.logs.formats.reading import read

LINE = (
    "date=2026-10-06 time=10:00:00 log_id=30000000 msg_id=000000006133 device_id=FV1K0000000001 {zones} "
    'type={type} subtype="https" pri=notice proto=tcp service=https/tls1.2 status=success reason=none '
    "policy=llm original_src={origin} src=10.0.0.9 src_port=53345 dst=192.0.2.2 dst_port=443 "
    "http_request_bytes=444 http_response_bytes=4010 http_method=post "
    'http_url="/v1/chat?q=1" http_host="llm.example.org" http_agent="curl/8" http_retcode=200 msg="a, b"'
)
WEST = 'timezone="(GMT-8:00)Pacific Time(US&Canada)"'


def line(zones: str = WEST, type: str = "traffic", origin: str = "198.51.100.9") -> str:
    return LINE.format(zones=zones, type=type, origin=origin)


@pytest.mark.parametrize(
    ("zones", "hour"),
    [
        (WEST, 18),
        (f'{WEST} timezone_dayst="GMTa+7"', 17),
        (f'{WEST} timezone_dayst="GMT+8"', 18),
        (f'{WEST} timezone_dayst="GMTc-1"', 9),
        ('timezone="(GMT+5:30)Mumbai"', 4),
        ("", 10),
    ],
)
def test_the_time_is_that_of_the_zone_in_force(zones: str, hour: int) -> None:
    minutes = 30 if "+5:30" in zones else 0
    (seen,) = read(FortiwebFormat, line(zones))["seen_at"]
    assert seen.replace(tzinfo=None) == datetime(2026, 10, 6, hour, minutes)


def test_a_request_with_its_reply() -> None:
    found = read(FortiwebFormat, line()).row(0, named=True)
    names = ("client", "host", "path", "method", "bytes_up", "bytes_down", "action")
    assert tuple(found[name] for name in names) == (
        *("198.51.100.9", "llm.example.org", "/v1/chat", "POST", 444, 4010),
        "allowed",
    )
    assert read(FortiwebFormat, line(origin="0"))["client"].to_list() == ["10.0.0.9"]


def test_a_record_as_it_leaves_the_device() -> None:
    quoted = line().replace("30000000", '"30000000"').replace("date=", "v013xxxxdate=", 1)
    forwarded = f"time=12:34:56 logver=700000000 {quoted}"
    found = read(FortiwebFormat, f"{line()}\n{quoted}\n{forwarded}")
    assert found["seen_at"].n_unique() == 1
    assert found["path"].to_list() == ["/v1/chat"] * 3


def test_an_attack_repeats_a_request() -> None:
    assert read(FortiwebFormat, line(type="attack"))["reason"].to_list() == [ALERT]
