"""PAN-OS: CSV by position, CEF of both templates, LEEF, JSON; sessions counted once."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from sensor.sources.logs.formats.panos import PanosFormat
from sensor.sources.logs.rows.sessions import Sessions
from sensor.sources.logs.text.reasons import ALERT, NO_SERVICE
from tests.sensor.sources.logs.formats.reading import read

ARGUED = (
    ("sekoia-paloalto-ngfw.jsonl", 13, "client", "`x-fwd-for`: the address behind the proxy"),
    ("sekoia-paloalto-prisma-access.jsonl", 10, "client", "`x-fwd-for`: the address behind the proxy"),
    ("sekoia-paloalto-ngfw.jsonl", 15, "used", "a SYSTEM event: an administrator's login, no traffic"),
)


def csv(kind: str, subtype: str, **at: str) -> str:
    """A CSV line with fields by 1-based position, `f8="10.1.2.3"`."""
    fields = {
        1: "1",
        2: "2026/10/06 10:00:31",
        3: "007",
        4: kind,
        5: subtype,
        6: "2561",
        7: "2026/10/06 10:00:30",
    }
    fields |= {int(name[1:]): value for name, value in at.items()}
    return ",".join(fields.get(n, "") for n in range(1, max(fields) + 1))


SESSION = {"f8": "10.1.2.3", "f9": "203.0.113.9", "f13": "corp\\jane", "f15": "ssl", "f23": "77", "f25": "50000", "f26": "443", "f30": "tcp", "f31": "allow"}  # fmt: skip
START = csv("TRAFFIC", "start", **SESSION, f32="300", f33="200", f34="100", f37="0")
URL = csv(
    "THREAT",
    "url",
    **SESSION | {"f31": "alert"},
    f32='"claude.ai/chat/abc?q=""x,y"""',
    f36="client-to-server",
    f47='"curl/8, really"',
    f64="post",
)
END = csv(
    "TRAFFIC",
    "end",
    **SESSION,
    f32="9500",
    f33="9000",
    f34="500",
    f37="60",
    f103="2026-10-06T10:00:30.250+02:00",
)


def test_start_url_and_end_are_one_session() -> None:
    rows = Sessions().take(
        read(PanosFormat, "\n".join(f"<14>Oct  6 10:00:31 PA-1 {line}" for line in (START, URL, END)))
    )
    assert rows["host"].to_list() == [None, "claude.ai", "claude.ai"]
    assert rows["path"].to_list() == [None, "/chat/abc", None]
    assert (rows["bytes_up"].sum(), rows["bytes_down"].sum()) == (9000, 500)
    assert rows["slice"].to_list() == [0, None, 2], (
        "a request is no slice, and no connection is counted twice"
    )
    assert rows["user_agent"][1] == "curl/8, really"
    assert rows["user_name"].unique().to_list() == ["corp\\jane"]


def test_the_high_resolution_time_carries_its_zone() -> None:
    rows = read(PanosFormat, "\n".join([START, END]), zone="America/New_York")
    assert rows["seen_at"].to_list() == [
        datetime(2026, 10, 6, 14, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 6, 7, 59, 30, 250000, UTC),
    ]


def test_a_session_begins_when_it_was_opened_however_late_it_aged_out() -> None:
    opened = {"f36": "2026/10/06 09:59:15", "f37": "60"}
    here = csv("TRAFFIC", "end", **SESSION, **opened)
    offset = csv("TRAFFIC", "end", **SESSION, **opened, f103="2026-10-06T10:00:30.250+02:00")
    rows = read(PanosFormat, f"{here}\n{offset}", zone="America/New_York")
    assert rows["seen_at"].to_list() == [
        datetime(2026, 10, 6, 13, 59, 15, tzinfo=UTC),
        datetime(2026, 10, 6, 7, 59, 15, tzinfo=UTC),
    ]
    assert rows["duration_s"].to_list() == [60, 60]


@pytest.mark.parametrize(("action", "ours"), [("allow", "allowed"), ("deny", "blocked"), ("reset-both", "blocked"), ("alert", "allowed"), ("block-url", "blocked")])  # fmt: skip
def test_actions(action: str, ours: str) -> None:
    line = csv("THREAT", "url", **SESSION | {"f31": action}, f32="x.ai/")
    assert read(PanosFormat, line)["action"].to_list() == [ours]


@pytest.mark.parametrize("subtype", ["drop", "deny"])
def test_a_session_dropped_by_its_subtype_is_blocked_whatever_its_action_says(subtype: str) -> None:
    (row,) = read(PanosFormat, csv("TRAFFIC", subtype, **SESSION)).rows(named=True)
    assert row["action"] == "blocked"


