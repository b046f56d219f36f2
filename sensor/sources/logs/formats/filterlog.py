r"""pfSense and OPNsense packet filter log (`filterlog`): commas, one record per packet that a rule logs.

    rule,sub,anchor,tracker,interface,reason,action,direction,4,tos,ecn,ttl,id,offset,flags,protoid,proto,
      length,src,dst,sport,dport,datalength,tcpflags,…
    rule,sub,anchor,tracker,interface,reason,action,direction,6,class,flow,hops,proto,protoid,length,src,dst,
      sport,dport,datalength,tcpflags,…

Pass rules keep state, so a passed packet is the first of its connection; a blocked one without SYN came after
the state had expired. The length is that packet's and no volume. Source: Netgate, "Raw Filter Log Format";
OPNsense, filterlog.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, layouts
from sensor.sources.logs.text.reasons import NO_PORTS, STRAY, TRANSLATION
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_HEAD = ["", "", "", "", "", "", "action", "", ""]
_FOUR = [*_HEAD, *[""] * 7, "proto", "", "client", "server", "client_port", "port", "", "flags"]
_SIX = [*_HEAD, *[""] * 3, "proto", *[""] * 2, "client", "server", "client_port", "port", "", "flags"]
_START = r"^(?:\S+ )?(?:filterlog(?:\[\d+\])?: )?"
_RECORD = r"[^,]*,[^,]*,[^,]*,[^,]*,[^,]*,[a-z-]+,(?:[a-z-]+|unkn\([^,]*\)),(?:in|out),"


class FilterlogFormat(LogFormat):
    """Reads pfSense and OPNsense filter logs."""

    name = "filterlog"
    help = "pfSense 2.2 to 2.8 and OPNsense packet filter log (filterlog), syslog or file"
    vantage = "firewall"
    proof = ("action",)
    advice = (
        "The filter log has neither hosts nor volumes: add Unbound, Squid or NetFlow (softflowd) of the "
        "same firewall."
    )
    marks = (",in,4,", ",in,6,", ",out,4,", ",out,6,")
    claims = pl.col("line").str.contains(_START + _RECORD + "[46],")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per logged packet (kind flow); those of one 5-tuple are one session."""
        bare = lines.with_columns(pl.col("line").str.replace(_START, ""))
        return layouts.read(
            bare,
            [
                (f"^{_RECORD}4,", lambda part: _rows(commas.read(part["line"], _FOUR), part)),
                (pl.lit(True), lambda part: _rows(commas.read(part["line"], _SIX), part)),
            ],
        )


def _rows(read: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    proto = pl.col("proto").str.to_lowercase()
    blocked = pl.col("action").is_in(["block", "reject", "drop"])
    session = pl.concat_str(
        lines["sender"].fill_null(""), "client", "client_port", "server", "port", separator="|"
    )
    return read.select(
        kind=pl.lit("flow"),
        client="client",
        client_port="client_port",
        server="server",
        server_port="port",
        transport=proto,
        # `unkn(…)` is what filterlog prints of an action it has no word for, as of rules that only match.
        action=one_of(
            {"blocked": blocked},
            otherwise=pl.when(~pl.col("action").str.starts_with("unkn(")).then("action"),
        ),
        session=pl.when(~blocked).then(session),
        phase=pl.lit("begin"),
        reason=one_of(
            {
                NO_PORTS: ~has_ports(proto),
                STRAY: blocked & (proto == "tcp") & ~pl.col("flags").str.contains("S", literal=True),
                TRANSLATION: pl.col("action").is_in(["rdr", "nat", "binat", "nordr", "nonat"]),
            }
        ),
    )
