"""FortiGate and FortiProxy: key=value, commas, CEF; sessions counted once."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from sensor.sources.logs.formats.fortigate import FortigateFormat
from sensor.sources.logs.rows import finish
from sensor.sources.logs.rows.sessions import Sessions
from sensor.sources.logs.text.reasons import ANSWERED
from tests.sensor.sources.logs.formats.reading import read

_BLOCKED = "`utmaction=block`: a security profile refused what the policy let through"
_DELTA = "an interim record's own bytes (`sentdelta`), not the session's so far"
ARGUED = (
    ("elastic-fortinet_fortigate-log-fortinet.log", 25, "up", _DELTA),
    ("elastic-fortinet_fortigate-log-fortinet.log", 25, "down", _DELTA),
    ("elastic-fortinet_fortigate-log-fortinet.log", 29, "action", _BLOCKED),
    ("sekoia-fortigate.jsonl", 8, "action", _BLOCKED),
    ("sekoia-fortigate.jsonl", 32, "up", _DELTA),
    ("sekoia-fortigate.jsonl", 32, "down", _DELTA),
    ("sekoia-fortigate.jsonl", 33, "up", _DELTA),
    ("sekoia-fortigate.jsonl", 33, "down", _DELTA),
    ("sekoia-fortiproxy.jsonl", 7, "up", _DELTA),
    ("sekoia-fortiproxy.jsonl", 7, "down", _DELTA),
)

HEAD = 'date=2026-10-06 time=10:00:30 devname="fw" devid="FG100E0000000001" eventtime=1791280830123456789 tz="+0200"'
ENDS = 'srcip=10.1.2.3 srcport=50000 dstip=203.0.113.9 dstport=443 sessionid=77 proto=6 user="CORP\\\\jane"'
WEB = f'<188>{HEAD} logid="0317013312" type="utm" subtype="webfilter" eventtype="ftgd_allow" {ENDS} hostname="claude.ai" url="/chat?x=1" action="passthrough" sentbyte=600 rcvdbyte=0 agent="curl/8"'
INTERIM = f'<188>{HEAD} logid="0000000020" type="traffic" subtype="forward" {ENDS} action="accept" duration=120 sentbyte=5000 rcvdbyte=900 sentdelta=5000 rcvddelta=900'
CLOSE = f'<188>{HEAD} logid="0000000013" type="traffic" subtype="forward" {ENDS} srcname="lap7" srcmac="00-11-22-33-44-55" action="client-rst" duration=300 sentbyte=9000 rcvdbyte=1900 sentdelta=4000 rcvddelta=1000'


def test_web_filter_interim_and_close_are_one_session() -> None:
    rows = Sessions().take(read(FortigateFormat, "\n".join([WEB, INTERIM, CLOSE])))
    assert rows["host"].to_list() == ["claude.ai"] * 3
    assert rows["bytes_up"].to_list() == [600, 4400, 4000]
    assert (rows["bytes_up"].sum(), rows["bytes_down"].sum()) == (9000, 1900)
    assert rows["slice"].to_list() == [0, 1, 2]
    assert rows["action"].to_list() == ["allowed"] * 3
    assert rows["user_name"].unique().to_list() == ["CORP\\jane"]
    assert (rows["device"][2], rows["client_mac"][2]) == ("lap7", "00:11:22:33:44:55")


def test_requests_of_a_session_whose_own_lengths_are_told_add_up() -> None:
    first, second = (
        f'{HEAD} logid="0010000099" type="traffic" subtype="http-transaction" {ENDS} hostname="claude.ai" '
        f'url="https://claude.ai/a" httpmethod="POST" reqlength={up} resplength={down}'
        for up, down in ((9000, 700), (8000, 600))
    )
    rows = Sessions().take(read(FortigateFormat, f"{first}\n{second}"))
    assert rows.select("bytes_up", "bytes_down").rows() == [(9000, 700), (8000, 600)]


def test_event_time_counts_and_a_session_begins_before_its_record() -> None:
    rows = read(FortigateFormat, "\n".join([WEB, CLOSE]), zone="America/New_York")
    logged = datetime(2026, 10, 6, 10, 0, 30, 123456, UTC)
    assert rows["at"].to_list() == [logged, logged]
    assert (rows["at"][1] - rows["seen_at"][1]).total_seconds() == 300
    of_a_proxy = CLOSE.replace("FG100E", "FPXVM2").replace("duration=300", "duration=12500")
    assert read(FortigateFormat, of_a_proxy)["duration_s"].to_list() == [12.5]


def test_without_event_time_the_zone_of_the_line_counts_then_the_setting() -> None:
    bare = WEB.replace("eventtime=1791280830123456789 ", "")
    assert read(FortigateFormat, bare)["at"][0] == datetime(2026, 10, 6, 8, 0, 30, tzinfo=UTC)
    bare = bare.replace('tz="+0200"', "")
    assert read(FortigateFormat, bare, zone="Asia/Tokyo")["at"][0] == datetime(
        2026, 10, 6, 1, 0, 30, tzinfo=UTC
    )


def test_lookups_name_what_was_asked_and_the_resolver() -> None:
    line = f'<188>{HEAD} logid="1501054802" type="utm" subtype="dns" eventtype="dns-response" {ENDS} xid=9 qname="api.x.ai" qtype="A" ipaddr="198.51.100.1, 198.51.100.2" action="pass"'
    (row,) = read(FortigateFormat, line).iter_rows(named=True)
    assert (row["kind"], row["host"], row["server"], row["path"]) == ("dns", "api.x.ai", "203.0.113.9", None)
    assert row["answers"] == ["198.51.100.1", "198.51.100.2"]


@pytest.mark.parametrize("refused", ['ipaddr="198.51.100.9" action="redirect"', 'rcode=3 action="pass"'])
def test_a_question_and_its_refusal_are_one_blocked_lookup(refused: str) -> None:
    asked = f'<188>{HEAD} logid="1500054000" type="utm" subtype="dns" eventtype="dns-query" {ENDS} xid=9 qname="api.x.ai" qtype="A"'
    told = f"{asked.replace('dns-query', 'dns-response')} {refused}"
    rows = read(FortigateFormat, f"{asked}\n{told}")
    assert rows.select("action", "qtype", "reason").rows() == [
        ("blocked", "A", None),
        ("blocked", "A", ANSWERED),
    ]
    assert finish.answers(rows).is_empty(), "the page that says so is no use of the service"


def test_the_same_session_in_cef_and_with_commas() -> None:
    cef = (
        "<189>Oct  6 10:00:30 fw CEF:0|Fortinet|Fortigate|v7.4.1|00013|traffic:forward close|3|deviceExternalId=FG100E0000000001 "
        "FTNTFGTeventtime=1791280830123456789 FTNTFGTtz=+0200 FTNTFGTlogid=0000000013 cat=traffic:forward FTNTFGTsubtype=forward "
        "src=10.1.2.3 spt=50000 dst=203.0.113.9 dpt=443 externalId=77 proto=6 act=close suser=jane FTNTFGTduration=300 out=9000 in=1900"
    )
    commas = (
        CLOSE.replace(" ", ",")
        .replace("sentdelta=4000,rcvddelta=1000", "x=1")
        .replace("date=2026-10-06,time", "date=2026-10-06,time")
    )
    for line in (cef, commas):
        (row,) = read(FortigateFormat, line).iter_rows(named=True)
        assert (row["client"], row["server"], row["server_port"]) == ("10.1.2.3", "203.0.113.9", 443)
        assert (row["bytes_up"], row["bytes_down"], row["duration_s"]) == (9000, 1900, 300.0)
        assert row["seen_at"] == datetime(2026, 10, 6, 9, 55, 30, 123456, UTC)


def test_logons_become_leases_and_other_events_are_set_aside() -> None:
    logon = f'{HEAD} logid="0102043008" type="event" subtype="user" srcip=10.1.2.3 user="jane" action="FSSO-logon" status="success"'
    tunnel = f'{HEAD} logid="0101039947" type="event" subtype="vpn" remip=198.51.100.7 tunnelip=10.212.134.5 user="joe" action="tunnel-up"'
    ipsec = (
        f'{HEAD} logid="0101037138" type="event" subtype="vpn" action="tunnel-up" remip=203.0.113.9 '
        'assignip=10.212.134.6 user="203.0.113.9" xauthuser="N/A" eapuser="ada"'
    )
    other = f'{HEAD} logid="0100032001" type="event" subtype="system" user="admin" action="login" status="success"'
    rows = read(FortigateFormat, "\n".join([logon, tunnel, ipsec, other]))
    told = rows.filter(pl.col("reason").is_null())
    assert told.select("kind", "client", "user_name", "origin").rows() == [
        ("lease", "10.1.2.3", "jane", "directory"),
        ("lease", "10.212.134.5", "joe", "vpn"),
        ("lease", "10.212.134.6", "ada", "vpn"),
    ]
    assert rows["reason"].drop_nulls().len() == 1


def test_a_tunnel_that_goes_down_lets_go_of_its_address() -> None:
    line = (
        'date=2026-10-06 time=10:00:00 devid="FG200F0000000001" logid="0101039948" type="event" subtype="vpn" '
        'action="tunnel-{}" tunneltype="ssl-tunnel" tunnelip=10.212.134.200 remip=198.51.100.7 user="ada"'
    )
    rows = read(FortigateFormat, "\n".join(line.format(way) for way in ("up", "down")))
    assert rows["reason"].to_list() == [None, None]
    assert rows.select("kind", "client", "lease_s", "closes").rows() == [
        ("lease", "10.212.134.200", 36000.0, False),
        ("lease", "10.212.134.200", 0.0, True),
    ]


def test_packets_of_a_record_of_many_are_those_of_its_own_bytes() -> None:
    rows = read(FortigateFormat, f"{INTERIM} sentpkt=50 rcvdpkt=9\n{CLOSE} sentpkt=90 rcvdpkt=19")
    assert rows["packets_up"].to_list() == [50, 40]
    assert rows["packets_down"].to_list() == [9, 10]


def test_a_lease_of_no_time_has_no_end() -> None:
    ack = f'{HEAD} logid="0100026001" type="event" subtype="system" dhcp_msg="Ack" mac="02:00:00:00:00:0a" ip=10.1.2.3'
    rows = read(FortigateFormat, f"{ack} lease=0\n{ack} lease=600\n")
    assert rows.select("kind", "client", "lease_s").rows() == [
        ("lease", "10.1.2.3", None),
        ("lease", "10.1.2.3", 600.0),
    ]