@pytest.mark.parametrize(
    ("ended_by", "ours"),
    [
        ("threat", "blocked"),
        ("decrypt-cert-validation", "blocked"),
        ("policy-deny", "blocked"),
        ("tcp-fin", "allowed"),
    ],
)
def test_a_session_that_a_profile_cut_off_is_blocked_though_its_rule_allowed_it(
    ended_by: str, ours: str
) -> None:
    cef = f"CEF:0|Palo Alto Networks|PAN-OS|11.1|end|TRAFFIC|3|rt=Oct 06 2026 10:00:30 GMT src=10.1.2.3 spt=50000 dst=203.0.113.9 dpt=443 proto=tcp act=allow cn1=77 reason={ended_by} PanOSDGl1=0"
    leef = f"LEEF:2.0|Palo Alto Networks|PAN-OS Syslog Integration|11.1|allow|x7C|cat=TRAFFIC|SubType=end|devTime=Oct 06 2026 10:00:30 GMT|src=10.1.2.3|dst=203.0.113.9|action=allow|srcPort=50000|dstPort=443|proto=tcp|SessionID=77|SessionEndReason={ended_by}"
    for line in (csv("TRAFFIC", "end", **SESSION, f47=ended_by), cef, leef):
        assert read(PanosFormat, line)["action"].to_list() == [ours]


def test_what_was_sent_before_a_session_was_cut_off_is_sent() -> None:
    cut = SESSION | {"f33": "60000", "f34": "9000", "f47": "threat"}
    assert read(PanosFormat, csv("TRAFFIC", "end", **cut))["action"].to_list() == ["allowed"]


def test_bytes_of_cef_follow_the_template() -> None:
    tail = "rt=Oct 06 2026 10:00:30 dtz=UTC src=10.1.2.3 spt=50000 dst=203.0.113.9 dpt=443 proto=tcp act=allow suser=jane cn1Label=SessionID cn1=77 in=111 out=222 PanOSPacketsSent=3 PanOSPacketsReceived=4"
    device = f"CEF:0|Palo Alto Networks|PAN-OS|10.2|end|TRAFFIC|3|{tail}"
    lake = f"CEF:0|Palo Alto Networks|LF|2.0|TRAFFIC|end|3|{tail}"
    assert read(PanosFormat, device).select("bytes_up", "bytes_down").rows() == [(111, 222)]
    assert read(PanosFormat, device).select("packets_up", "packets_down").rows() == [(3, 4)]
    assert read(PanosFormat, lake).select("bytes_up", "bytes_down", "phase").rows() == [(222, 111, "end")]


def test_leef_and_json() -> None:
    leef = "LEEF:1.0|Palo Alto Networks|PAN-OS Syslog Integration|10.2|allow|cat=TRAFFIC\tSubType=end\tReceiveTime=2026/10/06 10:00:30\tsrc=10.1.2.3\tdst=203.0.113.9\tsrcPort=50000\tdstPort=443\tusrName=jane\taction=allow\tproto=tcp\tSessionID=77\tsrcBytes=9000\tdstBytes=500\tsrcPackets=30\tElapsedTime=60"  # fmt: skip
    json = '{"LogType":"TRAFFIC","Subtype":"end","DeviceSN":"007","TimeGenerated":"2026-10-06T10:00:30.000000Z","SourceAddress":"10.1.2.3","DestinationAddress":"203.0.113.9","SourcePort":50000,"DestinationPort":443,"SourceUser":"jane","Action":"allow","Protocol":"tcp","SessionID":77,"BytesSent":9000,"BytesReceived":500,"SessionDuration":60}'
    for line in (leef, json):
        (row,) = read(PanosFormat, line).iter_rows(named=True)
        assert (row["client"], row["server"], row["user_name"]) == ("10.1.2.3", "203.0.113.9", "jane")
        assert (row["bytes_up"], row["bytes_down"]) == (9000, 500)
        assert row["seen_at"] == datetime(2026, 10, 6, 9, 59, 30, tzinfo=UTC)


