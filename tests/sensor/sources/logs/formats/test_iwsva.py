"""InterScan Web Security."""

from __future__ import annotations

from sensor.sources.logs.formats.iwsva import IwsvaFormat
from tests.sensor.sources.logs.formats.reading import read

LINE = (
    "Oct  6 10:00:00 iwsva EWEB: tk_username=jdoe,tk_url=https://www.example.org/x?q=1,tk_size=1000,tk_date_field=2026-10-06 "
    "12:00:00+0200,tk_protocol=https,tk_client_ip=10.1.2.3,tk_server_ip=192.0.2.7,tk_domain=www.example.org,tk_operation=GET"
)


def test_requests() -> None:
    found = read(IwsvaFormat, LINE)
    assert found.select("client", "user_name", "host", "path", "bytes_up", "bytes_down", "action").rows() == [
        ("10.1.2.3", "jdoe", "www.example.org", "/x", None, 1000, "allowed")
    ]
    assert found["seen_at"][0].isoformat() == "2026-10-06T10:00:00+00:00"
