"""Lines of every format cut, doubled, stuffed with junk: whatever comes is read or counted, never raised."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sensor.sources.logs.known_formats import look_at
from tests.sensor.sources.logs.formats.reading import rows

#: One line of each kind; JSON ones are also broken as objects, value by value.
TEXTS = (
    "[1700000000] unbound[17265:d] info: 10.1.0.7 chat.example.com. A IN NOERROR 0.001 0 61",
    "Nov 22 10:00:00 dnsmasq[831]: 17 10.1.0.7/49152 query[A] chat.example.com from 10.1.0.7",
    "Nov 22 10:00:00 dnsmasq[831]: gravity blocked chat.example.com is 0.0.0.0",
    '[INFO] 10.1.0.7:42114 - 64820 "A IN chat.example.com. udp 57 false 1232" NOERROR qr,aa,rd 66 '
    '0.000150566s',
    "5/21/2026 1:51:18 PM 0D48 PACKET  000000000181D1C0 UDP Rcv 10.1.0.7        0c6b   Q [0001   D   "
    "NOERROR] A      "
    "(4)chat(7)example(3)com(0)",
    "QUERY_RECEIVED: TCP=0; InterfaceIP=10.1.0.53; Source=10.1.0.7; RD=1; QNAME=chat.example.com.; "
    "QTYPE=1; XID=3; Port=1;",
    "<30>Nov 22 10:00:00 solid ipmdns: List Matched 10.1.0.7#32622: query: chat.example.com IN A "
    "(10.1.0.53) {AI} [genai]",
    'CEF:0|Infoblox|NIOS|8.6|RPZ-QNAME|NXDOMAIN|7|app=DNS src=10.1.0.7 spt=1 msg="rpz QNAME NXDOMAIN '
    'rewrite a.example.com [A]"',
    "LEEF:2.0|Acme|WebGate|1.0|100|^|src=10.1.0.7^dst=198.51.100.4^url=https://c"
    "hat.example.com/a^srcBytes=5120",
    "CEF:0|Acme|WebGate|1.0|100|Web|3|rt=1795341600000 src=10.1.0.7 request=https://chat.example.com/ "
    "act=blocked",
    '"2026-11-22 10:00:00","ann","ann,PC","10.1.0.7","203.0.113.9","Blocked","28 (AAAA)","NOERROR",'
    '"chat.example.com.","AI",'
    '"AD Users","AD Users,Roaming Computers",""',
    '"2026-11-22 10:00:00","PC","10.1.0.7","203.0.113.9","198.51.100.4","","ALLOWED",'
    '"https://chat.example.com/up","","curl","200",'
    '"562","1489"',
    "2026-11-22 10:00:00,[1],Tunnel,CDFW Tunnel Device,OUTBOUND,17,84,10.1.0.7,,198.51.100.4,,ams1,12,BLOCK",
    "timestamp,domain,query_type,client_ip,status\n2026-11-22T10:00:00Z,a.example.com,A,10.1.0.7,error",
    "Timestamp,DeviceName,ActionType,RemoteIP,RemoteUrl,LocalIP\n2026-11-22T10:00:00Z,pc,"
    "ConnectionSuccess,1.2.3.4,a.com,10.1.0.7",
    "<134> 11/22/2026:10:00:05 GMT ns1 0-PPE-1 : default SSLVPN TCPCONNSTAT 7 0 : Context jane@10.1.0.7 - "
    "User jane - Source 10.1.0.7:5 - Destination 1.2.3.4:443 - Total_bytes_send 5 - Total_bytes_recv 8",
    "PC7,Local Host IP: 10.1.0.7,Local Port: 5,Remote Host IP: 1.2.3.4,Remote Host Name: a.example.com,"
    "Remote Port: 443,TCP,Outbound,Begin: 2026-11-22 10:00:00,User Name: jane,Action: Allowed",
    "1.0 2026-11-22T10:00:00.130Z Z123412341234 www.example.org A NOERROR UDP FRA6 192.0.2.9 -",
)  # fmt: skip
OBJECTS: tuple[dict[str, Any], ...] = (
    {"T": "2026-11-22T11:00:00Z", "QH": "a.example.com", "QT": "A", "IP": "10.1.0.7", "CID": "x",
    "Result": {"Reason": 3, "IsFiltered": True}},
    {"query_timestamp": "2026-11-22T10:00:00Z", "vpc_id": "v", "query_name": "a.example.com.",
    "query_type": "A", "rcode": "NOERROR",
     "answers": [{"Rdata": "203.0.113.5", "Type": "A"}], "srcaddr": "10.1.0.7", "srcids": {"instance": "i"}},
    {"jsonPayload": {"queryName": "a.example.com.", "queryType": "A", "responseCode": "NOERROR",
    "sourceIP": "10.1.0.7", "rdata": "x\t1\tIN\ta\t1.2.3.4"},
     "logName": "dns_queries", "timestamp": "2026-11-22T10:00:00Z"},
    {"category": "AZFWDnsQuery", "time": "2026-11-22T10:00:00Z", "properties": {"SourceIp": "10.1.0.8",
    "QueryName": "a.example.com.", "msg": "x"}},
    {"Datetime": "2026-11-22T10:00:00Z", "HTTPHost": "a.example.com", "URL": "https://a.example.com/x",
    "SourceIP": "10.1.0.7", "Action": "block"},
    {"SessionStartTime": "2026-11-22T10:00:00Z", "SessionEndTime": "2026-11-22T10:01:00Z", "SessionID": "s",
    "OriginIP": "1.2.3.4",
     "BytesSent": 1, "SourceIP": "10.1.0.7"},
    {"category": "AdvancedHunting-DeviceNetworkEvents", "properties": {
        "Timestamp": "2026-11-22T10:00:00Z", "DeviceName": "pc", "ReportId": 7,
        "ActionType": "SslConnectionInspected", "LocalIP": "10.1.0.7",
        "RemoteUrl": "a.example.com", "AdditionalFields": '{"server_name": "a.example.com"}'}},
    {"event_simpleName": "DnsRequest", "DomainName": "a.example.com", "timestamp": "1795341600000",
    "IP4Records": "1.2.3.4;", "aid": "x"},
    {"winlog": {"event_id": 22, "provider_name": "Microsoft-Windows-Sysmon",
    "event_data": {"QueryName": "a.example.com", "QueryResults": "1.2.3.4;"}},
     "@timestamp": "2026-11-22T10:00:00Z"},
    {"EventID": 256, "TimeCreated": "2026-11-22T10:00:00Z", "Source": "10.1.0.7", "QNAME": "a.example.com.",
    "QTYPE": "1"},
    {"@timestamp": "2026-11-22T10:00:00Z", "ecs": {"version": "8"}, "source": {"ip": "10.1.0.7", "bytes": 5},
    "url": {"full": "https://a.example.com/"},
     "dns": {"question": {"name": "a.example.com"}}, "event": {"type": ["denied"], "duration": 5}},
    {"class_uid": 4003, "time": 1795341600000, "query": {"hostname": "a.example.com"},
    "src_endpoint": {"ip": "10.1.0.7"},
     "answers": [{"rdata": "1.2.3.4"}], "traffic": {"bytes": 5}},
    {"shadowai": "mitmproxy/1", "kind": "http", "started": 1795341600.0, "client": "10.1.0.7",
    "host": "a.example.com", "path": "/", "bytes_up": 5},
    {"startedDateTime": "2026-11-22T10:00:00Z", "time": 5, "request": {"url": "https://a.example.com/",
    "bodySize": 5}, "response": {"status": 200}},
    {"_path": "ssl", "ts": 1795341600.5, "uid": "C1", "id.orig_h": "10.1.0.7", "id.orig_p": 1,
    "server_name": "a.example.com", "established": True},
    {"ts": 1795341600.5, "uid": "C1", "id.orig_h": "10.1.0.7", "conn_state": "SF", "orig_bytes": 5,
    "proto": "tcp", "tunnel_parents": ["x"]},
    {"ts": 1795341600.5, "uids": ["C1"], "mac": "02:00:00:00:00:0a", "assigned_addr": "10.1.0.7",
    "lease_time": 60.0, "msg_types": ["ACK"]},
    {"nodeId": "n", "start": "2026-11-22T10:00:00Z", "end": "x", "virtualTraffic": [{"proto": 6,
    "src": "100.64.0.7:5", "dst": "100.64.0.9:443", "txBytes": 5}], "srcNode": {"name": "a", "user": "b"}},
    {"event_timestamp": ["2026-11-22T10:00:00Z"], "agent_hostname": "pc", "agent_id": "a",
    "action_local_ip": ["10.1.0.7"], "action_remote_ip": ["1.2.3.4"], "action_total_upload": 5},
    {"eventTime": 1795341600, "endpointHostName": "pc", "eventName": "SWG_ACTIVITY_LOG", "act": 2,
    "src": "10.1.0.7", "request": "https://a.example.com/"},
    {"LogTimestamp": "Sun Nov 22 10:00:00 2026", "Customer": "c", "ConnectionID": "c", "Username": "u",
    "ConnectionStatus": "close", "ClientPrivateIP": "10.1.0.7", "ServerIP": "1.2.3.4",
    "ZENTotalBytesRxClient": 5},
    {"log_type": "dns_resolution", "agent": {"agentid": "a", "hostname": "pc"}, "requested_name": "a.example.com",
    "@event_create_date": "2026-11-22T10:00:00Z", "ip_addresses": ["1.2.3.4"]},
    {"webaclId": "w", "timestamp": 1795341600000, "action": "BLOCK", "httpRequest": {"clientIp": "10.1.0.7",
    "headers": [{"name": "Host", "value": "a.example.com"}], "uri": "/"}},
    {"ClientIP": "10.1.0.7", "ClientRequestHost": "a.example.com", "EdgeStartTimestamp": 1795341600,
    "EdgeEndTimestamp": "x", "ClientRequestBytes": 5},
    {"eventVersion": "1.09", "eventSource": "s", "eventName": "n", "eventTime": "2026-11-22T10:00:00Z",
    "sourceIPAddress": "10.1.0.7", "tlsDetails": {"clientProvidedHostHeader": "a.example.com"}},
    {"address": "10.1.0.7", "hardware": "02:00:00:00:00:0a", "starts": "2026-11-22T10:00:00Z", "ends": "x",
    "ha_group": "", "hostname": "pc"},
)  # fmt: skip
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_QUIET = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def everything() -> str:
    return "\n".join([*TEXTS, *(json.dumps(one) for one in OBJECTS)]) + "\n"


def paths(node: Any, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every place of a value in nested objects."""
    out = [above] if above else []
    if isinstance(node, dict):
        for key, value in node.items():
            out += paths(value, (*above, key))
    return out


