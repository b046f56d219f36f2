"""Carbon Black's connections."""

from __future__ import annotations

from sensor.sources.logs.formats.carbon_black import CarbonBlackFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read

CLOUD = (
    '{{"type":"endpoint.event.{}","device_name":"CORP\\\\pc7","device_timestamp":"2026-10-06 10:00:00.739 +0000 UTC",'
    '"process_username":"{}","remote_ip":"192.0.2.7","remote_port":443,"local_ip":"10.1.2.3","local_port":50000,'
    '"netconn_domain":"www.example.org","netconn_inbound":{},"netconn_protocol":"PROTO_TCP"}}'
)


def test_outbound_inbound_and_other_events() -> None:
    lines = (
        CLOUD.format("netconn", "CORP\\\\ada", "false"),
        CLOUD.format("netconn", "NT AUTHORITY\\\\SYSTEM", "true"),
        CLOUD.format("filemod", "CORP\\\\ada", "false"),
    )
    found = read(CarbonBlackFormat, "\n".join(lines))
    assert found["reason"].to_list() == [None, None, NO_CONNECTION]
    assert found.select("client", "user_name", "device", "host", "server", "server_port").rows()[:2] == [
        ("10.1.2.3", "CORP\\ada", "pc7", "www.example.org", "192.0.2.7", 443),
        ("192.0.2.7", None, None, None, "10.1.2.3", 50000),
    ]
    assert found["seen_at"][0].isoformat() == "2026-10-06T10:00:00.739000+00:00"
