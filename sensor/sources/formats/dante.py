r"""Dante (sockd), a SOCKS server: what it passed and blocked.

    info: pass(2): tcp/connect [: username%ada@10.1.2.3.40000 10.1.2.1.1080 -> 198.51.100.1.50000
    192.0.2.7.443
    info: block(1): tcp/connect [: 10.1.2.3.40000 10.1.2.1.1080 -> 192.0.2.7.443

`[` opens, `]` closes; the target may be a name. What the numbers beside a closing line count is not
documented side by side, so volumes are not read and the line is set aside. Source: Dante, "Logging",
sockd.conf(5)."""

from __future__ import annotations

import polars as pl

from sensor.sources.family import Family
from sensor.sources.text import layouts, patterns
from sensor.sources.text.reasons import CLOSED, NO_CONNECTION

_OPENED = (
    r"\b(?P<verdict>pass|block)\(\d+\): (?P<proto>tcp|udp)/\w+ \[: (?:[\w-]+%(?P<user>[^@\s]*)@)"
    r"?(?P<client>[0-9a-fA-F.:]+)\."
    r"(?P<client_port>\d+) \S+ -> (?:\S+ )?(?P<target>[0-9A-Za-z.:_-]+)\.(?P<port>\d+)\b"
)


class DanteFamily(Family):
    """Reads Dante's connections."""

    name = "dante"
    help = "Dante SOCKS server (sockd): connections passed and blocked"
    vantage = "proxy"
    proof = ("host", "user", "action")
    advice = "Use `log: connect` in client and socks rules."
    marks = ("pass(", "block(", "sockd", "danted")
    claims = pl.col("line").str.contains(r"\b(?:pass|block)\(\d+\): (?:tcp|udp)/\w+ [\[\]-]") | pl.col(
        "tag"
    ).str.contains("^(?:sockd|danted)$").fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per connection that was opened or refused."""
        return layouts.read(
            lines,
            [
                (_OPENED, _opened),
                (r"\b(?:pass|block)\(\d+\): \S+ \]", layouts.set_aside(CLOSED)),
                (pl.col("line").is_not_null(), layouts.set_aside(NO_CONNECTION)),
            ],
        )


def _opened(lines: pl.DataFrame) -> pl.DataFrame:
    found = patterns.read(lines["line"], _OPENED)
    is_address = pl.col("target").str.contains(r"^[0-9.]+$|:")
    return found.select(
        "client",
        "client_port",
        kind=pl.lit("flow"),
        user_name="user",
        host=pl.when(~is_address).then("target"),
        name_from=pl.lit("url"),
        server=pl.when(is_address).then("target"),
        server_port="port",
        transport="proto",
        action=pl.col("verdict"),
    )
