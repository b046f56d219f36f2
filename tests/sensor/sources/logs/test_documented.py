"""Lines of many products as their makers document them, each written for this test, and what is read of them.

`documented.ndjson` holds one line of log and its row an entry: format, kind, client, user_name, device, host,
path, server, server_port, bytes_up, bytes_down, action; and `roams`, where a gateway's line is of a client that
may be at home. Layouts follow: docs.paloaltonetworks.com (Syslog Field
Descriptions), docs.fortinet.com (FortiOS Log Message Reference), cisco.com (ASA Syslog Messages, Secure Firewall
Syslog, Secure Web Appliance access logs), support.checkpoint.com (sk122323 Log Exporter), help.zscaler.com (NSS
Feed Output), docs.netskope.com, docs.umbrella.com (Log Formats), squid-cache.org, techdocs.broadcom.com (ELFF),
docs.sophos.com, sonicwall.com (SonicOS Log Events), watchguard.com (Log Catalog), documentation.meraki.com,
docs.infoblox.com, learn.microsoft.com (DeviceNetworkEvents, ASIM, security auditing, VNet flow logs),
schema.ocsf.io, elastic.co (ECS), juniper.net (System Log Explorer), documentation.stormshield.eu,
developers.cloudflare.com (Logpush), docs.aws.amazon.com, cloud.google.com, forcepoint.com, docs.suricata.io,
support.huawei.com, help.mikrotik.com, campus.barracuda.com, wiki.edge.arista.com, docs.menlosecurity.com, iboss.com,
elastic.co (Island Browser), techdocs.akamai.com (DataStream 2), clouddocs.f5.com, docs.bluecatnetworks.com,
bind9.readthedocs.io (dnstap-read), pymumu.github.io/smartdns, wiki.metacubex.one, rtpro.yamaha.co.jp,
kb.netgear.com, openargus.org (ra), docs.imperva.com, alibabacloud.com (log fields of WAF, Cloud Firewall, DNS),
docs.oracle.com (private DNS resolver logs), juniper.net (Mist webhooks), ruckusnetworks.com (SmartZone events),
hillstonenet.com, h3c.com, github.com/Edgio/vflow, docs.limacharlie.io,
tools.netsa.cert.org (yafscii), devcenter.heroku.com, help.ivanti.com, bitdefender.com (push and syslog events),
developers.onelogin.com, developer.pingidentity.com (PingOne), docs.jumpcloud.com, auth0.com, developer.1password.com,
keycloak.org, softether.org, community.fortinet.com (FortiAuthenticator), istio.io (ztunnel),
packetfence.org.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sensor.sources.logs.known_formats import all_formats, look_at
from sensor.sources.logs.lines.envelopes import peel
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.rows.sessions import Sessions
from sensor.sources.logs.text.reasons import CHALLENGE
from tests.sensor.sources.logs.formats.reading import rows

FIELDS = (
    "log_format", "kind", "client", "user_name", "device", "host", "path", "server", "server_port", "bytes_up",
    "bytes_down", "action",
)  # fmt: skip
#: Formats of which lines that stand side by side are told as one, or are framed otherwise than the first.
ALONE = ("azure-http", "bind", "dnsmasq", "unbound", "yamaha")
CASES = [json.loads(text) for text in Path(__file__).with_name("documented.ndjson").read_text().splitlines()]


@pytest.fixture(scope="module")
def looked_at() -> None:
    """All at once, as files are before they are read: one after the other takes five times as long."""
    look_at(_log(*param.values).encode() for param in _together())


def _log(cases: list[dict[str, Any]]) -> str:
    return "".join(f"{case['line']}\n" for case in cases)


def _together() -> list[Any]:
    """The cases of a format, to be read as one log: one by one takes three times as long."""
    by_format: dict[str, list[dict[str, Any]]] = {}
    for number, case in enumerate(CASES):
        name = case["is"][0]
        by_format.setdefault(f"{name}-{number}" if name in ALONE else name, []).append(case)
    return [pytest.param(cases, id=name) for name, cases in by_format.items()]


@pytest.mark.usefixtures("looked_at")
@pytest.mark.parametrize("cases", _together())
def test_documented_lines_are_read(cases: list[dict[str, Any]]) -> None:
    found = rows(_log(cases))
    assert [[row[name] for name in FIELDS] for row in found.iter_rows(named=True)] == [c["is"] for c in cases]
    assert found["reason"].null_count() == found.height
    assert [bool(roams) for roams in found["roams"]] == [case.get("roams", False) for case in cases]


@pytest.mark.parametrize(
    "line",
    [
        '{"timestamp": "2026-10-06T10:00:00.000000+0000", "flow_id": 1, "event_type": "dns", "src_ip": "10.1.2.3", "src_port": 50000, "dest_ip": "10.0.0.53", "dest_port": 53, "proto": "UDP", "dns": {"version": 3, "type": "response", "id": 1, "rcode": "NXDOMAIN", "queries": [{"rrname": "claude.ai", "rrtype": "MX"}]}}',
        'date=2026-10-06 time=10:00:00 devid="FG100E0000000001" logid="1501054802" type="utm" subtype="dns" eventtype="dns-response" eventtime=1791280800 srcip=10.1.2.3 srcport=50000 dstip=10.0.0.53 dstport=53 sessionid=7 proto=17 xid=9 qname="claude.ai" qtype="MX" rcode=3 action="pass"',
        "<113>2026-10-06T10:00:00Z ftd1 %FTD-1-430003: FirstPacketSecond: 2026-10-06T10:00:00Z, AccessControlRuleAction: Allow, SrcIP: 10.1.2.3, DstIP: 10.0.0.53, SrcPort: 50000, DstPort: 53, Protocol: udp, DNSQuery: claude.ai, DNSRecordType: mail exchange, DNSResponseType: Non-Existent Domain",
        '{"metadata": {"event_type": "NETWORK_DNS", "event_timestamp": "2026-10-06T10:00:00Z"}, "principal": {"ip": ["10.1.2.3"]}, "target": {"ip": ["10.0.0.53"]}, "network": {"dns": {"questions": [{"name": "claude.ai", "type": 15}], "response": true, "response_code": 3}}}',
        '{"sourcetype": "zscalernss-dns", "event": {"datetime": "Tue Oct  6 10:00:00 2026", "clt_sip": "10.1.2.3", "dns_req": "claude.ai", "dns_reqtype": "MX", "dns_resp": "10.9.9.9", "reqaction": "REQ_ALLOW", "resaction": "RES_REDIRECT"}}',
        '{"category": "AdvancedHunting-DeviceNetworkEvents", "properties": {"Timestamp": "2026-10-06T10:00:00Z", "DeviceName": "pc7", "ReportId": 8, "ActionType": "DnsConnectionInspected", "LocalIP": "10.1.2.3", "LocalPort": 50000, "RemoteIP": "10.0.0.53", "RemotePort": 53, "AdditionalFields": "{\\"direction\\":\\"Out\\",\\"query\\":\\"claude.ai\\",\\"qtype_name\\":\\"MX\\",\\"rcode_name\\":\\"NXDOMAIN\\"}"}}',
        '{"Datetime": "2026-10-06T10:00:00Z", "QueryName": "claude.ai", "QueryTypeName": "MX", "RCode": 3, "ResolverDecision": "allowedOnNoPolicyMatch", "SrcIP": "10.1.2.3", "Email": "ada@example.com"}',
    ],
    ids=["suricata", "fortigate", "cisco-ftd", "udm", "zscaler", "defender", "cloudflare"],
)
def test_a_lookup_says_what_was_asked_for_and_that_it_was_refused(line: str) -> None:
    (row,) = rows(line + "\n").iter_rows(named=True)
    assert (row["kind"], row["host"], row["qtype"], row["action"]) == ("dns", "claude.ai", "MX", "blocked")


@pytest.mark.parametrize(
    "line",
    [
        '{"@timestamp": "2026-10-06T10:00:00Z", "ecs": {"version": "1.0.0"}, "event": {"dataset": "squid.access"}, "http": {"request": {"method": "CONNECT"}, "response": {"status_code": 407}}, "source": {"ip": "10.1.2.3"}, "url": {"original": "claude.ai:443"}, "labels": {"request_status": "TCP_DENIED"}}',
        '{"_time": "2026-10-06T10:00:00.000+00:00", "vendor": "Squid", "src_ip": "10.1.2.3", "http_method": "CONNECT", "url": "claude.ai:443", "status": "407", "action": "blocked"}',
        '{"sourcetype": "zscalernss-web", "event": {"datetime": "Tue Oct  6 10:00:00 2026", "ClientIP": "10.1.2.3", "url": "claude.ai/", "hostname": "claude.ai", "requestmethod": "CONNECT", "status": "407", "action": "Blocked"}}',
        '{"metadata": {"event_type": "NETWORK_HTTP", "event_timestamp": "2026-10-06T10:00:00Z"}, "principal": {"ip": ["10.1.2.3"]}, "target": {"url": "https://claude.ai/"}, "network": {"http": {"method": "GET", "response_code": 407}}}',
    ],
    ids=["ecs", "splunk-cim", "zscaler", "udm"],
)
def test_a_proxy_that_asks_who_it_is_neither_lets_through_nor_refuses(line: str) -> None:
    (row,) = rows(line + "\n").iter_rows(named=True)
    assert (row["host"], row["status"], row["reason"]) == ("claude.ai", 407, CHALLENGE)


@pytest.mark.parametrize(
    "lines",
    [
        (
            '{"class_uid": 4001, "activity_id": 1, "time": 1791280800000, "connection_info": {"uid": "a1", "protocol_name": "tcp"}, "src_endpoint": {"ip": "10.1.2.3", "port": 50000}, "dst_endpoint": {"ip": "192.0.2.7", "port": 443}, "traffic": {"bytes_out": 1000}}',
            '{"class_uid": 4001, "activity_id": 2, "time": 1791280800000, "connection_info": {"uid": "a1", "protocol_name": "tcp"}, "src_endpoint": {"ip": "10.1.2.3", "port": 50000}, "dst_endpoint": {"ip": "192.0.2.7", "port": 443}, "traffic": {"bytes_out": 4000}}',
        ),
        (
            '{"metadata": {"event_type": "NETWORK_CONNECTION", "event_timestamp": "2026-10-06T10:00:00Z", "vendor_name": "Fortinet"}, "principal": {"ip": ["10.1.2.3"], "port": 50000}, "target": {"ip": ["192.0.2.7"], "port": 443}, "network": {"session_id": "7", "sent_bytes": "1000"}}',
            '{"metadata": {"event_type": "NETWORK_CONNECTION", "event_timestamp": "2026-10-06T10:02:00Z", "vendor_name": "Fortinet"}, "principal": {"ip": ["10.1.2.3"], "port": 50000}, "target": {"ip": ["192.0.2.7"], "port": 443}, "network": {"session_id": "7", "sent_bytes": "4000"}}',
        ),
        (
            '{"_time": "2026-10-06T10:00:00.000+00:00", "vendor": "Fortinet", "session_id": "7", "src_ip": "10.1.2.3", "src_port": "50000", "dest_ip": "192.0.2.7", "dest_port": "443", "transport": "tcp", "action": "allowed", "bytes_out": "1000"}',
            '{"_time": "2026-10-06T10:02:00.000+00:00", "vendor": "Fortinet", "session_id": "7", "src_ip": "10.1.2.3", "src_port": "50000", "dest_ip": "192.0.2.7", "dest_port": "443", "transport": "tcp", "action": "allowed", "bytes_out": "4000"}',
        ),
    ],
    ids=["ocsf", "udm", "splunk-cim"],
)
def test_what_is_told_of_one_connection_in_normalised_schemas_adds_up(lines: tuple[str, str]) -> None:
    found = Sessions().take(rows("\n".join(lines)))
    assert found["bytes_up"].to_list() == [1000, 3000]
    assert found["slice"].to_list() == [0, 1]


@pytest.mark.parametrize(
    "log_format",
    [log_format for log_format in all_formats() if log_format.marks],
    ids=lambda log_format: log_format.name,
)
def test_a_format_claims_nothing_that_holds_none_of_its_marks(log_format: type[LogFormat]) -> None:
    """Its marks are looked for first: a claim that does not need one would be lost."""
    assert all(mark == mark.lower() for mark in log_format.marks)
    marks = re.compile("|".join(map(re.escape, log_format.marks)), re.IGNORECASE)
    known = [case["line"] for case in CASES if case["is"][0] == log_format.name]
    peeled = peel(pl.DataFrame({"line": known}, schema={"line": pl.String}).with_columns(offset=0, bytes=0))
    bare = peeled.select(
        pl.col("line", "tag").map_elements(lambda text: marks.sub("", text), return_dtype=pl.String)
    )
    assert not bare.with_columns(mine=log_format.claims.fill_null(False))["mine"].any()


@pytest.mark.parametrize(
    "log_format", [one for one in all_formats() if one.is_stateless], ids=lambda log_format: log_format.name
)
def test_lines_of_a_stateless_format_need_no_others(log_format: type[LogFormat]) -> None:
    known = [case["line"] for case in CASES if case["is"][0] == log_format.name]
    peeled = peel(pl.DataFrame({"line": known}, schema={"line": pl.String}).with_columns(offset=0, bytes=0))
    lines = peeled.select("line", "tag", "sender", header=pl.lit(None, dtype=pl.String))
    parsed = log_format().parse(lines)
    assert not {"session", "phase", "one_way", "lease_s", "lease_to", "closes"} & set(parsed.columns)
    if "kind" in parsed.columns and known:
        assert not set(parsed["kind"]) & {"dns", "lease"}