@pytest.mark.parametrize("word", ["allow", "reset-both"])
def test_strata_loggings_leef_names_a_sessions_verdict_in_its_head(word: str) -> None:
    head = "LEEF:2.0|Palo Alto Networks|Next Generation Firewall|10.1|{}|\\t|DeviceSN=007\tcat={}\tSubType={}\t{}\t"
    ends = "src=10.1.2.3\tsrcPort=50000\tdst=203.0.113.9\tdstPort=443\tproto=tcp\tSessionID=77\tSourceDeviceHost=lap7\t"
    session = "SessionStartTime=2026-10-06T10:00:00.000000Z\tSessionDuration=20\tsrcBytes=9000\tdstBytes=500"
    at = "devTime=2026-10-06T10:00:45.000000Z"
    lines = [
        head.format(word, "traffic", "end", at) + ends + session,
        head.format("ai", "threat", "url", at) + ends + f"Action={word}\tURL=claude.ai/a\tHTTPMethod=post",
    ]
    traffic, url = read(PanosFormat, "\n".join(lines)).rows(named=True)
    verdict = "allowed" if word == "allow" else "blocked"
    assert (traffic["action"], traffic["bytes_up"], traffic["device"]) == (verdict, 9000, "lap7")
    assert traffic["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert (url["action"], url["host"], url["method"]) == (verdict, "claude.ai", "POST")


def test_decryption_names_and_user_id_leases() -> None:
    sni = csv("DECRYPTION", "0", **SESSION, f61="*.example.com", f64="chat.openai.com")
    login = csv("USERID", "login", f8="vsys1", f9="10.1.2.3", f10="corp\\jane", f14="2700")
    tunnel = csv(
        "GLOBALPROTECT",
        "0",
        f8="vsys1",
        f9="gateway-connected",
        f10="connected",
        f13="jane",
        f15="LAP7",
        f16="198.51.100.7",
        f18="10.9.0.4",
        f29="success",
    )
    rows = read(PanosFormat, "\n".join([sni, login, tunnel]))
    assert rows["host"].to_list() == ["chat.openai.com", None, None]
    leases = rows.filter(pl.col("kind") == "lease").select(
        "client", "user_name", "device", "lease_s", "origin", "reason"
    )
    assert leases.rows() == [
        ("10.1.2.3", "corp\\jane", None, 2700.0, "directory", None),
        ("10.9.0.4", "jane", "LAP7", 43_200.0, "vpn", None),
    ]


@pytest.mark.parametrize(
    "line",
    [
        csv("TRAFFIC", "end", **SESSION, f82="10.15.7", f83="lap7", f84="02:00:00:00:00:07", f85="server"),
        csv(
            "THREAT", "url", **SESSION, f32='"claude.ai/"', f86="10.15.7", f87="lap7", f88="02:00:00:00:00:07"
        ),
        csv(
            "DECRYPTION", "0", **SESSION, f64="claude.ai", f79="10.15.7", f80="lap7", f81="02:00:00:00:00:07"
        ),
    ],
)
def test_the_source_device_is_told_by_name_and_mac(line: str) -> None:
    found = read(PanosFormat, line)
    assert found.select("device", "client_mac").rows() == [("lap7", "02:00:00:00:00:07")]


def test_links_of_an_sdwan_session_are_one_field() -> None:
    links = "{LTE,tag,LTE,ethernet1/1,2026/10/06 10:00:01,10000,20000,good,cause}"
    found = read(PanosFormat, csv("TRAFFIC", "end", **SESSION, f70=links, f83="lap7"))
    assert found.select("client", "device").rows() == [("10.1.2.3", "lap7")]


def test_logouts_end_leases_and_terminal_servers_are_shared() -> None:
    logout = csv("USERID", "logout", f8="vsys1", f9="10.1.2.3", f10="corp\\jane", f14="0", f16="0")
    gone = csv("GLOBALPROTECT", "0", f9="gateway-logout", f13="pre-logon", f15="LAP7", f18="10.9.0.4")
    many = csv("USERID", "login", f9="10.1.2.9", f10="corp\\jane", f14="2700", f15="20000", f16="20199")
    never = csv("USERID", "login", f9="10.1.2.8", f10="corp\\ada", f14="0", f15="0", f16="0")
    rows = read(PanosFormat, "\n".join([logout, gone, many, never]))
    assert rows.select("reason", "client", "user_name", "lease_s", "shared").rows() == [
        (None, "10.1.2.3", "corp\\jane", 0.0, None),
        (None, "10.9.0.4", None, 0.0, None),
        (None, "10.1.2.9", "corp\\jane", 2700.0, True),
        (None, "10.1.2.8", "corp\\ada", 43_200.0, None),  # it never times out
    ]


def test_threats_of_other_kinds_are_set_aside() -> None:
    line = csv("THREAT", "vulnerability", **SESSION, f32="x.bin", f36="server-to-client")
    assert read(PanosFormat, line)["reason"].to_list() == [ALERT]


def test_the_lake_says_when_a_session_began() -> None:
    line = (
        "CEF:0|Palo Alto Networks|LF|2.0|TRAFFIC|end|3|rt=Oct 06 2026 10:00:45 dtz=UTC src=10.1.2.3 spt=50000 "
        "dst=203.0.113.9 dpt=443 proto=tcp act=allow cn1Label=SessionID cn1=77 cn3Label=SessionDuration cn3=30 "
    )
    found = read(PanosFormat, line + "PanOSSessionStartTime=Oct 06 2026 10:00:00\n" + line)
    assert [at.second for at in found["seen_at"]] == [0, 15]  # else the end less what it lasted
    assert found["duration_s"].to_list() == [30.0, 30.0]


def test_the_lake_tells_lookups_and_who_has_a_tunnel() -> None:
    """Lookups were set aside, holders had no name, and what had failed gave an address away."""
    head = "CEF:0|Palo Alto Networks|LF|2.0|{}|3|dtz=UTC start=Oct 06 2026 10:00:00 "
    asked = head.format("DNS SECURITY|file") + (
        "src=10.1.2.3 suser=jane act=deny request=chat.example.com PanOSDNSResolverIP=10.0.0.53 cn3=1"
    )
    gate = head.format("GLOBALPROTECT|globalprotect") + (
        "PanOSEventIDValue=gateway-connected PanOSPrivateIPv4=10.9.0.4 PanOSSourceUserName=jane "
    )
    rows = read(PanosFormat, f"{asked}\n{gate} PanOSEventStatus=success\n{gate} PanOSEventStatus=failure")
    assert rows.select("kind", "client", "user_name").rows() == [
        ("dns", "10.1.2.3", "jane"),
        ("lease", "10.9.0.4", "jane"),
        ("lease", "10.9.0.4", "jane"),
    ]
    assert rows.select("host", "server", "action", "duration_s").row(0) == (
        "chat.example.com", "10.0.0.53", "blocked", None,
    )  # fmt: skip
    assert rows["reason"].to_list() == [None, None, NO_SERVICE]


@pytest.mark.parametrize(
    ("titles", "line"),
    [
        (
            "Domain,Receive Time,Serial #,Type,Threat/Content Type,Source address,Destination address,Source User,Session ID,"
            "Source Port,Destination Port,IP Protocol,Action,Bytes Sent,Bytes Received,Start Time,Elapsed Time (sec)",
            "1,2026/10/06 10:00:31,007,TRAFFIC,end,10.1.2.3,203.0.113.9,corp\\jane,77,50000,443,tcp,allow,9000,500,"
            "2026/10/06 10:00:00,15",
        ),
        (
            "receive_time,serial,type,subtype,config_version,generated_time,src,dst,srcuser,sessionid,bytes_received,bytes_sent,"
            "sport,dport,proto,action,start_time,elapsed",
            "2026/10/06 10:00:31,007,TRAFFIC,end,2817,2026/10/06 10:00:30,10.1.2.3,203.0.113.9,corp\\jane,77,500,9000,"
            "50000,443,tcp,allow,2026/10/06 10:00:00,15",
        ),
    ],
)
def test_columns_that_were_left_out_or_moved_are_found_by_their_titles(titles: str, line: str) -> None:
    (row,) = read(PanosFormat, f"{titles}\n{line}\n").iter_rows(named=True)
    assert (row["client"], row["server"], row["user_name"]) == ("10.1.2.3", "203.0.113.9", "corp\\jane")
    assert (row["bytes_up"], row["bytes_down"], row["action"]) == (9000, 500, "allowed")
    assert (row["seen_at"].isoformat(), row["duration_s"]) == ("2026-10-06T10:00:00+00:00", 15)
    assert (row["session"], row["phase"]) == ("007|77|10.1.2.3|50000", "end")


def test_json_of_the_fields_own_names_is_one_session() -> None:
    record = {
        "type": "TRAFFIC", "serial": "007", "time_generated": "2026/10/06 10:00:20", "src": "10.1.2.3", "dst": "192.0.2.7",
        "srcuser": "corp\\jane", "sessionid": "77", "sport": "50000", "dport": "443", "proto": "tcp", "action": "allow",
    }  # fmt: skip
    start = record | {"subtype": "start", "bytes_sent": "100", "bytes_received": "50"}
    end = record | {"subtype": "end", "bytes_sent": "9000", "bytes_received": "500", "start": "2026/10/06 10:00:00", "elapsed": "15"}  # fmt: skip
    found = Sessions().take(read(PanosFormat, "".join(json.dumps(one) + "\n" for one in (start, end))))
    assert found["slice"].to_list() == [0, 1]
    assert (found["bytes_up"].sum(), found["bytes_down"].sum()) == (9000, 500)
    assert found["user_name"].unique().to_list() == ["corp\\jane"]
