"""What is wrapped around a line is taken off, in any nesting, and what it knows is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sources.logs.lines import envelopes
from tests.sensor.sources.logs.formats.reading import rows

TEXT = "client @0x1 10.1.2.3#53 (claude.ai): query: claude.ai IN A + (10.0.0.53)"


def peeled(line: str) -> tuple[str | None, ...]:
    frame = pl.DataFrame({"line": [line]}).with_columns(offset=0, bytes=1)
    return envelopes.peel(frame).select("line", "stamp", "sender", "tag").row(0)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("line", "stamp", "sender", "tag"),
    [
        (f"<134>Oct  6 10:00:00 ns1 named[812]: {TEXT}", "Oct  6 10:00:00", "ns1", "named"),
        (f"Oct  6 10:00:00 named[812]: {TEXT}", "Oct  6 10:00:00", None, "named"),
        (f"Oct 06 10:00:00 - named[812]: {TEXT}", "Oct 06 10:00:00", None, "named"),
        (f"<134>Oct 06 2026 10:00:00 ns1 named: {TEXT}", "Oct 06 2026 10:00:00", "ns1", "named"),
        (f"<134>1 2026-10-06T10:00:00Z ns1 named 812 - - {TEXT}", "2026-10-06T10:00:00Z", "ns1", "named"),
        (f'135 <134>1 2026-10-06T10:00:00Z ns1 named 812 - [timeQuality a="1"] \ufeff{TEXT}', "2026-10-06T10:00:00Z", "ns1", "named"),
        (f"2026-10-06T10:00:00+02:00 ns1 named[812]: {TEXT}", "2026-10-06T10:00:00+02:00", "ns1", "named"),
        (f"2026-10-06 10:00:00\tLocal0.Info\t10.0.0.1\t{TEXT}", "2026-10-06 10:00:00", "10.0.0.1", None),
        (f"2026-10-06 10:00:00\tLocal0.Info\t10.0.0.1\tnamed[812]: {TEXT}", "2026-10-06 10:00:00", "10.0.0.1", "named"),
        (f"2026-10-06T10:00:00.5Z stdout F {TEXT}", "2026-10-06T10:00:00.5Z", None, None),
        (f"<134>Oct  6 10:00:00 relay <134>Oct  6 09:59:59 ns1 named[812]: {TEXT}", "Oct  6 09:59:59", "ns1", "named"),
        (f"2026-10-06T10:00:00Z relay Oct  6 09:59:59 ns1 named[812]: {TEXT}", "Oct  6 09:59:59 2026", "ns1", "named"),
        (f"2026-10-06T10:00:00Z relay <134>Oct  6 09:59:59 ns1 named[812]: {TEXT}", "Oct  6 09:59:59 2026", "ns1", "named"),
        (f"June 6 10:00:00 ns1 named[812]: {TEXT}", "June 6 10:00:00", "ns1", "named"),
        (f"1 2026-10-06T10:00:00Z ns1 named[812]: {TEXT}", "2026-10-06T10:00:00Z", "ns1", "named"),
        (f"user.info 2026-10-06T10:00:01Z 2026-10-06T10:00:00Z ns1 named[812]: {TEXT}", "2026-10-06T10:00:00Z", "ns1", "named"),
        (f"local7.notice\tOct  6 10:00:00 ns1 named[812]: {TEXT}", "Oct  6 10:00:00", "ns1", "named"),
        (f"Okt 06 10:00:00 ns1 named[812]: {TEXT}", "Oct 06 10:00:00", "ns1", "named"),
        (f"févr. 06 10:00:00 ns1 named[812]: {TEXT}", "Feb 06 10:00:00", "ns1", "named"),
        (f"окт 06 10:00:00 ns1 named[812]: {TEXT}", "Oct 06 10:00:00", "ns1", "named"),
        (f"10月 06 10:00:00 ns1 named[812]: {TEXT}", "Oct 06 10:00:00", "ns1", "named"),
        (f"<134>{TEXT}", None, None, None),
        (TEXT, None, None, None),
    ],
)  # fmt: skip
def test_syslog_of_every_kind(line: str, stamp: str | None, sender: str | None, tag: str | None) -> None:
    assert peeled(line) == (TEXT, stamp, sender, tag)


@pytest.mark.parametrize("address", ["::1", "::ffff:10.1.2.3"])
def test_an_address_at_the_beginning_keeps_its_colons(address: str) -> None:
    request = f"{address} - - [06/Oct/2026:10:00:00 +0000]"
    assert peeled(request)[0] == request
    assert peeled(f"<190>Oct  6 10:00:00 web1 nginx: {request}")[0] == request


@pytest.mark.parametrize("end", ["#015", "#000", "#015#012", "\r", "\0", "\r\0"])
def test_line_ends_and_nul_behind_a_message_are_no_part_of_it(end: str) -> None:
    assert peeled(f"<134>Oct  6 10:00:00 ns1 named[812]: {TEXT}{end}")[0] == TEXT
    assert peeled(f"{TEXT}{end}")[0] == TEXT


def test_what_rsyslog_wrote_out_is_a_tab_again_in_its_own_lines_only() -> None:
    assert (
        peeled("2026-10-06T10:00:00Z dc1 MSWinEventLog#0111#011Security")[0] == "MSWinEventLog\t1\tSecurity"
    )
    assert peeled("GET /colours#0112")[0] == "GET /colours#0112"


@pytest.mark.parametrize("text", ["10.1.2.3 GET /a", "- - - 2026-10-06 10:00:00", "any words at all"])
def test_behind_a_priority_and_a_time_any_text_is_the_message(text: str) -> None:
    assert peeled(f"<134>2026-10-06T10:00:00Z fw1 {text}") == (text, "2026-10-06T10:00:00Z", "fw1", None)
    bare = f"2026-10-06T10:00:00Z fw1 {text}"
    assert peeled(bare) == (bare, None, None, None), "it may be a log of its own"


@pytest.mark.parametrize(
    "text",
    [
        "firewall,info DROP forward: in:ether1 out:ether2, proto TCP (SYN), 10.1.2.3:1->192.0.2.7:443, len 60",
        "2026/10/06 10:00:00 usg %%01POLICY/6/POLICYPERMIT(l):vsys=public",
        "[06/Oct/2026 10:00:00] [ID] 1 [Rule] NAT [Service] HTTPS",
    ],
)
def test_rsyslog_writes_no_tag_where_the_device_sends_none(text: str) -> None:
    line = f"2026-10-06T10:00:00+02:00 10.0.0.1 {text}"
    assert peeled(line) == (text, "2026-10-06T10:00:00+02:00", "10.0.0.1", None)


@pytest.mark.parametrize(
    ("head", "sender"),
    [
        ("2026-10-06T10:00:00Z fw1 ", "fw1"),
        ("2026-10-06T10:00:00Z fw1  : ", "fw1"),
        ("<113>2026-10-06T10:00:00Z fw1  ", "fw1"),
        ("2026-10-06T10:00:00Z   ", None),
    ],
)
def test_cisco_puts_blanks_and_a_colon_behind_its_name_or_leaves_it_out(
    head: str, sender: str | None
) -> None:
    text = "%FTD-1-430003: SrcIP: 10.1.2.3"
    assert peeled(head + text) == (text, "2026-10-06T10:00:00Z", sender, None)


@pytest.mark.parametrize(
    "head",
    [
        "025017: ", "<189>42: ", "<189>42: r1.example.com: *", "<189>42: .", "<189>: r1: 42: ", "<189>41: r1: 42: ",
        "<189>41: 42: ", "RP/0/RP0/CPU0:", "LC/0/3/CPU0:",
    ],
)  # fmt: skip
def test_ios_numbers_its_messages(head: str) -> None:
    text = "%SEC-6-IPACCESSLOGP: list A permitted tcp 10.1.2.3(23553) -> 192.0.2.7(443), 1 packet"
    assert peeled(f"{head}Oct 14 10:45:43.767 UTC: {text}")[:2] == (text, "Oct 14 10:45:43.767 UTC")


def test_ios_xr_names_its_card_behind_the_head_of_syslog() -> None:
    text = (
        "%ACL-IPV4_ACL-6-IPACCESSLOGP : access-list out deny tcp 10.1.2.3(50000) -> 192.0.2.7(443), 1 packet"
    )
    line = f"<190>Oct  6 12:00:01 xr1 RP/0/RP0/CPU0:Oct  6 12:00:00.630 CEST: ipv4_acl_mgr[310]: {text}"
    assert peeled(line) == (text, "Oct  6 12:00:00.630 CEST", "xr1", "ipv4_acl_mgr")


def test_the_zone_of_a_router_may_be_in_small_letters() -> None:
    line = "<190>42: Oct  6 2026 04:00:00.412 mdt: %FW-6-DROP_PKT: Dropping"
    assert peeled(line)[:2] == ("%FW-6-DROP_PKT: Dropping", "Oct  6 2026 04:00:00.412 mdt")
    assert peeled("<190>Oct  6 04:00:00 cron: x") == ("x", "Oct  6 04:00:00", None, "cron")


def test_structured_data_that_forwarders_add_is_left_out() -> None:
    query = "query[A] claude.ai from 10.1.2.3"
    for data in (
        '[a-token@41058 tag="dns"]',
        '[instance@47450 index="0"][tags@47450 env="a]b"]',
        '[timeQuality tzKnown="1"][origin ip="10.0.0.9"][meta sequenceId="29"][x@9 y="z"]',
    ):
        found = peeled(f"<30>1 2026-10-06T10:00:00Z gw dnsmasq 9 - {data} {query}")
        assert found == (query, "2026-10-06T10:00:00Z", "gw", "dnsmasq")


def test_structured_data_that_is_the_record_becomes_the_text() -> None:
    line = (
        '<14>1 2026-10-06T10:00:00Z fw RT_FLOW - RT_FLOW_SESSION_CLOSE [junos@2636 source-address="10.0.0.1"]'
    )
    assert peeled(line)[0] == 'RT_FLOW_SESSION_CLOSE [junos@2636 source-address="10.0.0.1"] '


@pytest.mark.parametrize(
    "text",
    [
        "%ASA-6-302013: Built",
        "CEF:0|a|b|c|d|e|f|",
        "date=2026-10-06 time=10:00:00",
        "1,2026/10/06 10:00:00,7,TRAFFIC",
    ],
)
def test_a_message_without_a_tag_loses_nothing(text: str) -> None:
    assert peeled(f"<134>Oct  6 10:00:00 fw1 {text}")[0] == text
    assert peeled(f"<134>Oct  6 10:00:00: {text}")[0] == text


@pytest.mark.parametrize(
    "wrap",
    [
        lambda line: json.dumps({"@timestamp": "2026-10-06T10:00:00Z", "message": line, "host": {"name": "ns1"}}),
        lambda line: json.dumps({"_raw": line, "_time": "1791280800"}),
        lambda line: json.dumps({"event": {"original": line}, "@timestamp": "2026-10-06T10:00:00Z"}),
        lambda line: json.dumps({"log": line + "\n", "stream": "stdout", "time": "2026-10-06T10:00:00.1Z"}),
        lambda line: json.dumps({"_index": "x", "_source": {"message": line, "@timestamp": "2026-10-06T10:00:00Z"}}),
        lambda line: json.dumps({"MESSAGE": line, "__REALTIME_TIMESTAMP": "1791280800000000", "SYSLOG_IDENTIFIER": "named"}),
        lambda line: json.dumps({"records": [{"RawData": line, "TimeGenerated": "2026-10-06T10:00:00Z"}]}),
        lambda line: json.dumps({"messageType": "DATA_MESSAGE", "logEvents": [{"timestamp": 1791280800000, "message": line}]}),
        lambda line: json.dumps([{"message": line, "timestamp": "2026-10-06T10:00:00Z"}], indent=2),
        lambda line: json.dumps({"@timestamp": "2026-10-06 10:00:00.000", "@message": line}),
        lambda line: "@timestamp,@message\n2026-10-06 10:00:00.000," + json.dumps(line),
        lambda line: json.dumps({"time": 1791280800, "host": "h", "event": {"message": line}}),
        lambda line: json.dumps({"id": "A", "attributes": {"message": line, "timestamp": "2026-10-06T10:00:00Z"}}),
        lambda line: json.dumps({"jsonPayload": {"message": line}, "timestamp": "2026-10-06T10:00:00Z"}),
        lambda line: json.dumps({"id": "A", "content": {"message": line, "timestamp": "2026-10-06T10:00:00Z"}}),
        lambda line: json.dumps({"@rawstring": line, "@timestamp": 1791280800000}),
        lambda line: json.dumps({"_line": line, "_ts": 1791280800000, "_host": "ns1"}),
        lambda line: json.dumps({"EventReceivedTime": "2026-10-06 10:00:00", "SourceModuleName": "in", "raw_event": line}),
        lambda line: json.dumps({"source_data": line, "timestamp": "2026-10-06T10:00:00Z"}),
        lambda line: json.dumps({"rawmsg": f"{line}\n", "meta_cbname": "nx1", "timestamp": "2026-10-06T10:00:00Z"}),
        lambda line: json.dumps({"body": line, "timestamp": "2026-10-06T10:00:00Z", "attributes": {"log.file.name": "x"}}),
        lambda line: "Time,Line,id\n2026-10-06 10:00:00.123," + json.dumps(line) + ",1_a",
        lambda line: "Date,Host,Service,Content\n2026-10-06T10:00:00Z,ns1,named," + json.dumps(line),
        lambda line: 'TimeGenerated [UTC],SyslogMessage\n"10/6/2026, 10:00:00.520 AM",' + json.dumps(line),
        lambda line: json.dumps({"TimeGenerated [UTC]": "2026-10-06T10:00:00.52Z", "SyslogMessage": line}),
        lambda line: '"Event Name","Start Time","Payload"\n"x","Oct 6, 2026, 10:00:00 AM",' + json.dumps(line),
        lambda line: json.dumps({"tables": [{"columns": [{"name": "TimeGenerated"}, {"name": "RawData"}], "rows": [["2026-10-06T10:00:00Z", line]]}]}),
    ],
)  # fmt: skip
def test_json_around_a_line(wrap: object) -> None:
    for inner in (TEXT, f"<134>Oct  6 10:00:00 ns1 named[812]: {TEXT}"):
        found = rows(wrap(inner) + "\n")  # type: ignore[operator]
        assert found.select("log_format", "client", "host").row(0) == ("bind", "10.1.2.3", "claude.ai")
        assert found["seen_at"][0].replace(microsecond=0) == datetime(2026, 10, 6, 10, tzinfo=UTC)


OBJECTS = [
    {"class_uid": 4001, "time": 1791280800000, "src_endpoint": {"ip": "10.1.2.3"}, "dst_endpoint": {"ip": "192.0.2.7", "port": 443}},
    {"@timestamp": "2026-10-06T10:00:00Z", "ecs": {"version": "8.11"}, "event": {"category": ["network"]},
     "source": {"ip": "10.1.2.3"}, "destination": {"ip": "192.0.2.7", "port": 443}, "network": {"transport": "tcp"}},
    {"timestamp": "2026-10-06T10:00:00.0+0000", "flow_id": 1, "event_type": "tls", "src_ip": "10.1.2.3",
     "dest_ip": "192.0.2.7", "dest_port": 443, "proto": "TCP", "tls": {"sni": "chat.example.com"}},
]  # fmt: skip
CEF = "CEF:0|Acme|Gate|1|x|y|1|src=10.1.2.3 dst=192.0.2.7 dpt=443 proto=TCP rt=1791280800000"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda record: {"_index": "x", "_id": "1", "_source": record},
        lambda record: {"time": 1791280800, "host": "h", "sourcetype": "s", "event": record},
        lambda record: {"@timestamp": "2026-10-06T10:00:00Z", "message": json.dumps(record)},
    ],
)
def test_json_around_a_record_of_a_product_or_a_schema(wrap: Callable[[object], object]) -> None:
    found = rows("\n".join(json.dumps(wrap(record)) for record in OBJECTS))
    assert found.select("log_format", "client", "server", "server_port").rows() == [
        (name, "10.1.2.3", "192.0.2.7", 443) for name in ("ocsf", "ecs", "suricata")
    ]


def test_json_around_an_event_of_several_lines() -> None:
    event = (
        "10/06/2026 10:00:00 AM\nLogName=Security\nEventCode=4624\nKeywords=Audit Success\nMessage=An account was "
        "successfully logged on.\n\nLogon Type:\t3\n\nNew Logon:\n\tAccount Name:\tada\n\tAccount Domain:\tCORP\n\n"
        "Network Information:\n\tSource Network Address:\t10.1.2.3\n"
    )
    pretty = json.dumps(OBJECTS[0], indent=2)
    found = rows("".join(json.dumps({"result": {"_raw": text}}) + "\n" for text in (event, pretty)))
    assert found.select("log_format", "client", "user_name").rows() == [
        ("windows-security-text", "10.1.2.3", "CORP\\ada"), ("ocsf", "10.1.2.3", None),
    ]  # fmt: skip


@pytest.mark.parametrize("archived", [False, True])
def test_what_wazuh_fetched_from_a_cloud(archived: bool) -> None:
    ends = {"src_ip": "10.1.2.3", "src_port": 40000, "dest_ip": "192.0.2.7", "dest_port": 443, "protocol": 6}
    refused = {"jsonPayload": {"connection": ends, "disposition": "DENIED"}, "timestamp": "2026-10-06T10:00:00Z",
               "logName": "projects/p/logs/compute.googleapis.com%2Ffirewall"}  # fmt: skip
    asked = {"version": "1.1", "vpc_id": "vpc-1", "query_timestamp": "2026-10-06T10:00:00Z", "query_name": "claude.ai.",
             "query_type": "A", "rcode": "NOERROR", "srcaddr": "10.1.2.3", "srcids": {"instance": "i-1"}}  # fmt: skip
    fetched = [
        {"integration": "gcp", "gcp": refused},
        {"integration": "aws", "aws": {"log_info": {}} | asked},
    ]
    archive = {"timestamp": "2026-10-06T10:05:00.000+0000", "agent": {"id": "000"}}
    found = rows("\n".join(json.dumps(archive | {"data": one} if archived else one) for one in fetched))
    assert found.select("log_format", "client", "action").rows() == [
        ("gcp-flow", "10.1.2.3", "blocked"),
        ("route53", "10.1.2.3", "allowed"),
    ]
    assert set(found["seen_at"]) == {datetime(2026, 10, 6, 10, tzinfo=UTC)}


def test_json_around_a_line_of_any_maker() -> None:
    """Its schema claims the whole line, too, for what it quotes."""
    around = {"@timestamp": "2026-10-06T10:00:00Z", "message": f"<134>Oct  6 10:00:00 gw app: {CEF}"}
    (row,) = rows(json.dumps(around)).iter_rows(named=True)
    assert (row["log_format"], row["client"], row["server_port"]) == ("cef", "10.1.2.3", 443)


@pytest.mark.parametrize("key", ["_source", "result", "data"])
def test_an_object_inside_json_keeps_its_backslashes(key: str) -> None:
    request = {
        "ts": 1791280800.5, "uid": "C1", "id.orig_h": "10.1.2.3", "id.orig_p": 40000, "id.resp_h": "192.0.2.7",
        "id.resp_p": 80, "trans_depth": 1, "method": "GET", "host": "claude.ai", "uri": "/a", "username": "CORP\\bob",
        "user_agent": 'C:\\new "x"', "request_body_len": 0, "response_body_len": 0,
    }  # fmt: skip
    (row,) = rows(json.dumps({"_index": "x", key: request}) + "\n").iter_rows(named=True)
    assert (row["user_name"], row["user_agent"]) == ("CORP\\bob", 'C:\\new "x"')


def test_a_record_with_a_message_stays_what_it_is() -> None:
    event = '{"timestamp":"2026-10-06T10:00:00Z","flow_id":1,"event_type":"tls","src_ip":"10.1.2.3","dest_ip":"203.0.113.9","tls":{"sni":"claude.ai"},"message":"hello"}'
    assert rows(event)["log_format"].to_list() == ["suricata"]


@given(st.lists(st.text(max_size=120), min_size=1, max_size=10))
@settings(max_examples=100, deadline=None)
def test_any_lines_are_peeled_one_to_one(lines: list[str]) -> None:
    frame = pl.DataFrame({"line": lines}).with_columns(offset=0, bytes=1)
    assert envelopes.peel(frame).height == len(lines)


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ('{"@timestamp":"2024-01-01T00:00:03Z","message":"Dec 31 23:59:59 gw dnsmasq[1]: query[A] a.example from 10.1.2.3"}', "2023-12-31 23:59:59"),
        ("<30>1 2021-05-02T10:00:01Z relay - - - - May  2 10:00:00 gw dnsmasq[1]: query[A] a.example from 10.1.2.3", "2021-05-02 10:00:00"),
        ('{"streams":[{"stream":{},"values":[["1709287200123456789","Mar  1 10:00:00 dnsmasq[1]: query[A] a.example from 10.1.2.3"]]}]}', "2024-03-01 10:00:00"),
    ],
)  # fmt: skip
def test_a_year_is_that_of_the_stamp_around(line: str, at: str) -> None:
    (row,) = rows(line + "\n").iter_rows(named=True)
    assert str(row["seen_at"]) == f"{at}+00:00"


def test_a_table_of_splunks_fields() -> None:
    text = (
        '"_time","src_ip","dest_ip","dest_port",user,"bytes_out","bytes_in",action\n'
        '"2026-10-06T10:00:00.000+00:00","10.1.2.3","192.0.2.7",443,ada,900,7000,allowed\n'
    )
    (row,) = rows(text).filter(pl.col("reason").is_null()).iter_rows(named=True)
    assert (row["log_format"], row["client"], row["user_name"]) == ("splunk-cim", "10.1.2.3", "ada")
    assert (row["bytes_up"], row["bytes_down"], row["action"]) == (900, 7000, "allowed")


def test_a_line_said_again_is_read() -> None:
    found = rows(
        "Oct  6 10:00:00 gw dnsmasq[7]: message repeated 2 times: [ query[A] claude.ai from 10.1.2.3]\n"
    )
    assert found.select("log_format", "client", "host").rows() == [("dnsmasq", "10.1.2.3", "claude.ai")]


def test_a_collector_puts_stamp_and_host_before_a_record_that_begins_with_its_own_stamp() -> None:
    found = rows(
        "2026-10-06T10:00:00+00:00 gw1 1791280800.123    456 10.1.2.3 TCP_TUNNEL/200 3912 CONNECT claude.ai:443 - HIER_DIRECT/192.0.2.7 -\n"
        "2026-10-06T10:00:00+00:00 gw1 1 1791280800.123456789 MX84 urls src=10.1.2.3:50000 dst=192.0.2.7:443 mac=AA:BB:CC:DD:EE:FF request: UNKNOWN https://claude.ai/...\n"
        '2026-10-06T10:00:00+00:00 gw1 10.1.2.3 - jane [06/Oct/2026:10:00:00 +0000] "CONNECT claude.ai:443 HTTP/1.1" 200 3912\n'
    )
    assert found.select("log_format", "client", "host").rows() == [
        (name, "10.1.2.3", "claude.ai") for name in ("squid", "meraki", "weblog")
    ]


_QUERY = "query[A] claude.ai from 10.1.2.3"
_ACCEPT = (
    "[ 1234.567890] ACCEPT IN=lan0 OUT=wan0 SRC=10.1.2.3 DST=192.0.2.7 LEN=60 PROTO=TCP SPT=50001 DPT=443 SYN"
)
_TLS = '{"timestamp":"2026-10-06T10:00:00Z","event_type":"tls","flow_id":1,"src_ip":"10.1.2.3","dest_ip":"192.0.2.7","tls":{"sni":"claude.ai"}}'


@pytest.mark.parametrize(
    "line",
    [
        "2026-10-06T10:00:00+00:00 gw dnsmasq[7] {}",
        "Oct  6 10:00:00 gw dnsmasq[7] {}",
        "2026-11-01T08:00:00+00:00 localhost 1 2026-10-06T10:00:00Z gw dnsmasq 7 - - {}",
        "Nov  1 08:00:00 localhost 1 2026-10-06T10:00:00Z gw dnsmasq 7 - - {}",
        "<30>1 2026-10-06T10:00:00Z gw dnsmasq 7 - -  {}",
        "2026 Oct  6 10:00:00 gw dnsmasq[7]: {}",
        '{{"ISODATE":"2026-10-06T10:00:00+00:00","PROGRAM":"dnsmasq","PID":"7","MESSAGE":"{}","HOST":"gw"}}',
        '{{"DATE":"Oct  6 10:00:00","PROGRAM":"dnsmasq","MESSAGE":"{}","HOST":"gw"}}',
        '{{"ISODATE":"2026-11-01T08:00:00+00:00","PROGRAM":"1","MESSAGE":"2026-10-06T10:00:00Z gw dnsmasq 7 - - {}"}}',
        '{{"msg":" {}","rawmsg":"…","timereported":"2026-10-06T10:00:00+00:00","hostname":"gw","programname":"dnsmasq"}}',
    ],
)
def test_what_rsyslog_and_syslog_ng_make_of_a_message(line: str) -> None:
    """Checked with rsyslog 8.2504 and syslog-ng 4.8: messages of RFC 5424 in their files, and their JSON."""
    (row,) = rows(line.format(_QUERY) + "\n").iter_rows(named=True)
    assert (row["log_format"], row["client"], row["host"]) == ("dnsmasq", "10.1.2.3", "claude.ai")
    assert (row["reason"], row["seen_at"]) == (None, datetime(2026, 10, 6, 10, tzinfo=UTC))


@pytest.mark.parametrize("stamp", ["2026-10-06T10:00:00+00:00", "Oct  6 10:00:00"])
@pytest.mark.parametrize("text", [f"kernel {_ACCEPT}", f"suricata {_TLS}"])
def test_a_program_without_a_process_or_a_colon(stamp: str, text: str) -> None:
    (row,) = rows(f"{stamp} gw {text}\n").iter_rows(named=True)
    assert (row["client"], row["server"], row["reason"]) == ("10.1.2.3", "192.0.2.7", None)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)


def test_a_line_in_an_envelope_that_is_not_known_never_has_the_time_of_the_file() -> None:
    event = "%ASA-4-106023: Deny tcp src inside:10.1.2.3/50000 dst outside:192.0.2.7/443 by access-group a"
    (known,) = rows(json.dumps({"topic": "fw", "value": f"Oct  6 10:00:00 fw1 {event}"})).rows(named=True)
    assert known["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    (unknown,) = rows(json.dumps({"topic": "fw", "what": f"Oct  6 10:00:00 fw1 {event}"})).rows(named=True)
    assert (unknown["seen_at"], unknown["reason"]) == (None, "no time that can be read")
