"""Microsoft Sentinel's table CommonSecurityLog: CEF of any vendor in the table's own columns.

Written as JSON, CSV or TSV. The event's time is `StartTime`, else `ReceiptTime` (CEF's `rt`) where it tells
its zone, else `TimeGenerated`, which may be when the event arrived. A `StartTime` of 1970 stands for none.

`SentBytes` is CEF's `out`, `ReceivedBytes` its `in`: the client's upload with vendors whose documentation
says so (`_CLIENT_SENDS`), of others unknown; PAN-OS itself has them the other way round. What FortiGate and
Check Point tell of a connection while it lasts is cumulative, and joined by its id. `Activity` is the event's
name; of what has no column (`AdditionalExtensions`) little is read. A connection's opening line and its end
are not joined with other vendors. Source: Microsoft Learn, "CEF and CommonSecurityLog field mapping", and the
vendors' CEF guides.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.panos.session_end import cut_off
from sensor.sources.logs.formats.trend_micro import page_action
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, objects
from sensor.sources.logs.text.reasons import NO_CONNECTION
from sensor.sources.logs.text.words import one_of, said

_WANTED = {
    "start": "StartTime|StartTime [UTC]|EventTime",
    "receipt": "ReceiptTime",
    "generated": "TimeGenerated|TimeGenerated [UTC]",
    "vendor": "DeviceVendor",
    "product": "DeviceProduct",
    "event": "DeviceEventClassID",
    "activity": "Activity",
    "client": "SourceIP",
    "client_port": "SourcePort",
    "client_mac": "SourceMACAddress",
    "user_name": "SourceUserName|SourceUserID|DestinationUserName",
    "device": "SourceHostName",
    "server": "DestinationIP",
    "server_port": "DestinationPort",
    "host": "DestinationHostName|DestinationDnsDomain",
    "extensions": "AdditionalExtensions",
    "unit": "DeviceExternalID",
    "connection": "ExternalID|ExtID",
    "url": "RequestURL",
    "method": "RequestMethod",
    "agent": "RequestClientApplication",
    "transport": "Protocol",
    "app": "ApplicationProtocol",
    "word": "DeviceAction|SimplifiedDeviceAction",
    "sent": "SentBytes",
    "received": "ReceivedBytes",
    "ended_by": "Reason",
}
#: CEF `out` is what the client sent.
_CLIENT_SENDS = (
    "(?i)^(?:Fortinet|SonicWall|Zscaler|Palo Alto Networks|Forcepoint|Websense|Check ?Point|iboss)"
)
#: Palo Alto Networks' template for the firewall: `in=$bytes_sent out=$bytes_received`; their cloud's differs.
_TURNED = "(?i)^PAN-?OS"
#: The id that all of Check Point's updates on a connection have.
_UPDATES = r"(?:^|;) *loguid=(\{[^}]*\})"
#: What the table holds where the event told no time: second 0 of its epoch.
_UNSET = r"^(?:1970-01-01|0?1/0?1/1970)"


class CommonSecurityLogFormat(LogFormat):
    """Reads exports of Sentinel's CEF table."""

    name = "common-security-log"
    help = "Microsoft Sentinel CommonSecurityLog: CEF of any vendor, exported (JSON, CSV, TSV)"
    vantage = "firewall"
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    advice = "Volumes are read only for vendors whose `out` is known to be the upload."
    # With semicolons, as a spreadsheet saves it, it is another's matter (lines/tables.py).
    header = r"^[^{;]*\b(?:DeviceVendor\b[^;]*\bSourceIP|SourceIP\b[^;]*\bDeviceVendor)\b"
    marks = ("devicevendor",)
    claims = objects.having("DeviceVendor", "SourceIP")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], _WANTED)
        for separator in (",", "\t"):
            mine = lines["header"].str.contains(separator, literal=True).fill_null(False)
            tabs = lines["header"].str.contains("\t", literal=True).fill_null(False)
            mine = tabs if separator == "\t" else mine & ~tabs
            if mine.any():
                headed = commas.read_headed(
                    lines.filter(mine).select("line", "header"), _WANTED, separator=separator
                )
                read = read.with_columns(
                    read[name].scatter(mine.arg_true(), headed[name]) for name in _WANTED
                )
        return _rows(read.select(said(name, "null") for name in read.columns))


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    proto = pl.col("transport").str.to_lowercase().str.extract(r"^(\w+)")
    port = pl.col("server_port").str.extract(r"^(\d+)")
    dns = (pl.col("app").str.to_lowercase() == "dns").fill_null(False) & pl.col("host").is_not_null()
    web = pl.col("url").is_not_null() | pl.col("method").is_not_null()
    # WireX puts the answer's name into the column, the one asked for beside it.
    asked = pl.when(dns).then(pl.col("extensions").str.extract(r"(?:^|;)reqHost=([^;]+)"))
    known = pl.col("vendor").str.contains(_CLIENT_SENDS).fill_null(False)
    # A stamp of the device without a zone is local time; the table's own is UTC, but that of the arrival.
    zoned = pl.col("receipt").str.contains(r"^\d{13}$|GMT|UTC|Z$|[+-]\d\d:?\d\d$")
    unset = pl.col("start").str.contains(_UNSET)
    ended_by = pl.coalesce(pl.col("extensions").str.extract(r"(?:^|;) *reason=([^;]*)"), "ended_by")
    turned = pl.col("product").str.contains(_TURNED).fill_null(False)
    sent, received = (
        pl.col(name).cast(pl.Float64, strict=False).cast(pl.Int64) for name in ("sent", "received")
    )
    up = pl.when(turned).then(received).otherwise(sent)
    refused = pl.col("vendor").str.contains("(?i)^palo alto") & cut_off(ended_by, up)
    return read.select(
        *("client", "client_port", "client_mac", "user_name", "device", "method"),
        time=pl.coalesce(pl.when(~unset).then("start"), pl.when(zoned).then("receipt"), "generated"),
        kind=one_of({"dns": dns, "http": web}, otherwise="flow"),
        url=pl.when(~dns).then("url"),
        host=pl.when(dns | pl.col("url").is_null()).then(pl.coalesce(asked, "host")),
        name_from=one_of({"sni": ~dns & ~web & pl.col("host").is_not_null()}),
        user_agent="agent",
        server="server",
        server_port=pl.when(~dns).then(port),
        transport=proto,
        bytes_up=pl.when(known & ~dns).then(up),
        bytes_down=pl.when(known & ~dns).then(pl.when(turned).then(sent).otherwise(received)),
        session=pl.when(~dns).then(_session()),
        phase=pl.lit("update"),
        # A response policy that leads elsewhere keeps from the service.
        action=one_of(
            {"blocked": refused | (dns & pl.col("activity").str.contains("(?i)\\bRPZ\\b"))},
            otherwise=pl.coalesce(page_action(pl.col("event"), pl.col("word")), "word", pl.lit("unknown")),
        ),
        reason=one_of({NO_CONNECTION: pl.all_horizontal(pl.col("url", "host", "server").is_null())}),
    )


def _session() -> pl.Expr:
    """What FortiGate's and Check Point's records of one connection share."""
    forti = pl.when(pl.col("vendor") == "Fortinet").then(pl.col("connection"))
    ends = pl.concat_str(pl.col("unit").fill_null(""), forti, "client", "client_port", separator="|")
    check = pl.when(pl.col("vendor").str.contains("(?i)^check ?point")).then(
        pl.col("extensions").str.extract(_UPDATES)
    )
    return pl.coalesce(ends, check)
