"""BlueCat Edge."""

from __future__ import annotations

from sensor.sources.formats.bluecat import BluecatFamily
from tests.sensor.sources.formats.reading import read

LINE = (
    '{{"time":1791280800000,"source":{{"ipAddress":"10.1.2.3","serviceIp":"10.1.0.53"}},"question":{{"name":"www.example.org.",'
    '"type":"A"}},"actionTaken":"{}","response":"NOERROR","answers":[{{"rData":"alias.example.org."}},{{"rData":"192.0.2.7"}}]}}'
)


def test_lookups_and_what_a_policy_stopped() -> None:
    found = read(BluecatFamily, LINE.format("query-response") + "\n" + LINE.format("block"))
    assert found.select("client", "host", "server", "action").rows() == [
        ("10.1.2.3", "www.example.org", "10.1.0.53", "allowed"),
        ("10.1.2.3", "www.example.org", "10.1.0.53", "blocked"),
    ]
    assert found["seen_at"][0].isoformat() == "2026-10-06T10:00:00+00:00"
