r"""Skyhigh Security / McAfee Web Gateway: access log, key=value for SIEMs, cloud export (CSV, key=value).

    [06/Oct/2026:10:00:00 +0200] "ada" 10.1.2.3 200 "GET https://host/ HTTP/1.1" "categories" "reputation"
    "media"
    492 "Mozilla/5.0 …" "" "0"                         access.log; its first line `#time_stamp …` says what
    it holds
    date="2026-10-06T10:00:00Z" … source_bytes=127 destination_bytes=14678 http_request_first_line="GET …" …
    user_id=-1 username=ada source_ip=… http_action=GET server_to_client_bytes=… requested_host=… …
    McAfeeWG|time_stamp=[06/Oct/2026:10:00:00 +0200]|auth_user=ada|src_ip=10.1.2.3|…|block_res=0|…
    LEEF:1.0|McAfee|Web Gateway|8.2|0|devTime=1791273600000|usrName=ada|src=10.1.2.3|…|url=https://…

`client_to_server_bytes`, `bytes_from_client`, `source_bytes` are what the client sent; `bytes="A/B/C/D"` is
from client / to server / from server / to client. What the proxy got (`bytes_from_server`) stands for what it
gave the client, where that is not logged. `client_ip` is the client's own address, `source_ip` may be
its egress. Source: Skyhigh, "Web Gateway – Log file", "SWG cloud – Reporting fields".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, commas, keyvalue, layouts, objects, patterns
from sensor.sources.logs.text.reasons import CERTIFICATE
from sensor.sources.logs.text.words import one_of, said

_FIELDS = {
    "epoch": "request_timestamp_epoch|timestamp_epoch",
    "time": "time_stamp|request_timestamp|date|timestamp|datetime|rt|devtime",
    "inner": "client_ip",
    "client": "source_ip|src_ip|src|c_ip",
    "client_port": "source_port|src_port|spt",
    "user": "username|auth_user|user_name|suser|usrname|user|usrName",
    "device": "client_system_name|client_host|shost",
    "request": "req_line|http_request_first_line|request_line",
    "url": "url|request|requested_url",
    "host": "requested_host|destination_host|dhost|dst_host|url_host",
    "path": "requested_path|url_path",
    "scheme": "uri_scheme|app",
    "method": "http_action|http_method|method|requestmethod",
    "status": "http_status_code|status_code|status",
    "server": "destination_ip|server_ip|dst_ip|dst",
    "port": "destination_port|dst_port|dpt|url_port",
    "up": "client_to_server_bytes|bytes_from_client|source_bytes|srcbytes|srcBytes",
    "down": "server_to_client_bytes|bytes_to_client|destination_bytes|dstbytes|dstBytes|bytes_from_server",
    "all_bytes": "bytes",
    "agent": "user_agent|user_agent_comment|requestclientapplication|useragent",
    "result": "result|act|action",
    "block": "block_id|block_res|block_reason_id",
    "block_reason": "block_reason",
    "elapsed_ms": "time_taken|elapsed_time",
}
#: What the rule sets for CEF and LEEF call them. `in` and `out` of its CEF are anybody's guess.
_CONFORMED = _FIELDS | {
    "time": "rt|devTime|devtime",
    "client_port": "spt|srcPort",
    "scheme": "app|proto|Prot",
    "method": "requestMethod|method|Meth",
    "status": "httpStatus|status",
    "port": "dpt|dstPort",
    "agent": "requestClientApplication|userAgent|usrAgent|agent",
    "block": "cn:Block Reason",
    "block_reason": "blockReason",
    "elapsed_ms": "timeTaken",
}
_CLOUD = (
    "user_id,username,source_ip,http_action,server_to_client_bytes,client_to_server_bytes,requested_host,"
    "requested_path,"
    "result,virus,request_timestamp_epoch,request_timestamp,uri_scheme,category,media_type,"
    "application_type,reputation,"
    "last_rule,http_status_code,client_ip,location,block_reason,user_agent_product,user_agent_version,"
    "user_agent_comment,"
    "process_name,destination_ip,destination_port"
)
_DEFAULT = (
    "time_stamp auth_user src_ip status_code req_line categories rep_level media_type bytes_to_client "
    "user_agent "
    "virus_name block_res application_name"
)
#: A site that logs what clients send, without a head line that says so.
_BOTH_SIZES = r'(?:"[^"]*" ){3}\d+ \d+ "'
_ACCESS = r'^\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "[^"]*" [0-9a-fA-F.:]+ '
_CLOUD_LINE = (
    r'^"?-?\d+"?,[^,]*,"?[0-9a-fA-F.:]+"?,"?[A-Z]+"?,"?\d+"?,"?\d+"?,[^,]+,.*,"?(?:OBSERVED|'
    r'DENIED|ALLOWED)"?,'
)


class SkyhighFormat(LogFormat):
    """Reads logs of Skyhigh and McAfee web gateways."""

    name = "skyhigh"
    help = (
        "Skyhigh / McAfee Web Gateway 7 to 12 (access.log by its head, SIEM key=value, CEF, LEEF), SWG "
        "cloud (CSV, key=value, JSON)"
    )
    vantage = "proxy"
    is_on_site = True
    is_stateless = True
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    advice = "The default access.log lacks what clients send: add bytes_from_client to its log line."
    header = r'^#time_stamp\b|^"?user_id"?,"?username"?,"?source_ip|^"?username"?,"?source_ip"?,'
    marks = (
        '] "', "observed", "denied", "allowed", "http_action", "http_request_first_line", "|time_stamp=",
        "req_line=", "|mcafee|", "|skyhigh", "#time_stamp", "source_ip",
    )  # fmt: skip
    claims = (
        pl.col("line").str.contains(f"{_ACCESS}|{_CLOUD_LINE}")
        | pl.col("line").str.contains(
            r"\bhttp_action=\S* .*\brequested_host=|\brequested_host=.*\bhttp_action="
            r"|\bsource_ip=\S* .*\bhttp_request_first_line=|\bblock_id=.*\bhttp_request_first_line="
            r"|\bMcAfeeWG\|time_stamp=|\btime_stamp=\[.*\bsrc_ip=.*\breq_line="
        )
        | objects.having("http_action", "requested_host")
        | cef.claims("McAfee|Skyhigh(?: Security)?", "(?:Web Gateway|SWG|Secure Web)")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per request (kind proxy)."""
        return layouts.read(
            lines,
            [
                (r"CEF:|LEEF:", lambda part: _rows(cef.read(part["line"], _CONFORMED))),
                (r"^\s*\{", lambda part: _rows(objects.read(part["line"], _FIELDS))),
                (
                    r"McAfeeWG\|",
                    lambda part: _rows(keyvalue.read(part["line"], _FIELDS, lower=True, separator="|")),
                ),
                # A user agent may hold what looks like a pair.
                (_ACCESS, _access),
                (_CLOUD_LINE, _cloud),
                (
                    r"http_request_first_line=",
                    lambda part: _rows(keyvalue.read(part["line"], _FIELDS, lower=True)),
                ),
                (
                    r"^(?:\S+ )*?\w+=",
                    lambda part: _rows(keyvalue.read(part["line"], _FIELDS, lower=True, spaced=True)),
                ),
                (r"^\[|^#", _access),
                (pl.lit(True), _cloud),
            ],
        )


