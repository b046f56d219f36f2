"""What a product logs beside network use is its own, set aside with a reason, and never another product's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sensor.sources.logs.formats.elff import ElffFormat
from sensor.sources.logs.known_formats import look_at
from tests.sensor.sources.logs.formats.reading import read, rows

AT, AT_MS = "2026-10-06T10:00:00Z", 1791280800000
TREND = {
    "eventTime": AT_MS,
    "endpointHostName": "PC7",
    "endpointGuid": "e",
    "src": "10.1.2.3",
    "dst": "192.0.2.7",
}
LOGS: tuple[tuple[str, str | dict[str, Any]], ...] = (
    ("trend-vision-one", TREND | {"eventId": "1", "eventSubId": 2}),
    ("trend-vision-one", TREND | {"eventId": "3", "eventSubId": 203}),
    ("zpa", {"LogTimestamp": "Tue Oct 6 10:00:05 2026", "Customer": "E", "SessionType": "ZPN", "ClientZEN": "z"}),
    ("zpa", {"LogTimestamp": "Tue Oct 6 10:00:05 2026", "Customer": "E", "Username": "x", "PublicIP": "192.0.2.9", "ZEN": "z",
             "SessionStatus": "ZPN_STATUS_DISCONNECTED"}),
    ("symantec-endpoint", "<54>Oct  6 10:00:00 sepm SymantecServer: PC7,Category: 0,LiveUpdate Manager,Event: done"),
    ("symantec-endpoint", "<54>Oct  6 10:00:00 SymantecServer sepm: Site: S,Server Name: x,Domain Name: D,Log received,PC7"),
    ("symantec-endpoint", "<54>Oct  6 10:00:00 sepm SymantecServer: PC7,Event Description: Attack blocked,Local Host IP: 10.1.2.3,"
     "Remote Host Name: x,Remote Host IP: 192.0.2.7,Outbound,TCP,Blocked,Begin: 2026-10-06 10:00:00,CIDS Signature ID: 1"),
    ("sangfor", "<134>Oct  6 10:00:00 localhost fwlog: Log Type: traffic audit, Username/Host:10.1.2.3, Outbound(B):18376"),
    ("arkime", {"firstPacket": AT_MS, "lastPacket": AT_MS, "ipProtocol": 17, "protocol": ["dns", "udp"], "srcIp": "10.1.2.3"}),
    ("cortex-xdr", {"event_timestamp": [AT], "agent_hostname": "pc7", "agent_id": "a", "event_type": ["file"]}),
    ("harfanglab", {"log_type": "process", "agent": {"agentid": "a"}, "@event_create_date": AT, "username": "x"}),
    ("tanium", {"event": "process_start", "hostname": "PC7", "fields": {"process__pid": 1, "timestamp": AT}}),
    ("f5", {"telemetryEventCategory": "ASM", "date_time": AT, "ip_client": "10.1.2.3"}),
    ("audit-only", '<129>Oct  6 10:00:00 fmc1 SFIMS: [1:2019401:5] "SMB attempt" [Impact: 1] From "s1" at Tue Oct  6 2026 UTC '
     "[Classification: Misc] [Priority: 1] {tcp} 192.0.2.7:40331 -> 10.1.2.3:445"),
    ("aws-cloudtrail", {"eventVersion": "1.08", "eventSource": "iam.amazonaws.com", "eventName": "x", "eventTime": AT}),
    ("chrome-audit", {"kind": "admin#reports#activity", "id": {"time": AT, "applicationName": "drive"}}),
    ("cloudflare-access", {"Action": "login", "AppDomain": "a.example.org", "RayID": "r", "CreatedAt": AT, "Email": "x@e.org"}),
    ("cloudflare", {"AccountID": "a", "SinkholeID": "s", "SrcAddr": "10.1.2.3", "URL": "https://a.org", "Timestamp": AT}),
    ("azure-http", {"time": AT, "category": "FrontdoorWebApplicationFirewallLog", "properties": {"action": "Log"}}),
    ("azure-http", {"time": AT, "category": "AzureCdnAccessLog", "properties": {"clientIp": "10.1.2.3", "isReceivedFromClient": False,
                    "requestUri": "https://lab.azureedge.net/"}}),
    ("aws-elb", f'{AT} 198.51.100.9 50123 443 TLSv1.3 TLS_AES 0.1 "CN=x" - 0a1b Success'),
    ("audit-only", {"cluster_name": "c", "code": "T2000I", "ei": 0, "event": "session.start", "time": AT}),
    ("audit-only", "<165>Oct 06 10:00:00 dt1 darktrace_audit {\"username\":\"x\",\"method\":\"POST\",\"endpoint\":\"/login\"}"),
    ("audit-only", "Oct  6 10:00:00 sw1 mgd[7]: UI_LOGIN_EVENT: User 'x' login, class 'j-ids' [7]"),
    ("audit-only", "Oct  6 10:00:00 sw1 ports:  ST1-CMDR: port 2/16 in Trk7 is now on-line"),
    ("audit-only", "<190>Oct  6 10:00:00 snort[7]: [1:7:1] TEST [Classification: x] [Priority: 2] {TCP} 192.0.2.7:443 -> 10.1.2.3:50000"),
    ("audit-only", {"id": 7, "risk_score": 30, "participants": [{"role": "offender"}], "mitre_tactics": [], "type": "x"}),
    ("audit-only", "Oct  6 10:00:00 host1 sshd[7]: Accepted publickey for x from 10.1.2.3 port 40000 ssh2"),
    ("audit-only", "<46>2026-10-06 10:00:00,123 cp1 All Audits 30 1 0 Timestamp=Oct 6, 2026 10:00:00 CEST,Source=All Audits,User=x"),
    ("f5", f'Oct  6 10:00:00 lb1 event_source="response_logging",client_ip="10.1.2.3",http_method="GET",event_timestamp="{AT}"'),
    ("f5", "Oct  6 10:00:00 lb1 alert gtmd[9]: 011a4003:1: SNMP_TRAP: Pool /Common/p state change green -> red"),
    ("audit-only", "Oct  6 10:00:00 sensor1 vectra_json_v2 -: {\"category\": \"EXFILTRATION\", \"src_ip\": \"10.1.2.3\"}"),
    ("audit-only", "Oct  6 10:00:00 dp1 DefensePro: 06-10-2026 10:00:00 WARNING M_01007: Configuration changed by user x"),
    ("audit-only", "Oct  6 10:00:00 mail1 date=2026-10-06 time=10:00:00 device_id=FE1 log_id=0200012345 type=statistics pri=information client_name=x dst_ip=192.0.2.7"),
    ("sophos-central", {"customer_id": "c", "endpoint_id": "e", "severity": "low", "group": "UPDATING", "when": AT,
                        "type": "Event::Endpoint::UpdateSuccess", "name": "Update succeeded"}),
    ("zeek-json", {"_path": "known_users", "_write_ts": AT, "ts": AT, "host_ip": "10.1.2.3", "user": "x"}),
    ("audit-only", {"CreationTime": AT, "Workload": "SharePoint", "Operation": "FileAccessed", "RecordType": 6, "UserId": "x@e.org"}),
    ("weblog", '[06/Oct/2026:10:00:00 +0200] 10.1.2.3 TLSv1.3 TLS_AES_128_GCM_SHA256 "GET /a HTTP/1.1" 612'),
    ("akamai-siem", '{"total":2,"offset":"71cca;3phZ","limit":10000}'),
    ("other-products", {"timestamp": AT_MS, "sourceIp": "198.51.100.9", "url": "http://a.example", "action": "Block",
                        "senderEnvelope": "jane@example.com", "recipients": "joe@example.org"}),
    ("audit-only", "Oct  6 10:00:00 sw1 : 2026 Oct  6 10:00:00 UTC: %ETHPORT-5-IF_UP: Interface Ethernet1/2 is up"),
)  # fmt: skip


@pytest.fixture(scope="module")
def looked_at() -> None:
    """All at once, as files are before they are read: one after the other takes five times as long."""
    look_at(_text(log).encode() for _, log in LOGS)


def _text(log: str | dict[str, Any]) -> str:
    return log if isinstance(log, str) else json.dumps(log)


@pytest.mark.usefixtures("looked_at")
@pytest.mark.parametrize(
    ("log_format", "log"), LOGS, ids=[f"{at}-{name}" for at, (name, _) in enumerate(LOGS)]
)
def test_no_network_use_is_told_as_such(log_format: str, log: str | dict[str, Any]) -> None:
    found = rows(_text(log))
    assert found["log_format"].to_list() == [log_format]
    assert found["reason"][0].startswith("set aside: ")


def test_cloudfront_parts_names_by_spaces_and_values_by_tabs() -> None:
    names = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status x-host-header cs-protocol"
    values = (
        *(
            "2026-10-06",
            "10:00:00",
            "FRA1",
            "870",
            "198.51.100.9",
            "POST",
            "d1.cloudfront.net",
            "/v1/a",
            "200",
        ),
        *("llm.example.org", "https", "5120", "0.25", "curl/8%20(x y)"),
    )
    text = f"#Version: 1.0\n#Fields: {names} cs-bytes time-taken cs(User-Agent)\n" + "\t".join(values)
    (row,) = read(ElffFormat, text).filter(kind="proxy").iter_rows(named=True)
    assert (row["client"], row["host"], row["path"], row["server_port"]) == (
        "198.51.100.9",
        "llm.example.org",
        "/v1/a",
        443,
    )
    assert (row["bytes_up"], row["bytes_down"], row["duration_s"]) == (5120, 870, 0.25)
