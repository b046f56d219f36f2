"""DNSFilter's exports."""

from __future__ import annotations

from sensor.sources.logs.formats.dnsfilter import DnsfilterFormat
from tests.sensor.sources.logs.formats.reading import read

TEXT = (
    "time,organizationid,fqdn,domain,requestaddress,questiontype,code,result,username,agenthostname\n"
    "2026-10-06T10:00:00Z,1,www.example.org,example.org,198.51.100.7,A,0,allowed,ada,pc7\n"
    "2026-10-06T10:00:01Z,1,ads.example.org,example.org,198.51.100.7,A,0,blocked,,\n"
)


def test_by_the_header_line() -> None:
    found = read(DnsfilterFormat, TEXT)
    used = found.filter(found["host"].is_not_null())
    assert used.select("client", "user_name", "device", "host", "action").rows() == [
        ("198.51.100.7", "ada", "pc7", "www.example.org", "allowed"),
        ("198.51.100.7", None, None, "ads.example.org", "blocked"),
    ]