def _access(lines: pl.DataFrame) -> pl.DataFrame:
    """The stamp is two words in brackets: made one field first."""
    headed = lines.select(
        pl.col("line").str.replace(r"^\[([^\]]*)\]", '"$1"'),
        header=pl.coalesce(
            pl.when(pl.col("header").str.starts_with("#")).then("header"),
            pl.when(pl.col("line").str.contains(_BOTH_SIZES)).then(
                pl.lit(_DEFAULT.replace("bytes_to_client", "bytes_to_client bytes_from_client"))
            ),
            pl.lit(_DEFAULT),
        ),
    )
    return _rows(commas.read_headed(headed, _FIELDS, separator=" "))


def _cloud(lines: pl.DataFrame) -> pl.DataFrame:
    comma = pl.col("header").str.contains(",", literal=True)
    return _rows(
        commas.read_headed(
            lines.with_columns(header=pl.when(comma).then("header").otherwise(pl.lit(_CLOUD))), _FIELDS
        )
    )


def _rows(fields: pl.DataFrame) -> pl.DataFrame:
    request = patterns.read(fields["request"].fill_null(""), r"^(?<method>[A-Z]+) (?<url>\S+)")
    parts = patterns.read(fields["all_bytes"], r"^(?<up>\d+)/\d*/\d*/(?<down>\d+)$")
    method = pl.coalesce(said("method"), pl.lit(request["method"])).str.to_uppercase()
    named = said("host").is_not_null()
    port = pl.coalesce(
        "port",
        pl.col("scheme")
        .str.to_lowercase()
        .replace_strict({"http": "80", "https": "443"}, default=None, return_dtype=pl.String),
    )
    path = pl.when(pl.col("path").str.starts_with("/") & (method != "CONNECT")).then("path")
    return fields.select(
        time=pl.coalesce("epoch", pl.col("time").str.strip_chars("[]")),
        at_end=pl.lit(True),
        duration_s=pl.col("elapsed_ms").cast(pl.Float64, strict=False) / 1000,
        kind=pl.lit("proxy"),
        client=pl.coalesce(said("inner"), "client"),
        client_port="client_port",
        user_name="user",
        device="device",
        # Only the cloud tells the address of a client in its own network.
        roams=pl.col("inner").is_not_null(),
        url=pl.coalesce(pl.lit(request["url"]), "url"),
        host=pl.when(named).then("host"),
        name_from=one_of({"url": named}),
        path=path,
        method=method,
        status="status",
        user_agent=said("agent"),
        server="server",
        server_port=port,
        transport=pl.lit("tcp"),
        bytes_up=pl.coalesce("up", pl.lit(parts["up"])),
        bytes_down=pl.coalesce("down", pl.lit(parts["down"])),
        action=_action(),
        reason=one_of({CERTIFICATE: method == "CERTVERIFY"}),
    )


def _action() -> pl.Expr:
    """A block id or reason that is not zero refuses, whatever the status is."""
    refused = (
        pl.col("result").str.to_lowercase().str.contains("den|block")
        | ((pl.col("block") != "0") & (pl.col("block") != ""))
        | ((pl.col("block_reason") != "") & pl.col("result").is_null())
    )
    return one_of({"blocked": refused}, otherwise="allowed")
