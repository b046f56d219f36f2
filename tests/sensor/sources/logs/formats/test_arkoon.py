"""Arkoon: connections told twice are one session, refused ones are none; layouts after the vendor's reference."""

from __future__ import annotations

from sensor.sources.logs.formats.arkoon import ArkoonFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read

HEAD = 'AKLOG - id=firewall time="2026-10-06 12:00:00" gmtime=1791280800 fw=fw1.example '
ENDS = 'src=10.1.2.3 dst=192.0.2.7 proto="https" protocol=6 port_src=50000 port_dest=443 user="ada" '


def test_connections_refusals_and_alerts() -> None:
    found = read(
        ArkoonFormat,
        f"{HEAD}aktype=IP ip_log_type=NEWCONN {ENDS}action=ACCEPT\n"
        f"{HEAD}aktype=IP ip_log_type=ENDCONN {ENDS}action=ACCEPT\n"
        f"{HEAD}aktype=IP ip_log_type=NEWCONN {ENDS}action=DENY\n"
        f'{HEAD}aktype=ALERT alert_type="Blocked" user="ada" alert_desc="TCP from 10.1.2.3:50000"\n',
    )
    assert found["reason"].to_list() == [None, None, None, NO_CONNECTION]
    assert found.select("phase", "action").rows()[:3] == [
        ("begin", "allowed"),
        ("end", "allowed"),
        ("begin", "blocked"),
    ]
    assert found["session"].null_count() == 2
    assert found["seen_at"][0].isoformat() == "2026-10-06T10:00:00+00:00"
