"""Splunk's Common Information Model: events of any product as Splunk names their fields (JSON, CSV).

    {"_time": "2026-10-06T10:00:00.000+00:00", "src_ip": "10.1.2.3", "dest_ip": "192.0.2.7",
     "dest_port": "443", "user": "ada", "action": "allowed", "bytes_out": "900", "bytes_in": "7000", …}

`bytes_out` is what the source sent in Network Traffic. In Web add-ons differ (a server's `bytes_out` is what
it answered): there volume is unknown. FortiGate's records of one session are cumulative. Lines that bring
`_raw` are read by what that is, where it is known. Source: Splunk CIM manual, "Network Traffic", "Web",
"Network Resolution (DNS)".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.panos.session_end import cut_off
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, lookups, objects
from sensor.sources.logs.text.partial import filled
from sensor.sources.logs.text.reasons import NO_CONNECTION
from sensor.sources.logs.text.words import one_of

_WANTED: dict[str, str] = {
    "time": "_time", "client": "src_ip|src", "client_port": "src_port", "client_mac": "src_mac",
    "device": "src_host|src_nt_host", "user_name": "user|src_user", "server": "dest_ip|dest",
    "server_port": "dest_port", "named": "dest_host|dest_dns|dest|site|url_domain", "url": "url",
    "path": "uri_path", "method": "http_method", "status": "status|http_status",
    "user_agent": "http_user_agent", "transport": "transport|protocol", "query": "query",
    "type": "record_type|query_type", "action": "action", "up": "bytes_out", "down": "bytes_in",
    "ended_by": "session_end_reason", "message": "message_type", "number": "transaction_id",
    "rcode": "reply_code_id|reply_code", "lasted": "duration", "vendor": "vendor",
    "session": "session_id|sessionid",
}  # fmt: skip
_ADDRESS = r"^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+)$"
_NAME = r"^[\w-]+(?:\.[\w-]+)+$"


class SplunkCimFormat(LogFormat):
    """Reads events whose fields Splunk's data models name."""

    name = "splunk-cim"
    help = "Splunk CIM: Network Traffic, Web, DNS events of any product (JSON, CSV exports)"
    vantage = "proxy"
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")  # fmt: skip
    advice = "Export `_raw` beside the fields: the product's own line says more."
    header = r'^[^{]*\b_time\b[^{]*,"?src(?:_ip)?"?(?:,|\s*$)|^(?:[^{]*,)?"?src(?:_ip)?"?,[^{]*\b_time\b'
    marks = ("_time",)
    claims = (
        objects.having("_time") & objects.having_any("src", "src_ip") & objects.having_any(
            "dest", "dest_ip", "url", "query"
        )
    )  # fmt: skip

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        read = objects.read(lines["line"], {k: _below(v) for k, v in _WANTED.items()})
        read = filled(read, commas.read_headed(lines.select("line", "header"), _WANTED))
        rows = _told(read).select(
            **_who(), **_what(), **_volume(), time="time", number="number", answer="answer"
        )
        if rows["answer"].any():
            rows = lookups.paired(rows, ("client", "client_port", "number", "host", "qtype"))
        return rows.drop("number", "answer")


def _told(read: pl.DataFrame) -> pl.DataFrame:
    """`read` with what an event is of; of an answer that is told as a packet the ends are exchanged."""
    is_name = pl.col("named").str.contains(_NAME) & ~pl.col("named").str.contains(_ADDRESS)
    told = read.with_columns(
        dns=pl.col("query").is_not_null(),
        web=pl.any_horizontal(pl.col(name).is_not_null() for name in ("url", "method", "path")),
        named=pl.when(is_name).then("named"),
    ).with_columns(
        answer=(pl.col("dns") & (pl.col("message").str.to_lowercase() == "response")).fill_null(False)
    )
    from_resolver = pl.col("answer") & (pl.col("client_port") == "53").fill_null(False)
    return told.with_columns(
        pl.when(from_resolver).then(there).otherwise(here).alias(here)
        for one, other in (("client", "server"), ("client_port", "server_port"))
        for here, there in ((one, other), (other, one))
    )


def _who() -> dict[str, pl.Expr]:
    ends = {end: pl.when(pl.col(end).str.contains(_ADDRESS)).then(end) for end in ("client", "server")}
    same = ("client_port", "client_mac", "device", "user_name", "server_port")
    return (
        ends | {name: pl.col(name) for name in same} | {"transport": pl.col("transport").str.to_lowercase()}
    )


def _what() -> dict[str, pl.Expr]:
    dns, web, named, unlocated = pl.col("dns"), pl.col("web"), pl.col("named"), pl.col("url").is_null()
    refused = dns & (lookups.verdict(pl.col("rcode")) == "blocked")
    nowhere = ~dns & named.is_null() & _who()["server"].is_null() & unlocated
    return {
        "kind": one_of({"dns": dns, "http": web}, otherwise="flow"),
        "qtype": pl.col("type"),
        "url": pl.when(~dns).then("url"),
        "host": pl.when(dns).then("query").when(unlocated).then("named"),
        "name_from": one_of({"dns_answer": ~dns & ~web & named.is_not_null()}),
        "path": pl.when(unlocated).then("path"),
        "method": pl.col("method"),
        "status": pl.when(web).then("status"),
        "user_agent": pl.col("user_agent"),
        "action": one_of(
            {"blocked": refused | cut_off(pl.col("ended_by"), pl.col("up"))}, otherwise=pl.col("action")
        ),
        "reason": one_of({NO_CONNECTION: nowhere}),
    }


def _volume() -> dict[str, pl.Expr]:
    flow = ~pl.col("web") & ~pl.col("dns")
    same = pl.concat_str("session", "client", "client_port", "server", "server_port", separator="|")
    return {
        "duration_s": pl.when(flow).then("lasted"),
        "bytes_up": pl.when(flow).then("up"),
        "bytes_down": pl.when(flow).then("down"),
        "session": pl.when(flow & (pl.col("vendor") == "Fortinet")).then(same),
        "phase": pl.lit("update"),
    }


def _below(paths: str) -> str:
    """Splunk's JSON export has the fields below `result`."""
    return "|".join(f"{below}{path}" for below in ("", "result.") for path in paths.split("|"))
