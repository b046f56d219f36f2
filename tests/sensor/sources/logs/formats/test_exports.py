"""Log lines in a column of separated values, as Splunk, Sentinel and Kibana export them."""

from __future__ import annotations

from sensor.sources.logs.formats.common_security_log import CommonSecurityLogFormat
from sensor.sources.logs.formats.meraki import MerakiFormat
from sensor.sources.logs.formats.squid import SquidFormat
from sensor.sources.logs.known_formats import framing_of
from sensor.sources.logs.lines.tables import TABLE
from tests.sensor.sources.logs.formats.reading import read

SQUID = '1791280800.123    97 10.1.2.3 TCP_MISS/200 8187 GET http://chat.example.com/a?b=""c"" ada HIER_DIRECT/192.0.2.7 t'
MERAKI = "1791280800.5 MX84 urls src=10.1.2.3:40001 dst=192.0.2.7:443 mac=78:7B:8A:CC:05:18 request: GET https://a.example.com/..."


def test_splunks_raw_lines() -> None:
    text = f'_time,host,_raw,source\n2026-10-07T00:00:00Z,proxy1,"{SQUID}",udp:514\n2026-10-07T00:00:00Z,proxy1,"{SQUID}",\n'
    found = read(SquidFormat, text)
    told = ("10.1.2.3", "ada", "chat.example.com", "/a", "192.0.2.7", 8187)
    assert found.select("client", "user_name", "host", "path", "server", "bytes_down").rows() == [told, told]
    assert found["seen_at"].dt.day().to_list() == [6, 6]  # the line's own time, not the export's


def test_sentinels_syslog_table_with_tabs() -> None:
    text = f"TimeGenerated [UTC]\tComputer\tSyslogMessage\n10/7/2026, 1:00:00.000 AM\tmx\t{MERAKI}\n"
    found = read(MerakiFormat, text)
    assert found.select("client", "host", "server_port", "kind").rows() == [
        ("10.1.2.3", "a.example.com", 443, "tls")
    ]


def test_a_table_of_lines_nobody_knows_stays_as_it_is() -> None:
    head = b"_time,host,_raw,source\n"
    assert framing_of(head + f'2026-10-07,proxy1,"{SQUID}",x\n'.encode()) is TABLE
    assert framing_of(head + b"2026-10-07,proxy1,all is well,x\n") is None


def test_sentinels_cef_table_with_commas_and_with_tabs() -> None:
    names = (
        "TimeGenerated [UTC],DeviceVendor,DeviceProduct,DeviceAction,SourceIP,SourceUserName,DestinationIP,"
        "DestinationPort,Protocol,RequestURL,SentBytes,ReceivedBytes"
    )
    url = "https://chat.example.com/v1/a?k=1"
    values = ("10/6/2026, 10:00:00.000 AM", "Fortinet", "Fortigate", "deny", "10.1.2.3", "ada", "192.0.2.7", "443", "TCP", url, "5120", "870")  # fmt: skip
    commas = names + "\n" + ",".join(f'"{value}"' for value in values)
    tabs = names.replace(",", "\t") + "\n" + "\t".join(values)
    for text in (commas, tabs):
        (row,) = read(CommonSecurityLogFormat, text).filter(kind="http").rows(named=True)
        assert (row["client"], row["user_name"], row["host"], row["path"], row["server_port"]) == (
            "10.1.2.3", "ada", "chat.example.com", "/v1/a", 443,
        )  # fmt: skip
        assert (row["bytes_up"], row["bytes_down"], row["action"]) == (5120, 870, "blocked")
        assert row["seen_at"].isoformat() == "2026-10-06T10:00:00+00:00"
