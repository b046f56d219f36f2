"""A file that has grown is read on as if it had never been interrupted, wherever the cut lies."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from sensor import schema
from sensor.match.questions import Questions
from sensor.sources import detect
from sensor.sources.inputs.open import find
from sensor.sources.inputs.tail import Tails
from sensor.sources.interface import Input
from sensor.sources.logs.formats.dnsmasq import DnsmasqFormat
from sensor.sources.logs.formats.fortigate import FortigateFormat
from sensor.sources.logs.formats.isc_dhcpd import IscDhcpdFormat
from sensor.sources.logs.formats.squid import SquidFormat
from sensor.sources.logs.formats.vpcflow import VpcflowFormat
from sensor.sources.logs.lines.blocks import Block, blocks
from sensor.sources.logs.log_format import REPLAY_BYTES, LogFormat

_FORTI = (
    'date=2026-10-06 time=10:0{m}:00 devname="fw" devid="FG1" eventtime=17912808{m}0000000000 tz="+0000" '
    'logid="{id}" type="traffic" subtype="forward" srcip=10.1.0.7 srcport=40000 dstip=192.0.2.7 dstport=443 '
    'sessionid=77 proto=6 action="{action}" sentbyte={up} rcvdbyte={down} {more}'
)
LOGS: dict[type[LogFormat], list[str]] = {
    FortigateFormat: [
        _FORTI.format(m=0, id="0000000020", action="accept", up=100, down=1000, more='hostname="claude.ai"'),
        _FORTI.format(m=2, id="0000000020", action="accept", up=900, down=5000, more=""),
        _FORTI.format(m=4, id="0000000020", action="accept", up=950, down=9000, more=""),
        _FORTI.format(m=5, id="0000000013", action="close", up=1000, down=9999, more=""),
    ],
    VpcflowFormat: [
        "2 123456789010 eni-a 192.0.2.7 10.1.0.7 443 40000 6 9 900 1791280800 1791280860 ACCEPT OK",
        "2 123456789010 eni-b 10.1.0.7 192.0.2.7 40000 443 6 5 100 1791280800 1791280860 ACCEPT OK",
        "2 123456789010 eni-a 10.1.0.7 192.0.2.7 40000 443 6 5 100 1791280800 1791280860 ACCEPT OK",
        "2 123456789010 eni-b 10.1.0.7 192.0.2.7 40000 443 6 5 50 1791280860 1791280920 ACCEPT OK",
        "2 123456789010 eni-b 10.1.0.7 192.0.2.7 40000 443 6 5 7 1791288800 1791288860 ACCEPT OK",
    ],
    IscDhcpdFormat: [
        "Oct  6 10:00:00 gw dhcpd[7]: DHCPACK on 10.1.0.7 to 02:00:00:00:00:07 (laptop) via eth0",
        "Oct  6 10:05:00 gw dhcpd[7]: DHCPACK on 10.1.0.8 to 02:00:00:00:00:08 (phone) via eth0",
        "Oct  6 10:10:00 gw dhcpd[7]: DHCPRELEASE of 10.1.0.7 from 02:00:00:00:00:07 (laptop) via eth0 (found)",
        "Oct  6 10:11:00 gw dhcpd[7]: DHCPACK on 10.1.0.7 to 02:00:00:00:00:09 (tablet) via eth0",
    ],
    DnsmasqFormat: [
        "Oct  6 10:00:00 gw dnsmasq[9]: query[A] api.openai.com from 10.1.0.7",
        "Oct  6 10:00:00 gw dnsmasq[9]: query[AAAA] api.openai.com from 10.1.0.7",
        "Oct  6 10:00:01 gw dnsmasq[9]: query[A] api.openai.com.corp.example from 10.1.0.7",
        "Oct  6 10:00:02 gw dnsmasq[9]: query[A] api.openai.com from 127.0.0.1",
        "Oct  6 10:00:20 gw dnsmasq[9]: query[A] api.openai.com from 10.1.0.7",
    ],
}  # fmt: skip


def _input(path: Path) -> Input:
    (file,) = find([path]).files
    return detect.Input((file,), file.identity)


def _read(
    log_format: type[LogFormat], one: Input, start: int, questions: Questions
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is stored of one read: observations as the pipeline counts them, and leases."""
    seen, leases = [schema.OBSERVATIONS.empty()], [schema.LEASES.empty()]
    for batch in log_format(["10.0.0.0/8"]).read(one, start=start):
        found = schema.OBSERVATIONS.conform(batch.frames["observations"])
        counted, _ = questions.mark(found)
        if not batch.is_replay:
            seen.append(counted)
            leases.append(batch.frames["leases"])
    return pl.concat(seen), pl.concat(leases)


