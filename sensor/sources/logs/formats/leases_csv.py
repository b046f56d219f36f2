"""A plain CSV of leases: who held which address when, as any script or spreadsheet can write it.

    address,user_name,device,mac,valid_from,valid_to
    10.1.2.3,CORP\\ada,ADA-PC,02:00:5e:00:00:07,2026-10-06 08:00,2026-10-06 18:00

The header decides: `address` and `valid_from` must be there, in any order, with commas, semicolons or tabs;
a row names an account, a device or a hardware address; other columns are ignored. `valid_to` empty or
absent: the lease is open. Stamps of every kind, local where they carry no offset.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, stamps
from sensor.sources.logs.text.words import one_of

_FIELDS = ["address", "user_name", "device", "mac", "valid_from", "valid_to", "origin"]
#: Columns of a header before, between and after the two that must be there.
_BEFORE, _BETWEEN, _AFTER = r'(?:[\w" ]+[,;\t])*', r'[,;\t](?:[\w" ]+[,;\t])*', r'(?:[,;\t][\w" ]*)*\s*'
NO_HOLDER = "names neither account nor device nor hardware address"
NO_END = "an end (valid_to) that cannot be read or lies before the beginning"


class LeasesCsvFormat(LogFormat):
    """Reads a CSV of leases."""

    name = "leases-csv"
    help = "CSV of leases with a header: address,user_name,device,mac,valid_from,valid_to"
    vantage = "identity"
    proof = ("user", "device")
    header = (
        rf'(?i)^\ufeff?{_BEFORE}"?'
        rf'(?:address"?{_BETWEEN}"?valid_from|valid_from"?{_BETWEEN}"?address)"?{_AFTER}$'
    )
    marks = ("valid_from",)
    claims = pl.lit(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lease."""
        read = _read(lines)
        # Together, because the days of one may tell the order of both.
        both = stamps.read(pl.concat([read["valid_from"], read["valid_to"]]), self.zone, self.reference)
        begin, end = both.head(read.height), both.tail(read.height)
        nobody = pl.all_horizontal(_empty(name) for name in ("user_name", "device", "mac"))
        return read.select(
            at=begin,
            lease_to=end,
            kind=pl.lit("lease"),
            client="address",
            user_name="user_name",
            device="device",
            client_mac="mac",
            origin=pl.coalesce(pl.when(~_empty("origin")).then("origin"), pl.lit("csv")),
            reason=one_of(
                {
                    NO_HOLDER: nobody,
                    # Left open, a lease of long ago would hold for ever.
                    NO_END: ~_empty("valid_to") & ~(pl.lit(end) > pl.lit(begin)).fill_null(False),
                }
            ),
        )


def _read(lines: pl.DataFrame) -> pl.DataFrame:
    """The fields of each line by its header, whose first separator is the file's."""
    separator = lines["header"].str.extract(r"([,;\t])").fill_null(",")
    numbered = lines.with_columns(separator=separator).with_row_index("at")
    parts = [
        part.select("at").hstack(commas.read_headed(part.select("line", "header"), _FIELDS, separator=mark))
        for (mark,), part in numbered.group_by("separator", maintain_order=True)
    ]
    return pl.concat(parts).sort("at").drop("at")


def _empty(name: str) -> pl.Expr:
    return (pl.col(name).str.strip_chars() == "").fill_null(True)
