"""PassiveDNS."""

from __future__ import annotations

from sensor.sources.logs.formats.passivedns import PassivednsFormat
from tests.sensor.sources.logs.formats.reading import read


def test_answers() -> None:
    lines = (
        "1791280800.5||10.1.2.3||192.0.2.53||IN||www.example.org.||A||192.0.2.7||60||1",
        "1791280801.5||10.1.2.3||192.0.2.53||IN||7.2.0.192.in-addr.arpa.||PTR||www.example.org.||60||1",
    )
    found = read(PassivednsFormat, "\n".join(lines))
    assert found.select("client", "host", "server").row(0) == ("10.1.2.3", "www.example.org", "192.0.2.53")
    assert found["reason"].to_list() == [None, "set aside: reverse lookup (PTR)"]