def _settled(leases: pl.DataFrame) -> pl.DataFrame:
    """One row a lease, as store and views take them."""
    ordered = leases.sort("closed", "valid_to", nulls_last=False, maintain_order=True)
    return ordered.unique(list(schema.LEASES.key), keep="last").sort("address", "valid_from")


@pytest.mark.parametrize("log_format", LOGS, ids=lambda log_format: log_format.name)
def test_cut_at_any_line_is_as_good_as_whole(log_format: type[LogFormat], tmp_path: Path) -> None:
    lines = [line + "\n" for line in LOGS[log_format]]
    path = tmp_path / "grows.log"
    path.write_text("".join(lines))
    whole, held = _read(log_format, _input(path), 0, Questions())
    for cut in range(1, len(lines)):
        path.write_text("".join(lines[:cut]))
        before, told = _read(log_format, _input(path), 0, Questions())
        start = path.stat().st_size
        path.write_text("".join(lines))
        after, more = _read(log_format, _input(path), start, Questions())
        assert pl.concat([before, after]).equals(whole), cut
        assert _settled(pl.concat([told, more])).equals(_settled(held)), cut


def test_what_is_read_whole_is_what_it_should_be(tmp_path: Path) -> None:
    seen = {}
    for log_format, lines in LOGS.items():
        path = tmp_path / log_format.name
        path.write_text("\n".join(lines) + "\n")
        seen[log_format] = _read(log_format, _input(path), 0, Questions())
    forti, vpc = seen[FortigateFormat][0], seen[VpcflowFormat][0]
    assert (forti["bytes_up"].sum(), forti["bytes_down"].sum()) == (1000, 9999)
    assert forti["slice"].to_list() == [0, 1, 2, 3]
    assert (vpc["bytes_up"].sum(), vpc["bytes_down"].sum(), vpc["slice"].to_list()) == (
        157,
        900,
        [0, 1, 2, 0],
    )
    leases = _settled(seen[IscDhcpdFormat][1])
    assert leases.select("device", "closed").rows() == [("laptop", True), ("tablet", None), ("phone", None)]
    assert leases["valid_to"][0] == leases["valid_from"][0].replace(minute=10)
    assert seen[DnsmasqFormat][0]["lookups"].to_list() == [1, 0, 1]


def test_replayed_lines_begin_with_a_whole_one_and_end_where_reading_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(f"line {n:04}\n" for n in range(1000)))
    start = 500 * 10
    with path.open("rb") as stream:
        found = list(blocks(stream, start=start, size=64, replay=105))
    past = [line for block in found if block.replayed for line in block.lines()["line"]]
    assert past == [f"line {n:04}" for n in range(490, 500)]
    rest = [line for block in found if not block.replayed for line in block.lines()["line"]]
    assert rest == [f"line {n:04}" for n in range(500, 1000)]
    (tail,) = Tails([str(path)]).look(0)
    tail.position = start
    assert [line for block in tail.past(105) for line in block.lines()["line"]] == past
    assert tail.position == start


def test_stamps_without_a_year_are_near_the_time_of_their_lines() -> None:
    """A log that is followed, or a socket, is read for months: what it began with is long ago."""
    line = b"Dec 24 10:00:00 gw dnsmasq[9]: query[A] api.openai.com from 10.1.0.7\n"
    reader = DnsmasqFormat().reader(reference=datetime(2026, 11, 29, tzinfo=UTC))
    reader.refer_to(now := datetime(2026, 12, 24, 10, 0, 1, tzinfo=UTC))
    (batch,) = reader.batches(Block(0, len(line), line))
    (at,) = batch.frames["observations"]["seen_at"]
    assert at == now.replace(second=0)


def test_lines_that_need_no_others_are_not_read_again() -> None:
    squid = b"1763000000.269 1043 10.0.4.30 TCP_TUNNEL/200 65437 CONNECT a.example:443 u HIER_DIRECT/192.0.2.7 -\n"
    assert SquidFormat.replayed(squid) == 0
    assert SquidFormat.replayed(squid + "\n".join(LOGS[DnsmasqFormat]).encode()) == REPLAY_BYTES
    assert DnsmasqFormat.replayed("\n".join(LOGS[DnsmasqFormat]).encode()) == REPLAY_BYTES
