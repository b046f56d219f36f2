"""WELF, the WebTrends Enhanced Log Format, of whatever product writes it: WebMarshal, Junos UTM, others.

    id=firewall time="2026-10-06 10:00:00" fw=192.0.2.1 pri=6 proto=http src=10.1.2.3 dst=192.0.2.7
    dstname=chat.example.com arg=/x op=GET result=200 sent=400 rcvd=1426 user=ada

`sent` is what the client sent, `rcvd` what it got. Apache Traffic Server (`cache=`) means what it sent to the
client, and the length of the request's header. Topsec's `rule` is the verdict. Products with fields of
their own (SonicWall, Stormshield, Pulse) have formats of their own. Source: WELF reference as in
Juniper's "WELF for UTM features" and Trustwave's "WebMarshal WELF logs".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue
from sensor.sources.logs.text.reasons import NO_DESTINATION
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "time", "client": "src", "client_port": "srcport|src_port|sport", "device": "srcname",
    "user_name": "user|usr",
    "server": "dst", "server_port": "dstport|dst_port|dport", "host": "dstname", "path": "arg",
    "method": "op", "told": "rg", "status": "scode|result", "bytes_up": "sent", "bytes_down": "rcvd",
    "proto": "proto", "duration": "duration", "user_agent": "agent", "action": "action|cat_action",
    "rule": "rule", "cache": "cache",
}  # fmt: skip
_WEB = r"(?i)^(?:https?|ssl|tls)$|^(?:tcp/)?https?$"


class WelfFormat(LogFormat):
    """Reads WELF."""

    name = "welf"
    help = "WELF (WebTrends) of any product: WebMarshal, Junos UTM, Topsec, firewalls"
    vantage = "proxy"
    is_stateless = True
    generic = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action", "user_agent")
    marks = ('time="',)
    claims = pl.col("line").str.contains(
        r'\bid=\S+ (?:.* )?time="\d{4}-\d{1,2}-\d{1,2} \d\d:\d\d:\d\d" (?:.* )?fw=\S+ (?:.* )?pri=\d'
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record: kind proxy where it names a request, else flow."""
        read = keyvalue.read(lines["line"], _WANTED)
        number = pl.col("proto").str.extract(r"^(\d+)$")
        web = pl.col("proto").str.contains(_WEB) | pl.any_horizontal(
            pl.col(name).is_not_null() for name in ("method", "path", "host")
        )
        code = pl.col("status").str.extract(r"^([1-5]\d\d)$")
        of_cache = pl.col("cache").is_not_null()
        nowhere = pl.all_horizontal(pl.col(name).is_null() for name in ("server", "host", "told"))
        return read.select(
            *(
                "time",
                "client",
                "client_port",
                "device",
                "user_name",
                "server",
                "method",
                "user_agent",
            ),
            bytes_up=pl.when(~of_cache).then("bytes_up"),
            bytes_down=pl.when(of_cache).then("bytes_up").otherwise("bytes_down"),
            # Blocked ones say so; any other that was answered was let through.
            action=pl.coalesce(
                "action",
                pl.when(pl.col("rule").is_in(["accept", "deny", "drop", "reject"])).then("rule"),
                one_of({"allowed": code.is_not_null()}),
            ),
            kind=one_of({"proxy": web}, otherwise="flow"),
            host="host",
            # Traffic Server's have no slash.
            path=pl.when(of_cache & (pl.col("path") != "-")).then("/" + pl.col("path")).otherwise("path"),
            name_from=pl.lit("url"),
            url=pl.when(pl.col("host").is_null()).then("told"),
            server_port=pl.coalesce("server_port", number),
            status=code,
            duration_s="duration",
            transport=pl.col("proto").str.to_lowercase().str.extract(r"^(tcp|udp)\b"),
            reason=one_of({NO_DESTINATION: nowhere}),
        )
