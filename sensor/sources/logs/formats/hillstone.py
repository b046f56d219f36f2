r"""Hillstone Networks StoneOS: session logs, with or without NAT.

    Traffic@FLOW: SESSION: 10.1.2.3:40000->192.0.2.7:443(TCP), application HTTPS, interface ethernet0/1, vr
    trust-vr,
    policy 3, user jdoe@local, host pc7, send packets 7,send bytes 900,receive packets 5,receive bytes 70,
    start time 2026-10-06 10:00:00,close time 2026-10-06 10:00:05,session end,TCP FIN

    HillstoneNetworks#Traffic@FLOW: SESSION: 10.1.2.3:40000(ethernet0/1)->192.0.2.7:443(ethernet0/0),
    Protocol TCP, vr trust-vr, policy 3, user -@-, host -, mac 0000.0000.0000, …, session start
    Traffic@FLOW: NAT: 10.1.2.3:40000->192.0.2.7:443(TCP), snat to 203.0.113.1:40000, …, rule 3

`session start` opens what `session end` ends, `policy deny` was blocked. `send` is what the client sent. NAT
repeats what a session tells. Times are local.
Source: Hillstone Networks, StoneOS Log Messages Reference Guide, "Traffic Log"; StoneOS manual, "Logging".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.reasons import NO_PORTS, TRANSLATION
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

_SESSION = (
    r"\b(?:SESSION|NAT): (?P<client>[0-9.]+|[0-9a-fA-F:]+):(?P<client_port>\d+)(?:\([^)]*\))?->"
    r"(?P<server>[0-9.]+|[0-9a-fA-F:]+):(?P<port>\d+)\((?:(?P<proto>\w+)\)|[^)]*\), Protocol (?P<named>\w+))"
)
_AFTER = {
    "user": r", ?user ([^,]+?)(?:,| host )", "device": r"[, ] ?host ([^, ]+)", "up": r"\bsend bytes (\d+)",
    "down": r"\breceive bytes (\d+)",
    "begun": r"\bstart time (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)",
    "ended": r"\bclose time (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)",
}  # fmt: skip


class HillstoneFormat(LogFormat):
    """Reads session logs of Hillstone firewalls."""

    name = "hillstone"
    help = "Hillstone StoneOS: session logs (syslog)"
    vantage = "firewall"
    is_on_site = True
    proof = ("user", "device", "bytes_up", "bytes_down", "action")
    advice = "Log sessions at their end (volumes); only the URL log names hosts."
    marks = ("session: ", "@flow: nat: ")
    claims = pl.col("line").str.contains(
        r"(?:\bSESSION|@FLOW: NAT): [0-9a-fA-F.:]+:\d+(?:\([^)]*\))?->[0-9a-fA-F.:]+:\d+\("
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        line = lines["line"]
        read = patterns.read(line, _SESSION).with_columns(
            pl.coalesce("proto", "named").alias("proto"),
            *(line.str.extract(pattern).alias(name) for name, pattern in _AFTER.items()),
        )
        ended = pl.lit(line.str.contains(r"\bsession end\b"))
        denied = pl.lit(line.str.contains(r"(?i-u)\b(?:policy )?deny|\bdenied\b"))
        translated = pl.lit(line.str.contains(r"@FLOW: NAT: "))
        nobody = pl.col("user").str.contains(r"^-(?:@.*)?$")
        session = pl.concat_str("client", "client_port", "server", "port", "proto", separator="|")
        return read.select(
            "client",
            "client_port",
            "server",
            time=pl.when(ended).then("begun"),
            ended=pl.when(ended).then("ended"),
            kind=pl.lit("flow"),
            user_name=pl.when(~nobody).then("user"),
            device=pl.when(pl.col("device") != "-").then("device"),
            server_port="port",
            transport="proto",
            bytes_up=pl.when(ended).then("up"),
            bytes_down=pl.when(ended).then("down"),
            action=one_of({"blocked": denied}, otherwise="allowed"),
            session=pl.when(~denied).then(session),
            phase=one_of({"end": ended}, otherwise="begin"),
            reason=one_of({TRANSLATION: translated, NO_PORTS: ~has_ports(pl.col("proto"))}),
        )
