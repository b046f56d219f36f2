"""What tools put before the lines of a log: found by the beginning of the file, and removed."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sources.logs.known_formats import look_at, shares
from sensor.sources.logs.lines import prefixes
from sensor.sources.logs.lines.prefixes import PREFIXES
from sensor.sources.logs.text import stamps
from tests.sensor.sources.logs.formats.reading import rows

#: of a query log of BIND (no stamp, so that the prefix's counts), of Squid, of a firewall behind its own head
BIND = "client @0x7f01 10.1.2.3#5353 (claude.ai): query: claude.ai IN A +E(0)K (10.0.0.53)"
SQUID = (
    "1791280800.123      0 10.1.2.3 TCP_TUNNEL/200 5678 CONNECT claude.ai:443 jane HIER_DIRECT/192.0.2.7 -"
)
NAMED = "Oct  6 10:00:00 ns1 named[812]: client @0x7f01 10.1.2.3#5353 (claude.ai): query: claude.ai IN A +E(0)K (10.0.0.53)"
AT = datetime(2026, 10, 6, 10, tzinfo=UTC)

HEADS = {
    "docker compose logs": "squid-1  | ",
    "docker compose logs --timestamps": "squid-1  | 2026-10-06T10:00:00.123456789Z ",
    "docker service logs": "squid.1.x7f@node2    | ",
    "kubectl logs --prefix": "[pod/squid-7d9f/squid] ",
    "kubectl logs --timestamps": "2026-10-06T10:00:00.123456789Z ",
    "aws logs tail": "2026-10-06T10:00:00.123000+00:00 squid/i-0a1 ",
    "logcli": '2026-10-06T10:00:00Z {job="squid", host="gw"} ',
    "journalctl -o short-full": "Tue 2026-10-06 12:00:00 CEST gw squid[12]: ",
    "journalctl -o short-unix": "1791280800.123456 gw squid[12]: ",
    "a template of rsyslog": "2026-10-06 10:00:00 gw (squid-1)[12]: ",
    "Kafka": "CreateTime:1791280800123\t",
    "Kafka, with where it stood": "CreateTime:1791280800123\tPartition:0\tOffset:7\t",
    "Kafka, with a key": "CreateTime:1791280800123\tgw-1.example.com\t",
    "Kafka, with the key alone": "null\t",
    "Papertrail": "7711561783320576\t2026-10-06T10:00:00Z\t2026-10-06T10:00:01Z\t311\tgw\t10.9.9.9\tUser\tInfo\tsquid\t",
    "LogRhythm": "10 06 2026 10:00:00 10.9.9.9 <LOC4:INFO> ",
    "dmesg -T": "[Tue Oct  6 10:00:00 2026] ",
    "pm2": "2026-10-06 12:00:00 +02:00: ",
    "svlogd": "2026-10-06_10:00:00.12345 ",
    "grep": "/var/log/squid/access.log:",
    "grep -n of several files": "access.log.1:12:",
    "grep -n": "12:",
    "cat -n": "    12\t",
    "indented": "    ",
}
DATED = {name: head for name, head in HEADS.items() if re.search(r"10:00:00|12:00:00|1791280800", head)}


def read(text: str) -> tuple[str, ...]:
    (row,) = rows(text + "\n").iter_rows(named=True)
    assert row["reason"] is None
    return row["log_format"], row["client"], row["host"], row["seen_at"].replace(microsecond=0)


@pytest.fixture(scope="module")
def looked_at() -> None:
    """All at once, as files are before they are read: one after the other takes five times as long."""
    lines = (SQUID, NAMED, *CLAIMED_ANYWHERE)
    look_at(f"{head}{line}\n".encode() for head in HEADS.values() for line in lines)


@pytest.mark.usefixtures("looked_at")
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_line_is_read_behind_it(head: str) -> None:
    assert read(head + SQUID) == ("squid", "10.1.2.3", "claude.ai", AT)
    assert read(head + NAMED) == ("bind", "10.1.2.3", "claude.ai", AT)


@pytest.mark.parametrize("head", DATED.values(), ids=DATED)
def test_its_time_can_be_read(head: str) -> None:
    lines = pl.DataFrame({"line": [head + "text of the line"]})
    found = pl.concat(prefixes.removed(lines, prefix) for prefix in PREFIXES)
    (stamp,) = found.filter(pl.col("line") == "text of the line")["stamp"]
    assert stamps.read(pl.Series([stamp]))[0].replace(microsecond=0) == AT


#: Of formats that know their lines by what stands in the middle.
CLAIMED_ANYWHERE = (
    '{"msg":"CANONICAL-PROXY-CN-CLOSE","time":"2026-10-06T10:00:00Z","start_time":"2026-10-06T10:00:00Z","inbound_remote_addr":"10.1.2.3:5000",'
    '"requested_host":"claude.ai:443","bytes_in":10,"bytes_out":20,"role":"x"}',
    'date=2026-10-06 time=10:00:00 devname="fw" devid="FGT60F0000000001" tz="+0000" logid="0000000013" type="traffic" '
    'subtype="forward" srcip=10.1.2.3 dstip=192.0.2.7 dstport=443 hostname="claude.ai" action="close" sentbyte=1 rcvdbyte=1',
    "oct/06/2026 10:00:00 web-proxy,account proxylog: 10.1.2.3 GET http://claude.ai/a  action=allow cache=MISS",
)


@pytest.mark.usefixtures("looked_at")
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("line", CLAIMED_ANYWHERE, ids=["smokescreen", "fortigate", "mikrotik"])
def test_a_line_that_is_claimed_with_it_is_read_without_it(line: str, head: str) -> None:
    assert read(head + line)[1:] == ("10.1.2.3", "claude.ai", AT)


def test_a_cell_of_a_spreadsheet() -> None:
    assert read(f'"{SQUID}"') == ("squid", "10.1.2.3", "claude.ai", AT)
    quoted = '"10.1.2.3 - - [06/Oct/2026:10:00:00 +0000] ""CONNECT claude.ai:443 HTTP/1.1"" 200 10"'
    assert read(quoted) == ("weblog", "10.1.2.3", "claude.ai", AT)


def test_a_record_of_fluent_bit() -> None:
    record = {"log": BIND}
    assert read(f"app.named: [1791280800.123456789, {json.dumps(record)}]") == (
        "bind",
        "10.1.2.3",
        "claude.ai",
        AT,
    )


def test_a_piece_of_an_array() -> None:
    event = '{"timestamp":"2026-10-06T10:00:00Z","flow_id":1,"event_type":"tls","src_ip":"10.1.2.3","tls":{"sni":"claude.ai"}}'
    assert read(event + ",") == ("suricata", "10.1.2.3", "claude.ai", AT)


def test_lines_without_it_are_read_as_they_are() -> None:
    text = f"squid-1  | {SQUID}\nsquid-1  | {SQUID}\n{SQUID}\n"
    assert rows(text)["client"].to_list() == ["10.1.2.3"] * 3


def test_logs_of_several_programs_together() -> None:
    """Of a project with many containers few lines may be of any use."""
    others = [f"web-1    | GET /page/{n} took {n} ms" for n in range(10)]
    text = "\n".join([*others, f"squid-1  | {SQUID}", *others])
    assert rows(text + "\n")["client"].to_list() == ["10.1.2.3"]


def test_a_format_is_not_searched_for_it() -> None:
    """Each of these begins like one."""
    for line in (
        "2026-10-06T10:00:00.123Z host1 dnsmasq[7]: query[A] claude.ai from 10.1.2.3",
        '"2026-10-06 10:00:00","jane@acme.example","jane@acme.example,HQ","10.1.2.3","203.0.113.1","Allowed","1 (A)","NOERROR","claude.ai.","AI"',
    ):
        found = rows(line + "\n")
        assert found["reason"].to_list() == [None]
        assert found["seen_at"][0].replace(microsecond=0) == AT
    assert shares(b"12:unknown text\n13:more of it\n") == {}


@settings(deadline=None)
@given(
    st.lists(st.text(alphabet="ab1 :|[]\t\"'{}/.TZ-+20", max_size=60), min_size=1, max_size=8),
    st.sampled_from(PREFIXES),
)
def test_any_lines_stay_one_to_one(lines: list[str], prefix: str) -> None:
    found = prefixes.removed(pl.DataFrame({"line": lines}), prefix)
    assert found.height == len(lines)
    for before, after in zip(lines, found["line"], strict=True):
        assert after == before or after in before.replace('""', '"')
