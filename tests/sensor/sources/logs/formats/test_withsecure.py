"""WithSecure's endpoint events: what was stopped, on whose machine."""

from __future__ import annotations

from sensor.sources.logs.formats.withsecure import WithSecureFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read

HEAD = "CEF:0|F-Secure|Computer Protection Premium and EDR||"
WHO = (
    "accountName=example details_clientTimestamp=1791280800000 details_hostIpAddress=10.1.0.7/24 shost=ann-pc "
    "suser=EXAMPLE\\\\ann"
)


def test_pages_and_connections() -> None:
    text = (
        f"{HEAD}webTrafficScanning.blocked|Web|4|act=blocked details_url=hxxp://chat.example.com/a {WHO}\n"
        f"{HEAD}browsingProtection.allowed|Web|4|details_url=chat.example.com {WHO}\n"
        f"{HEAD}connectionControl.blocked|Net|1|details_ip=192.0.2.7 details_port=443 details_direction=out {WHO}\n"
    )
    found = read(WithSecureFormat, text)
    assert found.select("kind", "host", "path", "server", "server_port", "action").rows() == [
        ("http", "chat.example.com", "/a", None, 80, "blocked"),
        ("http", "chat.example.com", None, None, None, "allowed"),
        ("flow", None, None, "192.0.2.7", 443, "blocked"),
    ]
    assert set(found.select("client", "user_name", "device").rows()) == {
        ("10.1.0.7", "EXAMPLE\\ann", "ann-pc")
    }
    assert found["seen_at"][0].isoformat() == "2026-10-06T10:00:00+00:00"


def test_the_customers_account_is_nobodys_name_and_other_events_are_set_aside() -> None:
    who = "accountName=example details_clientTimestamp=1791280800000 shost=ann-pc"
    text = (
        f"{HEAD}browsingProtection.blocked|Web|4|details_url=chat.example.com {who}\n"
        f"{HEAD}fileScanning.quarantined|File|4|act=quarantined details_url=http://chat.example.com/x {WHO}\n"
        f"{HEAD}connectionControl.blocked|Net|1|details_ip=192.0.2.7 details_port=22 details_direction=in {WHO}\n"
    )
    found = read(WithSecureFormat, text)
    assert found["user_name"][0] is None
    assert found["reason"].to_list() == [None, NO_CONNECTION, NO_CONNECTION]
