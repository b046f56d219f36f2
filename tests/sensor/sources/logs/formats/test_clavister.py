"""Events of Clavister firewalls."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.sources.logs.formats.clavister import ClavisterFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

HEAD = "<134>[2026-10-06 10:00:05] EFW: CONN: prio=1 "
ENDS = (
    "connipproto=TCP connrecvif=lan connsrcip=10.1.2.3 connsrcport=40000 conndestif=wan "
    "conndestip=192.0.2.7 conndestport=443 "
)
OPENED = HEAD + "id=00600001 rev=1 event=conn_open rule=out conn=open " + ENDS
CLOSED = (
    HEAD + "id=00600002 rev=1 event=conn_close action=close rule=out conn=close " + ENDS + "origsent=900 "
    "termsent=70 conntime=5 "
)
#: what the log server exports: in brackets by kind, volumes rounded
CONN = (
    "][conn [conn connsrcip=10.1.2.3 conndestip=192.0.2.7 newconnsrcip=203.0.113.9 newconndestip=192.0.2.7 "
    "connipproto={} connsrcport=40000 conndestport=443 newconnsrcport=38330 newconndestport=443 origsent=695   "
    "termsent=4.52 K connrecvif=lan conndestif=wan ]]"
)
ASKED = (
    'Oct  6 10:00:02 fw id=200125 event=request_url action={} [message=HTTPALG: Requesting URL "chat.example.com/p". '
    'categories="ai" url="chat.example.com/p?q=1" domain=example.com override=no ' + CONN.format("TCP")
)


def test_open_request_and_close_are_one_session() -> None:
    rows = read(ClavisterFormat, "\n".join([OPENED, ASKED.format("allow"), CLOSED]))
    assert rows["session"].to_list() == [rows["session"][0]] * 3
    assert rows["phase"].to_list() == ["begin", "name", "end"]
    assert rows["bytes_up"].to_list() == [None, None, 900]
    assert rows["bytes_down"].to_list() == [None, None, 70]
    assert rows["host"].to_list() == [None, "chat.example.com", None]
    assert rows["path"].to_list() == [None, "/p", None]
    assert rows["action"].to_list() == ["allowed"] * 3
    assert rows["seen_at"][2] == datetime(2026, 10, 6, 10, tzinfo=UTC)  # end minus five seconds


def test_exports_round_volumes() -> None:
    text = "Oct  6 10:00:02 fw id=600002 event=conn_close action=close [message=Connection closed " + CONN
    rows = read(ClavisterFormat, "\n".join([text.format("TCP"), text.format("UDP"), text.format("ICMP")]))
    assert (rows["bytes_up"][0], rows["bytes_down"][0], rows["client"][0]) == (695, 4520, "10.1.2.3")
    assert rows["transport"].to_list()[:2] == ["tcp", "udp"]
    assert rows["reason"].to_list() == [None, None, NO_PORTS]


def test_what_was_dropped_or_refused_is_blocked() -> None:
    dropped = (
        "Oct  6 10:00:02 fw id=6000051 event=ruleset_drop_packet action=drop [message=Packet dropped ][rules "
        "rule=Default ][ippacket iptotlen=52 ipproto=TCP ttl=123 srcip=10.1.2.3 destip=192.0.2.7 ][tcp srcport=57168 "
        "destport=443 seqno=1 ]"
    )
    rows = read(ClavisterFormat, "\n".join([dropped, ASKED.format("block")]))
    assert rows["action"].to_list() == ["blocked"] * 2
    assert rows["server"].to_list() == ["192.0.2.7"] * 2
    assert rows["session"].null_count() == 2


def test_who_signs_in_at_an_address_holds_it() -> None:
    line = "Oct  6 10:00:0{} fw id=370010{} event={} [message=User ][userauth username=ada authagent={} srcip=10.1.2.3 ]"
    found = [
        line.format(1, 2, "user_login", "HTTPS"),
        line.format(2, 4, "user_logout", "HTTPS"),
        line.format(3, 2, "user_login", "OneConnect"),
        "Oct  6 10:00:04 fw id=4900001 event=sesmgr_session_created action=none [message=Session user=ada ]",
    ]
    rows = read(ClavisterFormat, "\n".join(found))
    assert rows["kind"].to_list()[:2] == ["lease"] * 2
    assert rows["closes"].to_list()[:2] == [False, True]
    assert rows["user_name"].to_list()[:2] == ["ada"] * 2
    assert rows["reason"].to_list() == [None, None, NO_CONNECTION, NO_CONNECTION]
