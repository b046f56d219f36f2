r"""Windows DHCP server: the audit logs `DhcpSrvLog-Mon.log` and `DhcpV6SrvLog-Mon.log`.

    ID,Date,Time,Description,IP Address,Host Name,MAC Address,User Name, TransactionID, QResult,…
    10,11/22/26,10:00:00,Assign,10.1.0.7,ann-pc.example.com,02000000000A,,2815,0,,,,…
    ID,Date,Time,Description,IPv6 Address,Host Name,Error Code, Duid Length, Duid Bytes(Hex),User Name,…
    11004,11/22/26,10:00:00,DHCPV6 Renew,2001:db8::7,ann-pc,,18,0001000120…,,,,,
    … AgentProtocol=WindowsDHCP<TAB>ID=10<TAB>Date=11/22/26<TAB>Time=10:00:00<TAB>Description=Assign<TAB>
      IP Address=10.1.0.7<TAB>Host Name=ann-pc.example.com<TAB>MAC Address=02000000000A<TAB>…   WinCollect's
    {"ID": "10", "Date": "11/22/26", "Time": "10:00:00", "Description": "Assign", …}   collectors'

Fields are read by position and events by number: description and names of columns are the server's language.
How long a lease lasts is not logged: a scope's default is eight days, cut by whatever comes next. Dates are
month first, local time. Lines before the head explain the numbers. Source: Microsoft Learn, "Analyze DHCP
server log files" and [MS-DHCPM].
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, dhcp, objects
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import NO_ADDRESS
from sensor.sources.logs.text.words import one_of

_V4 = ("id", "date", "clock", "", "ip", "name", "mac", "user")
_V6 = ("id", "date", "clock", "", "ip", "name", "", "", "duid", "user")
_EVENT = r"^\d{2,5},\d\d/\d\d/\d\d(?:\d\d)?,\d\d:\d\d:\d\d,[^,]*,[0-9A-Fa-f.:]*,"
_PAIRS = r"\bAgent(?:Protocol|Device)=WindowsDHCP\t(?:[^\t]*\t){0,4}?ID=\d{2,5}\t"
_PAIR = {
    "id": "ID", "date": "Date", "clock": "Time", "ip": "IP Address", "name": "Host Name",
    "mac": "MAC Address", "user": "User Name",
}  # fmt: skip
_RECORD = {
    "id": "ID", "date": "Date", "clock": "Time", "ip": "IP Address|IPAddress|IPv6 Address",
    "name": "Host Name|HostName|Hostname", "mac": "MAC Address|MACAddress", "user": "User Name|UserName",
}  # fmt: skip
_IS_RECORD = objects.having("ID", "Date", "Time", "Description", "TransactionID") & objects.having_any(
    "MAC Address", "MACAddress"
)
_PREAMBLE = (
    r"^\s*Microsoft DHCP(?:v6)? Service Activity Log|^Event ID  Meaning|^(?:\d\d\+?|\d{5})\t+[^\t]+$"
    r"|^QResult: "
)
#: Numbers of events: an address is given or renewed; it is given up, taken back, or has expired.
_GIVEN = ("10", "11", "20", "21", "11002", "11003", "11004", "11005")
_GIVEN_UP = ("12", "16", "17", "18", "23", "11006", "11007", "11016", "11018")
_SCOPE_S = 8 * 86_400.0


class WindowsDhcpFormat(LogFormat):
    """Reads audit logs of Windows DHCP servers."""

    name = "windows-dhcp"
    help = "Windows Server 2008 to 2025 DHCP audit logs, IPv4 and IPv6"
    vantage = "identity"
    proof = ("device",)
    advice = "The server overwrites these files every week and caps their size: collect them daily."
    header = r"(?i)^(?:\ufeff)?ID,Date,Time,Description,IP(?:v6)? Address,Host Name,"
    claims = pl.col("line").str.contains(ascii_only(f"{_EVENT}|{_PREAMBLE}|{_PAIRS}")) | _IS_RECORD

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One lease per event that gives or ends one."""
        v4, v6 = _pairs(lines["line"], commas.read(lines["line"], _V4)), commas.read(lines["line"], _V6)
        recorded = lines.select(_IS_RECORD.fill_null(False)).to_series()
        v4 = _records(lines["line"], v4, recorded)
        is_v6 = (pl.col("id").str.len_chars() == 5) & ~pl.lit(recorded)
        duid = pl.lit(v6["duid"])
        # Month first whatever the server's language.
        day = pl.col("date").str.replace(r"^(\d\d)/(\d\d)/(?:20)?(\d\d)$", "20$3-$1-$2")
        return v4.select(
            # WinCollect may write `10: 00:00`.
            time=pl.concat_str(day, pl.col("clock").str.replace_all(" ", ""), separator=" "),
            kind=pl.lit("lease"),
            client="ip",
            client_mac=pl.when(is_v6).then(dhcp.mac_of_duid(duid)).otherwise("mac"),
            device=pl.col("name").str.strip_suffix("."),
            user_name=pl.when(is_v6).then(pl.lit(v6["user"])).otherwise("user"),
            lease_s=pl.when(pl.col("id").is_in(_GIVEN_UP)).then(pl.lit(0.0)).otherwise(pl.lit(_SCOPE_S)),
            closes=pl.col("id").is_in(_GIVEN_UP),
            origin=pl.lit("dhcp"),
            confidence=pl.when(is_v6).then(dhcp.BY_DUID).otherwise(dhcp.ASSUMED),
            reason=one_of({NO_ADDRESS: ~pl.col("id").is_in([*_GIVEN, *_GIVEN_UP]).fill_null(False)}),
        )


def _pairs(line: pl.Series, v4: pl.DataFrame) -> pl.DataFrame:
    """`v4` with the rows of WinCollect's lines, whose columns have names."""
    paired = line.str.contains(_PAIRS)
    if not paired.any():
        return v4
    return v4.with_columns(
        v4[name].zip_with(~paired, line.str.extract(rf"\t{key}=([^\t]*)")) for name, key in _PAIR.items()
    )


def _records(line: pl.Series, v4: pl.DataFrame, recorded: pl.Series) -> pl.DataFrame:
    """`v4` with the rows of JSON records, whose keys are the columns' names."""
    if not recorded.any():
        return v4
    read = objects.read(line, _RECORD)
    return v4.with_columns(v4[name].zip_with(~recorded, read[name]) for name in _RECORD)
