r"""Microsoft NPS / IAS accounting: who has which address, by RADIUS (DTS-compliant XML, database CSV, IAS).

    <Event><Timestamp data_type="4">10/06/2026 10:00:00.100</Timestamp>
    <User-Name data_type="1">CORP\ada</User-Name>
    <Calling-Station-Id data_type="1">02-00-00-00-00-07</Calling-Station-Id><Framed-IP-Address data_type="3">…
    "NPS1","IAS",10/06/2026,10:00:00,4,"CORP\ada",,"ap1","02-00-00-00-00-07",,"10.1.2.3",…      ODBC legacy
    10.0.0.9,CORP\ada,10/06/2026,10:00:00,IAS,NPS1,8,10.1.2.3,40,1,4136,4                       IAS legacy

Accounting requests (`Packet-Type` 4) with `Framed-IP-Address` are leases: status 1 starts and 3 renews one
(`Session-Timeout`, else ten hours), 2 ends it. Access requests and answers give no address; classes,
which join them to sessions, are not kept. Local time, month first, without a zone. Source: Microsoft
Learn, "Interpret NPS database format log files"; "NPS DTS-compliant log file format"; "Interpret NPS IAS
format log files" (an attribute's number, then its value).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, layouts, patterns
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.reasons import NO_ADDRESS
from sensor.sources.logs.text.words import one_of

_ELEMENTS = {
    "time": "Timestamp",
    "packet": "Packet-Type",
    "user": "SAM-Account-Name",
    "login": "User-Name",
    "mac": "Calling-Station-Id",
    "address": "Framed-IP-Address",
    "address6": "Framed-IPv6-Address",
    "status": "Acct-Status-Type",
    "timeout": "Session-Timeout",
}
#: By position, as NPS writes for a database (Microsoft's table); '' is not read.
_COLUMNS = (
    *("", "", "date", "clock", "packet", "login", "user", "", "mac", "", "address"),
    *[""] * 16,
    "timeout",
    *[""] * 3,
    "status",
)
#: Numbers of attributes, in IAS' own format.
_NUMBERS = {
    "packet": "4136", "user": "4129", "mac": "31", "address": "8", "address6": "168", "status": "40",
    "timeout": "27",
}  # fmt: skip
_XML = r"^\s*<Event><Timestamp data_type="
_CSV = r'^"[^"]*","(?:IAS|RAS)",\d\d/\d\d/\d{4},\d\d:\d\d:\d\d,\d+,'
_HEAD = (
    r'^[^,]*,(?P<login>"[^"]*"|[^,]*),(?P<date>\d\d/\d\d/\d{4}),(?P<clock>\d\d:\d\d:\d\d),'
    r"(?:IAS|RAS|NPS),[^,]*,"
)
_PAIRS = rf"{_HEAD}(?:[0-9]+,)"
_ACCOUNTING, _STOP, _HOLDS = "4", "2", ("1", "2", "3")


class NpsFormat(LogFormat):
    """Reads accounting of Microsoft's RADIUS server."""

    name = "nps"
    help = "Microsoft NPS / IAS RADIUS log: DTS-compliant XML, CSV for databases (ODBC legacy), IAS legacy"
    vantage = "identity"
    proof = ("user",)
    advice = (
        "Have access points and switches send accounting with Framed-IP-Address "
        "(Cisco: `ip device tracking`), "
        "and NPS log it."
    )
    marks = (",ias,", ",ras,", ",nps,", '","ias",', '","ras",', "<event><timestamp data_type=")
    claims = pl.col("line").str.contains(f"{_XML}|{_CSV}|{_PAIRS}")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One lease per accounting record with an address."""
        return layouts.read(lines, [(_XML, _of_xml), (_PAIRS, _of_pairs), (pl.lit(True), _of_csv)])


def _of_xml(lines: pl.DataFrame) -> pl.DataFrame:
    found = {
        name: lines["line"].str.extract(rf"<{element}(?: [^>]*)?>([^<]*)</{element}>")
        for name, element in _ELEMENTS.items()
    }
    return _leases(pl.DataFrame(found))


def _of_csv(lines: pl.DataFrame) -> pl.DataFrame:
    read = commas.read(lines["line"], _COLUMNS)
    return _leases(
        read.with_columns(
            time=pl.concat_str("date", "clock", separator=" "), address6=pl.lit(None, dtype=pl.String)
        )
    )


def _of_pairs(lines: pl.DataFrame) -> pl.DataFrame:
    line = lines["line"]
    head = patterns.read(line, _HEAD)
    found = {
        name: line.str.extract(rf'{_HEAD}(?:[0-9]+,(?:"[^"]*"|[^,]*),)*?{number},(?P<value>[^,]*)', 4)
        for name, number in _NUMBERS.items()
    }
    return _leases(head.with_columns(time=pl.concat_str("date", "clock", separator=" "), **found))


def _leases(read: pl.DataFrame) -> pl.DataFrame:
    ends = (pl.col("status") == _STOP).fill_null(False)
    address = pl.coalesce("address", "address6")
    gives = (pl.col("packet") == _ACCOUNTING) & pl.col("status").is_in(_HOLDS) & address.is_not_null()
    # Month first whatever the server's language.
    at = pl.col("time").str.replace(r"^(\d\d)/(\d\d)/(\d{4})", "$3-$1-$2")
    held = pl.col("timeout").cast(pl.Float64, strict=False)
    return read.select(
        time=at,
        kind=pl.lit("lease"),
        client=address,
        client_mac="mac",
        # IAS told the name in the directory there: `corp.example/Users/Ada Lovelace`.
        user_name=pl.coalesce(pl.when(~pl.col("user").str.contains("/")).then("user"), "login"),
        lease_s=pl.when(ends).then(0.0).otherwise(pl.coalesce(held, pl.lit(WORKING_DAY_S))),
        closes=ends,
        origin=pl.lit("radius"),
        reason=one_of({NO_ADDRESS: ~gives.fill_null(False)}),
    )