PLACES = [(number, place) for number, one in enumerate(OBJECTS) for place in paths(one)]


@given(st.integers(0, len(TEXTS) - 1), st.integers(0, 400), st.integers(0, 60), st.text(max_size=30))
@example(0, 0, 0, "\x1e\x1f\x00|\\")
@_QUIET
def test_cut_and_stuffed_lines(number: int, at: int, gone: int, stuffing: str) -> None:
    text = TEXTS[number]
    rows(text[:at] + stuffing + text[at + gone :] + "\n" + text + "\n")


@given(st.sampled_from(PLACES), JUNK)
@_QUIET
def test_objects_with_other_values(place: tuple[int, tuple[str, ...]], junk: Any) -> None:
    number, keys = place
    broken = json.loads(json.dumps(OBJECTS[number]))
    node = broken
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = junk
    rows(json.dumps(broken) + "\n" + json.dumps(OBJECTS[number]) + "\n")


@given(st.integers(0, 4000), st.integers(1, 200), st.binary(max_size=20))
@settings(max_examples=4, deadline=None)
def test_a_mixed_file_with_a_hole(at: int, gone: int, filling: bytes) -> None:
    whole = everything().encode()
    rows((whole[:at] + filling + whole[at + gone :]).decode("utf-8", "replace"))


def test_every_line_here_is_somebodys() -> None:
    lines = [f"{text}\n" for text in [*TEXTS, *(json.dumps(one) for one in OBJECTS)]]
    look_at(line.encode() for line in lines)  # all at once, as files are before they are read
    for line in lines:
        assert not rows(line).is_empty(), line
