"""Lines of many formats in one log: each goes to the format that claims it."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.bind import BindFormat
from sensor.sources.logs.formats.dnsmasq import DnsmasqFormat
from sensor.sources.logs.formats.squid import SquidFormat
from sensor.sources.logs.sorting import Sorter

SQUID = "1795000000.100 90 10.1.2.3 TCP_TUNNEL/200 900 CONNECT claude.ai:443 - HIER_DIRECT/192.0.2.7 -"
DNSMASQ = "Nov 23 10:00:00 dnsmasq[7]: query[A] claude.ai from 10.1.2.3"


def test_a_line_among_many_of_another_format_is_found() -> None:
    """Marks are searched for in the first lines, and then in those that have one that these lack."""
    lines = [SQUID] * 500
    lines[450] = DNSMASQ.replace("dnsmasq", "DNSMASQ")
    frame = pl.DataFrame({"line": lines}).with_columns(
        offset=pl.int_range(pl.len(), dtype=pl.Int64), bytes=pl.lit(100, dtype=pl.Int64)
    )
    parts = Sorter([BindFormat, SquidFormat, DnsmasqFormat]).split(frame)
    assert {name: part.height for name, (_, part) in parts.items()} == {"squid": 499, "dnsmasq": 1}
    assert parts["dnsmasq"][1]["offset"].to_list() == [450]
