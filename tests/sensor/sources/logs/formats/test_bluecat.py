"""BlueCat Edge."""

from __future__ import annotations

from sensor.sources.logs.formats.bluecat import BluecatFormat
from sensor.sources.logs.text.reasons import NO_ADDRESS
from tests.sensor.sources.logs.formats.reading import read

LINE = (
    '{{"time":1791280800000,"source":{{"ipAddress":"10.1.2.3","serviceIp":"10.1.0.53"}},"question":{{"name":"www.example.org.",'
    '"type":"A"}},"actionTaken":"{}","response":"NOERROR","answers":[{{"rData":"alias.example.org."}},{{"rData":"192.0.2.7"}}]}}'
)


def test_lookups_and_what_a_policy_stopped() -> None:
    found = read(BluecatFormat, LINE.format("query-response") + "\n" + LINE.format("block"))
    assert found.select("client", "host", "server", "action").rows() == [
        ("10.1.2.3", "www.example.org", "10.1.0.53", "allowed"),
        ("10.1.2.3", "www.example.org", "10.1.0.53", "blocked"),
    ]
    assert found["seen_at"][0].isoformat() == "2026-10-06T10:00:00+00:00"


def test_leases_and_lookups_of_adonis() -> None:
    head = "Oct  6 10:00:00 dns1 LEEF:1.0|BCN|Adonis|7.1.0|"
    lines = (
        "DHCP_Message|cat=ACK\tsrcMAC=02:00:00:00:00:0a\tsrc=10.1.2.3\t",
        "DHCP_Message|cat=OFFER\tsrcMAC=02:00:00:00:00:0a\tsrc=10.1.2.3\t",
        "DNS_Query|cat=A_record\tsrc=10.1.2.3\turl=chat.example.com",
    )
    found = read(BluecatFormat, "\n".join(head + line for line in lines))
    assert found["reason"].to_list() == [None, NO_ADDRESS, None]
    names = ("kind", "client", "client_mac", "host", "action")
    assert found.select(names).rows()[::2] == [
        ("lease", "10.1.2.3", "02:00:00:00:00:0a", None, None),
        ("dns", "10.1.2.3", None, "chat.example.com", "unknown"),
    ]
