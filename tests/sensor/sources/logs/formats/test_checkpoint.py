"""Check Point logs in the shapes its exporter writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from sensor.sources.logs.formats.checkpoint import CheckpointFormat
from sensor.sources.logs.rows.sessions import Sessions
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_CONNECTION, NO_PORTS
from tests.sensor.sources.logs.formats.reading import read

_ACCOUNT = "the account stands in brackets behind the person's name"
ARGUED = [
    ("elastic-checkpoint-firewall-r80x.log", 1, "user", _ACCOUNT),
    ("sekoia-checkpoint.jsonl", (2, 5, 10, 12), "user", _ACCOUNT),
    ("sekoia-checkpoint.jsonl", 10, "host", "the machine of the other end, no name of a service"),
]
LOG = {
    "action": "Accept", "loguid": "{0x5e,0x1,0x2,0x3}", "origin": "10.9.9.9", "originsicname": "CN=gw,O=mgmt", "sequencenum": "1",
    "time": "1791280800", "product": "URL Filtering", "src": "10.1.2.3", "s_port": "40000", "dst": "192.0.2.7", "service": "443",
    "proto": "6", "src_user_name": "Lovelace, Ada (ada)", "src_machine_name": "pc-7@corp.example",
    "resource": "https://chat.example.com/v1?k=s", "client_outbound_bytes": "900", "client_inbound_bytes": "70",
}  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "<134>1 2026-10-06T10:00:00Z gw CheckPoint 1 - ["
        + "; ".join(f'{k}:"{v}"' for k, v in LOG.items())
        + "]",
        "<134>1 2026-10-06T10:00:00Z gw CheckPoint 1 - - " + "|".join(f"{k}={v}" for k, v in LOG.items()),
        "time=1791280800|" + "|".join(f'{k}:"{v}"' for k, v in LOG.items()),
        "CEF:0|Check Point|URL Filtering|Check Point|Log|https|Unknown|act=Accept rt=1791280800000 spt=40000 dpt=443 "
        + " ".join(f"{k}={v}" for k, v in LOG.items() if k not in ("action", "time", "s_port", "service")),
        json.dumps(LOG),
    ],
)
def test_a_log_says_the_same_in_every_shape(line: str) -> None:
    row = read(CheckpointFormat, line).row(0, named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert (row["client"], row["client_port"], row["user_name"], row["device"]) == (
        "10.1.2.3",
        40000,
        "ada",
        "pc-7",
    )
    assert (row["kind"], row["host"], row["path"], row["server_port"]) == (
        "http",
        "chat.example.com",
        "/v1",
        443,
    )
    assert (row["bytes_up"], row["bytes_down"], row["action"], row["phase"]) == (900, 70, "allowed", "update")


def test_cef_in_and_out_of_zero_are_no_counts() -> None:
    line = "0|Check Point|SmartDefense|Check Point|IPS|x|Medium|act=Detect in=0 out=0 rt=1791280800000 spt=1 dpt=443 dst=192.0.2.7 proto=6 src=10.1.2.3"
    row = read(CheckpointFormat, line).row(0, named=True)
    assert (row["bytes_up"], row["bytes_down"]) == (None, None)


def test_quoted_columns() -> None:
    line = '"22" "6Oct2026" "10:00:00" "eth1" "gw" "Log" "Drop" "443" "40000" "10.1.2.3" "192.0.2.7" "tcp" "81" "rule"'
    row = read(CheckpointFormat, line).row(0, named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert (row["client"], row["server"], row["server_port"], row["action"]) == (
        "10.1.2.3",
        "192.0.2.7",
        443,
        "blocked",
    )


def test_logins_are_leases_other_events_are_set_aside() -> None:
    login = 'action:"Log In"; loguid:"{0x1}"; time:"1791280800"; product:"Identity Awareness"; src:"10.1.2.3"; user:"Ada (ada)"'
    other = 'loguid:"{0x1}"; time:"1791280800"; product:"System Monitor"; origin:"10.9.9.9"'
    icmp = 'action:"Accept"; loguid:"{0x1}"; time:"1791280800"; src:"10.1.2.3"; dst:"192.0.2.7"; proto:"1"; product:"VPN-1"'
    rows = read(
        CheckpointFormat,
        "\n".join(
            f"<134>1 2026-10-06T10:00:00Z gw CheckPoint 1 - [{pairs}]" for pairs in (login, other, icmp)
        ),
    )
    assert rows["kind"].to_list()[0] == "lease"
    assert rows["user_name"].to_list()[0] == "ada"
    assert rows["reason"].to_list() == [None, NO_CONNECTION, NO_PORTS]


def test_a_refused_login_holds_no_address_and_a_logout_gives_it_up() -> None:
    lines = (
        f"CEF:0|Check Point|Connectra|Check Point|{act}|Log|Unknown|act={act} duser=ada rt=1791280800000 "
        "loguid={0x1} origin=192.0.2.1 office_mode_ip=10.1.2.3 product=Connectra proto=6 src=192.0.2.2"
        for act in ("Log In", "Failed Log In", "Log Out")
    )
    rows = read(CheckpointFormat, "\n".join(lines))
    assert rows["reason"].to_list() == [None, FAILED_SIGN_IN, None]
    assert rows["closes"].to_list() == [False, False, True]
    assert set(rows["client"]) == {"10.1.2.3"}


def test_leef_names_the_verdict_in_its_head() -> None:
    line = (
        "LEEF:2.0|Check Point|URL Filtering|1.0|Block|cat=x\tdevTime=1791280800\tsrcPort=40000\tdstPort=443\tresource=https://a.example.com/\t"
        "src=10.1.2.3\tdst=192.0.2.7\tproto=6\tloguid={0x1}"
    )
    row = read(CheckpointFormat, line).row(0, named=True)
    assert (row["action"], row["host"]) == ("blocked", "a.example.com")


def test_a_table_of_smart_console_names_what_was_asked_for() -> None:
    table = (
        "Time,Blade,Action,Origin,Source,Source User Name,Destination,Service,Resource\n"
        "2026-10-06T10:00:00Z,URL Filtering,Accept,gw,10.1.2.3,Ada (ada),192.0.2.7,https (TCP/443),https://claude.ai/a\n"
    )
    (row,) = read(CheckpointFormat, table).rows(named=True)
    assert (row["client"], row["user_name"], row["host"], row["path"], row["server_port"]) == (
        *("10.1.2.3", "ada", "claude.ai", "/a"),
        443,
    )


def test_generic_pairs() -> None:
    line = 'Oct  6 10:00:00 gw Action="accept" UUid="{0x0}" src="10.1.2.3" dst="192.0.2.7" proto="6" service="443" s_port="5" loguid="{0x1}" origin="10.9.9.9"'
    row = read(CheckpointFormat, line).row(0, named=True)
    assert (row["client"], row["action"], row["server_port"]) == ("10.1.2.3", "allowed", 443)


def test_negotiations_of_keys_are_no_use() -> None:
    pairs = (
        'action:"Key Install"; loguid:"{0x1}"; time:"1791280800"; product:"VPN-1 & FireWall-1"; src:"203.0.113.1"; '
        'dst:"203.0.113.2"; ike:"Main Mode completion."; origin:"10.9.9.9"'
    )
    line = f"<134>1 2026-10-06T10:00:00Z gw CheckPoint 1 - [{pairs}]"
    assert read(CheckpointFormat, line)["reason"].to_list() == [NO_CONNECTION]


def test_records_without_a_connections_id_are_not_one_connection() -> None:
    line = (
        'Oct  6 10:00:00 gw CheckPoint[1]: [action:"Accept"; loguid:"{{0x0,0x0,0x0,0x0}}"; time:"179128080{0}"; '
        'origin:"10.9.9.9"; src:"10.1.2.{0}"; s_port:"40000"; dst:"192.0.2.{0}"; service:"443"; proto:"6"; '
        'sent_bytes:"{0}00"; received_bytes:"{0}0"]'
    )
    rows = Sessions().take(read(CheckpointFormat, "\n".join(map(line.format, (1, 3)))))
    assert rows.select("client", "bytes_up", "bytes_down").rows() == [
        ("10.1.2.1", 100, 10),
        ("10.1.2.3", 300, 30),
    ]


def test_the_verdict_of_a_line_that_was_cut_off() -> None:
    line = (
        '<134>1 2026-10-06T10:00:00Z gw CheckPoint 1 - [action:"Drop"; loguid:"{0x1}"; time:"1791280800"; '
        'src:"10.1.2.3"; s_port:"40000"; dst:"192.0.2.7"; service:"443"; proto:"6"; product:"VPN-1 & Fire'
    )
    (row,) = read(CheckpointFormat, line).rows(named=True)
    assert (row["client"], row["server"], row["action"]) == ("10.1.2.3", "192.0.2.7", "blocked")


@pytest.mark.parametrize(
    "table",
    [
        "num;date;time;orig;type;action;alert;i/f_name;i/f_dir;product;src;s_port;dst;service;proto;user\n"
        "0;6Oct2026;10:00:00;10.9.0.1;log;drop;;eth1;inbound;VPN-1 & FireWall-1;10.1.2.3;50000;192.0.2.7;443;tcp;ada\n",
        '"Number","Date","Time","Interface","Origin","Type","Action","Service","Source Port","Source","Destination",'
        '"Protocol","User"\n"1","6Oct2026","10:00:00","eth1","gw","Log","Drop","443","50000","10.1.2.3","192.0.2.7","tcp",'
        '"Ada (ada)"\n',
    ],
    ids=["logexport", "tracker"],
)
def test_tables_that_tell_the_day_apart(table: str) -> None:
    (row,) = read(CheckpointFormat, table).iter_rows(named=True)
    assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)
    assert (row["client"], row["client_port"], row["server"], row["server_port"], row["transport"]) == (
        "10.1.2.3", 50000, "192.0.2.7", 443, "tcp",
    )  # fmt: skip
    assert (row["user_name"], row["action"]) == ("ada", "blocked")
