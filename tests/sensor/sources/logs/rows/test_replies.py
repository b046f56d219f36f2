"""Packets of a server, which a filter took for the beginning of a connection."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from sensor.sources.logs.rows import replies
from sensor.sources.logs.text.reasons import NO_PORTS, STRAY
from tests.sensor.sources.logs.formats.reading import rows

COLUMNS = {
    "kind": pl.String(), "action": pl.String(), "host": pl.String(), "client": pl.String(), "client_port": pl.Int64(),
    "server": pl.String(), "server_port": pl.Int64(), "client_mac": pl.String(), "user_name": pl.String(),
    "device": pl.String(), "bytes_up": pl.Int64(), "bytes_down": pl.Int64(), "packets_up": pl.Int64(),
    "packets_down": pl.Int64(), "one_way": pl.Boolean(), "reason": pl.String(),
}  # fmt: skip
#: A server's packet to a client.
REPLY = {
    "kind": "flow", "action": "allowed", "client": "192.0.2.7", "client_port": 443, "server": "10.1.2.3",
    "server_port": 50000, "client_mac": "02:00:00:00:00:07", "bytes_up": 9000, "bytes_down": 70,
}  # fmt: skip


def turned(*, by_device: bool = False, **fields: Any) -> dict[str, Any]:
    frame = pl.DataFrame([dict.fromkeys(COLUMNS) | REPLY | fields], schema=COLUMNS)
    (row,) = replies.turned(frame, by_device=by_device).iter_rows(named=True)
    return row


def test_a_reply_that_passed_is_told_from_the_end_of_the_client() -> None:
    row = turned()
    assert (row["client"], row["client_port"], row["server"], row["server_port"]) == (
        "10.1.2.3", 50000, "192.0.2.7", 443,
    )  # fmt: skip
    assert (row["bytes_up"], row["bytes_down"], row["client_mac"], row["reason"]) == (70, 9000, None, None)


def test_a_reply_that_was_refused_says_nothing_of_the_use() -> None:
    row = turned(action="blocked")
    assert (row["client"], row["reason"]) == ("192.0.2.7", STRAY)
    assert turned(action="blocked", reason=NO_PORTS)["reason"] == NO_PORTS
    assert turned(action="blocked", one_way=True)["reason"] == STRAY


def test_a_device_knows_who_opened_what_it_let_through() -> None:
    assert turned(by_device=True)["client"] == "192.0.2.7"
    assert turned(by_device=True, action="blocked")["reason"] == STRAY


@pytest.mark.parametrize(
    "fields",
    [
        {"client_port": 50000, "server_port": 443},
        # NFS sends from a low port.
        {"client_port": 877, "server_port": 2049},
        {"client_port": 53, "server_port": 53},
        {"host": "chat.example.com"},
        {"kind": "http"},
        {"client_port": None},
        {"server_port": None},
        {"one_way": True},
    ],
)
def test_other_records_stay_as_they_are(fields: dict[str, Any]) -> None:
    assert turned(**fields)["client"] == "192.0.2.7"


@pytest.mark.parametrize(
    "line",
    [
        "Oct  6 10:00:00 gw kernel: [UFW BLOCK] IN=eth0 OUT= MAC= SRC=192.0.2.7 DST=10.1.2.3 LEN=40 PROTO=TCP SPT=443 "
        "DPT=50000 RST",
        "<164>Oct  6 2026 10:00:00: %ASA-4-106023: Deny tcp src outside:192.0.2.7/443 dst inside:10.1.2.3/50000 by "
        'access-group "in" [0x0, 0x0]',
        "Oct  6 10:00:00 r1 42: Oct  6 10:00:00.1: %SEC-6-IPACCESSLOGP: list in denied tcp 192.0.2.7(443) -> "
        "10.1.2.3(50000), 1 packet",
        # The client's own, after the filter has forgotten its connection.
        "Oct  6 10:00:00 gw kernel: [UFW BLOCK] IN= OUT=eth0 SRC=10.1.2.3 DST=192.0.2.7 LEN=52 PROTO=TCP SPT=50000 "
        "DPT=443 WINDOW=501 RES=0x00 ACK FIN URGP=0",
        "Oct  6 10:00:00 rb1 firewall,info drop forward: in:lan out:wan, proto TCP (ACK,FIN), "
        "10.1.2.3:50000->192.0.2.7:443, len 52",
        "Oct  6 10:00:00 r1 42: Oct  6 10:00:00.1: %FW-6-DROP_PKT: Dropping tcp pkt 10.1.2.3:50000 => 192.0.2.7:443 due "
        "to Invalid Flags with ip ident 1 tcp flag 0x11, seq 1, ack 0",
        "2026-10-06 10:00:00 DROP TCP 10.1.2.3 192.0.2.7 50000 443 40 FA 1 2 64240 - - - SEND",
    ],
)
def test_late_packets_that_firewalls_log_are_set_aside(line: str) -> None:
    assert rows(line + "\n")["reason"].to_list() == [STRAY]


@pytest.mark.parametrize(
    "line",
    [
        "Oct  6 10:00:00 gw kernel: [UFW BLOCK] IN= OUT=eth0 SRC=10.1.2.3 DST=192.0.2.7 LEN=52 PROTO=TCP SPT=50000 "
        "DPT=443 WINDOW=501 RES=0x00 SYN URGP=0",
        "Oct  6 10:00:00 rb1 firewall,info drop forward: in:lan out:wan, proto TCP (SYN), "
        "10.1.2.3:50000->192.0.2.7:443, len 52",
        "Oct  6 10:00:00 r1 42: Oct  6 10:00:00.1: %FW-6-DROP_PKT: Dropping tcp pkt 10.1.2.3:50000 => 192.0.2.7:443 due "
        "to Policy drop with ip ident 1 tcp flag 0x2, seq 1, ack 0",
        "2026-10-06 10:00:00 DROP TCP 10.1.2.3 192.0.2.7 50000 443 52 S 1 0 64240 - - - SEND",
    ],
)
def test_a_refused_syn_is_a_refused_use(line: str) -> None:
    assert rows(line + "\n").select("action", "reason").rows() == [("blocked", None)]


def test_a_packet_to_a_service_is_use() -> None:
    line = "Oct  6 10:00:00 r1 42: Oct  6 10:00:00.1: %SEC-6-IPACCESSLOGP: list in denied tcp 10.1.2.3(50000) -> "
    (row,) = rows(line + "192.0.2.7(443), 1 packet\n").iter_rows(named=True)
    assert (row["client"], row["server"], row["action"], row["reason"]) == (
        "10.1.2.3",
        "192.0.2.7",
        "blocked",
        None,
    )
