"""Which lines are PAN-OS's, and which layout each of them is in."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.panos import by_position, by_titles, cef_leef, json_lines, pair_lines
from sensor.sources.logs.formats.panos.columns import COLUMNS
from sensor.sources.logs.formats.panos.meaning import told
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, layouts

_TITLED = pl.col("line").str.contains(by_position.START) & ~pl.col("header").str.contains(
    by_titles.IN_PLACE
).fill_null(True)


class PanosFormat(LogFormat):
    """Reads PAN-OS logs."""

    name = "panos"
    help = (
        "Palo Alto PAN-OS 8 to 11, Prisma Access: traffic, url, decryption, userid, globalprotect; "
        "CSV, CEF, LEEF, JSON"
    )
    vantage = "firewall"
    is_on_site = True
    counts_headers = "frame"
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "PAN-OS names hosts in URL logs and volumes in TRAFFIC logs: forward both (log at session end, a URL "
        "filtering profile with action alert instead of allow)."
    )
    marks = (
        *(f",{quote}{kind.lower()}{quote}," for kind in by_position.TYPES.split("|") for quote in ("", '"')),
        "|palo alto networks|", "serial=", '"logtype"', "receive time", "receive_time", '"time_generated"',
    )  # fmt: skip
    header = by_titles.HEADER
    claims = (
        pl.col("line").str.contains(by_position.START)
        | pl.col("line").str.contains(by_position.QUOTED_START)
        | cef.claims("Palo Alto Networks")
        | pl.col("line").str.contains(pair_lines.CLAIM)
        | json_lines.CLAIMS
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        read = layouts.read(
            lines.with_columns(by_position.unquoted(lines["line"])),
            [
                (_TITLED, by_titles.read),
                (by_position.START, by_position.read),
                (pair_lines.CLAIM, pair_lines.read),
                (json_lines.NAMED, json_lines.read_named),
                (r"^\s*\{", json_lines.read),
                (pl.lit(True), cef_leef.read),
            ],
        )
        return told(layouts.conformed(read, COLUMNS))
