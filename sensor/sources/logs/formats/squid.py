"""Squid access logs.

Layouts, told apart line by line (words of Squid's `logformat` directive):

    squid     %ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt, also with
              "%{Referer}>h" "%{User-Agent}>h" appended
    common    %>a %[ui %[un [%tl] "%rm %ru HTTP/%rv" %>Hs %<st %Ss:%Sh
    combined  the same with "%{Referer}>h" "%{User-Agent}>h" before %Ss:%Sh
    wide      native with the client's port (%>p) behind its address, also with the five sizes that Elastic's
              integration asks for (%<st %>st %<sh %>sh %<bs) and the version before the user
    json      objects whose keys are whoever wrote the logformat's; known by a result code among the values
              (`bytes_sent`, `bytes_out`, `size`: %<st; `bytes_received`, `bytes_in`, `request_size`: %>st)
    splunk    key=value, as the Splunk add-on recommends it (bytes_in is what the client sent)
    shadowai  our own, the only one that tells how much a client sent:

        logformat shadowai %ts.%03tu %6tr %>a %un %rm %ru %>Hs %Ss:%Sh %>st %<st - "%{User-Agent}>h"
        access_log daemon:/var/log/squid/access.log shadowai

    Where `ssl_bump` is used, write `%ssl::>sni` in place of the bare `-`, and append ` %ssl::bump_mode`.
    A Squid built without OpenSSL (`squid` of Debian and Ubuntu) knows neither and does not start with them.

Account names are escaped (`%[un`: `j%c3%b6rg`) or as they came (`%un`), and may hold spaces in both
(checked with Squid 7.7).

A line is written when the transaction *ends*: `seen_at` is that time minus the elapsed time. The
sizes are what the client exchanged with the proxy, headers included; for a tunnel, everything
sent through it (checked with Squid 5.7: 300,000 bytes sent, `%>st` 300,085). `bytes_up` is NULL
unless the layout logs it.

A CONNECT that `ssl_bump` looks into is logged as NONE_NONE/200 before anything comes of it: set
aside, because its tunnel, its refusal or its requests follow on lines of their own. Only of what
`ssl_bump terminate` ends nothing follows: the mode tells. Where content is intercepted (mode `bump`),
the requests carry the bytes and the tunnel's line keeps none. Lines of an `icap_log` look like native ones.

Apache Traffic Server writes native lines, too, but with the time of the *request* (checked with 9.2). It
names the server where Squid has its address (`DIRECT/chat.example.com`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING

import polars as pl

from sensor import schema
from sensor.coded import by_value
from sensor.sources.logs.line_format import Cut
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.rows import records
from sensor.sources.logs.text import hosts, keyvalue, objects, patterns, stamps
from sensor.sources.logs.text.escapes import unescaped
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import CHALLENGE, INSPECTED, LEFT_EARLY, OWN_REQUEST, UNREADABLE
from sensor.sources.logs.text.words import one_of

if TYPE_CHECKING:
    from sensor.decode.text import delimited

LOGFORMAT = 'logformat shadowai %ts.%03tu %6tr %>a %un %rm %ru %>Hs %Ss:%Sh %>st %<st - "%{User-Agent}>h"'

#: `1598040493.253`: ten digits from 2001 to 2286, a point, and the milliseconds (a bare `%ts` has none)
_STAMP_CHARS = 14
_BARE = r"^\d{10} "
_QUOTED = r"\"((?:[^\"\\]|\\.)*)\""
_COMMON = (
    r"^(?<client>\S+) \S+ (?<user>\S[^\[]*) \[(?<at>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    r'"(?<method>\S+) (?<url>\S+)(?: [^"]*)?" (?<status>\d{1,3}) (?<down>\d+|-)'
    # Squid writes quotes inside the two headers as they are, so the last quote decides.
    r'(?: ".*?" "(?<agent>.*)")? (?<result>[A-Z_]+):(?<hierarchy>[A-Z_]+)$'
)
_WIDE = (
    r"^(?<at>\d{10}\.\d{3}) +(?<elapsed_ms>-?\d+) (?<client>\S+?)[ :](?<client_port>\d{1,5}) "
    r"(?<result>[A-Z_]+)/(?<status>\d{3}) (?<down>\d+|-)(?: (?<up>\d+|-) (?:(?:\d+|-) ){2}(?:\d+|-))? "
    r"(?<method>[A-Z_-]+) (?<url>\S+)(?: \d\.\d)? (?<user>\S.*?) (?<hierarchy>[A-Z_]+)/(?<peer>\S+)"
    # The referer stands before the agent; where there is only one of them, it is the agent.
    r'(?:[^"]*(?:"[^"]*" )?"(?<agent>[^"]*)".*|.*)$'
)
#: User names with spaces, native and in ours, between what stands before and after them.
_SPACED = (
    r"^(?<head>\d{10}\.\d{3} +-?\d+ \S+ [A-Z_]+/\d{3} (?:\d+|-) \S+ \S+ )"
    r"(?<user>\S+(?: +[^\s/]+)+)(?<tail> [A-Z_]+/\S+.*)$",
    r"^(?<head>\d{10}\.\d{3} +-?\d+ \S+ )"
    r"(?<user>\S+(?: +\S+)+?)(?<tail> [A-Z_-]+ \S+ \d{1,3} [A-Z_]+:[A-Z_]+ .*)$",
)
_WITH_PORT = r"^\d{1,3}(?:\.\d{1,3}){3}:\d{1,5}$"
_SPLUNK = r"\blogformat=splunk_recommended_squid\b"
_SPLUNK_KEYS = {
    "elapsed_ms": "duration", "client": "src_ip", "client_port": "src_port", "user": "user",
    "method": "http_method", "url": "url",
    "status": "status", "result": "vendor_action", "hierarchy": "dest_status",
    "peer": "dest_ip", "up": "bytes_in", "down": "bytes_out", "sni": "sni", "agent": "http_user_agent",
}  # fmt: skip
_JSON_RESULT = (
    r'"((?:TCP|UDP)_(?:[A-Z]+_)*(?:HIT|MISS|DENIED|TUNNEL|REDIRECT|MODIFIED|UNMODIFIED|NONE|ABORTED|TIMEDOUT'
    r'|FAIL|ERROR|RELOAD|NOFETCH|INVALID)(?:_[A-Z]+)*|NONE_NONE)[/:"]'
)
_JSON_CLIENTS = (
    "client", "client_ip", "clientip", "client_addr", "src_ip", "source_ip", "remote_addr", "remote_ip",
)  # fmt: skip
_JSON_KEYS = {
    "at": "timestamp|time|ts|@timestamp|datetime|date|time_local",
    "elapsed_ms": "duration_ms|elapsed_ms|elapsed|duration|response_time|response_time_ms",
    "client": "|".join(_JSON_CLIENTS), "client_port": "client_port|src_port",
    "user": "user|username|user_name|http_username", "method": "method|http_method|request_method",
    "url": "url|uri|request_url|http_url|request_uri|domain|host",
    "status": "status|http_status|status_code|http_status_code",
    "peer": "dest_ip|server_ip|peer|server_addr", "up": "bytes_received|bytes_in|request_size",
    "down": "bytes_sent|bytes_out|bytes|size|reply_size|response_size", "sni": "sni|ssl_sni",
    "agent": "user_agent|http_user_agent|agent",
}  # fmt: skip
#: A stamp, then the layout's own order; the result code decides in the layouts of other servers.
_CLAIM = (
    r"^\d{10}(?:\.\d{3})? +-?\d+ \S+ (?:[A-Z_]+/\d{3} (?:\d+|-) |\S+ .*\S+ \d{1,3} [A-Z_]+:[A-Z_]+ )"
    r"|^\d{10}\.\d{3} +-?\d+ \S+?[ :]\d{1,5} [A-Z_]+/\d{3} (?:\d+|-) "
    r"|^\S+ \S+ \S[^\[]* \[[^\]]+\] \".* [A-Z_]+:[A-Z_]+$"
    rf"|^\d{{10}}\.\d{{3}} {_SPLUNK}"
)
_RESULT, _OUR_RESULT = r"^[A-Z_]+/\d{3}$", r"^[A-Z_]+:[A-Z_]+$"
#: Hierarchy codes after which stands the origin server itself, not a parent or sibling proxy.
_ORIGIN = ("HIER_DIRECT", "DIRECT", "ORIGINAL_DST", "PINNED")
_SERVER_NAME = r"\.[A-Za-z][A-Za-z0-9-]*$"

#: Results of what Squid answered itself to see a hello.
_OWN_RESULTS = ("NONE", "NONE_NONE", "TAG_NONE")
_LITERAL = r"^(?:[a-z]+://)?(?:[^/@]*@)?(?:\d+(?:\.\d+){3}|\[)"
#: Lines the compiled scanner has a layout for, and what it makes of their fields.
_STAMPED = r"\d{10}\.\d{3} +\d"
_CLAIMED_NATIVE = r"\d{10}\.\d{3} +\d+ \S+ [A-Z_]+/\d{3} (?:\d+|-) "
_NATIVE_CUT = (
    ("at", "STAMP"), ("elapsed_ms", "PADDED"), ("client", "CODE"), ("code", "CODE"), ("down", "COUNT"),
    ("method", "CODE"), ("url", "URL"), ("user", "CODE"), ("peer", "CODE"), ("tail", "CODE"),
)  # fmt: skip
_OURS_CUT = (
    ("at", "STAMP"), ("elapsed_ms", "PADDED"), ("client", "CODE"), ("user", "CODE"), ("method", "CODE"),
    ("url", "URL"), ("status", "COUNT"), ("code", "CODE"), ("up", "COUNT"), ("down", "COUNT"),
    ("sni", "CODE"), ("tail", "CODE"),
)  # fmt: skip
_EARLIEST, _LATEST = (datetime.fromtimestamp(s, UTC) for s in (records.EARLIEST_S, records.LATEST_S))

#: What a line says, before any judgement; NULL where its layout has no such field or it is `-`.
_FIELDS: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": schema.TIME,
    "elapsed_ms": pl.Int64,
    "client": pl.String,
    "client_port": pl.Int64,
    "user": pl.String,
    "method": pl.String,
    "url": pl.String,
    "status": pl.Int64,
    "result": pl.String,
    "hierarchy": pl.String,
    "peer": pl.String,
    "up": pl.Int64,
    "down": pl.Int64,
    "sni": pl.String,
    "agent": pl.String,
    "bump": pl.String,
}


class SquidFormat(LogFormat):
    """Reads Squid access logs."""

    name = "squid"
    help = (
        "Squid access.log: native, common, combined, with ports, Splunk's, as JSON, and our logformat with "
        "uploads; Apache Traffic Server's squid.log"
    )
    vantage = "proxy"
    is_on_site = True
    is_stateless = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "Squid's own formats do not log what clients send: uploads stay unknown. In squid.conf:\n"
        f"  {LOGFORMAT}\n"
        "  access_log daemon:/var/log/squid/access.log shadowai\n"
        "With ssl_bump, %ssl::>sni in place of the bare - and %ssl::bump_mode at the end."
    )
    claims = pl.col("line").str.contains(ascii_only(_CLAIM)) | (
        pl.col("line").str.contains(r"^\{")
        & objects.having_any(*_JSON_CLIENTS)
        & pl.col("line").str.contains(_JSON_RESULT)
    )
    scans_lines = True

    @cached_property
    def _cutters(self) -> dict[bool, delimited.Cutter]:
        """Of the native layout (True) and of ours, where there were lines in it."""
        return {}

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per line, all layouts."""
        return _told(parse(lines["line"]))

    def cut(self, text: bytes) -> Cut | None:
        """Lines of the native layout or of ours, whichever the first of them is in."""
        begin = text[: text.find(b"\n") + 1].decode("utf-8", "replace")
        if not re.match(_STAMPED, begin):
            return None
        from sensor.decode.text import delimited

        is_native = re.match(_CLAIMED_NATIVE, begin) is not None
        if is_native not in self._cutters:
            fields = (
                delimited.Field(getattr(delimited, kind), name)
                for name, kind in (_NATIVE_CUT if is_native else _OURS_CUT)
            )
            layout = delimited.Layout(tuple(fields), separator=" ", empty=False, tail=True)
            self._cutters[is_native] = delimited.Cutter(layout)
        return _plain(self._cutters[is_native].cut(text), text, is_native=is_native)


def _told(fields: pl.DataFrame) -> pl.DataFrame:
    """`FIELDS` of what lines say (`_FIELDS`)."""
    fields = fields.with_columns(
        *by_value(fields["result"], _of_result),
        *by_value(fields["hierarchy"], _of_hierarchy),
        *by_value(fields["user"], _of_user),
        *by_value(fields["url"], _of_url),
        *by_value(fields["method"], _of_method),
        *by_value(fields["bump"], _of_mode),
    ).with_columns(reason=_reason())
    keeps_bytes = ~_bumped()
    return fields.select(
        "at",
        "reason",
        "client",
        "client_port",
        "method",
        "url",
        *(["url_rest"] if "url_rest" in fields.columns else []),
        at_end=~_stamped_at_request(fields),
        duration_s=pl.col("elapsed_ms") / 1000,
        kind=pl.lit("proxy"),
        action=_action(),
        user_name="user",
        host=pl.when("literal").then(pl.col("sni").cast(pl.String)),
        name_from=pl.lit("sni"),
        status=pl.when(pl.col("status") > 0).then("status"),
        user_agent="agent",
        # The origin server's address, never a parent proxy's.
        server=pl.when("is_origin").then("peer"),
        transport=pl.lit("tcp"),
        bytes_up=pl.when(keeps_bytes).then("up"),
        bytes_down=pl.when(keeps_bytes).then("down"),
    )


def _stamped_at_request(fields: pl.DataFrame) -> pl.Expr:
    """Traffic Server's lines."""
    if not fields["direct"].any():
        return pl.lit(False)
    return (pl.col("direct") & pl.col("peer").str.contains(_SERVER_NAME)).fill_null(False)


def _of_result(result: pl.Series) -> pl.DataFrame:
    denied = result.str.contains("DENIED", literal=True)
    return pl.DataFrame(
        {
            "denied": denied,
            "aborted": result.str.contains("ABORTED", literal=True),
            "redirected": result == "TCP_REDIRECT",
            "cached": result.str.contains("HIT|UNMODIFIED"),
            "own_result": result.is_in(_OWN_RESULTS),
            "adapted": result.str.starts_with("ICAP_"),
        }
    )


def _of_hierarchy(code: pl.Series) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "stayed": code.is_in(["NONE", "HIER_NONE"]),
            "is_origin": code.is_in(_ORIGIN),
            "direct": code == "DIRECT",
        }
    )


def _of_user(name: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"user": unescaped(name, "%")})


def _of_url(url: pl.Series) -> pl.DataFrame:
    # A tunnel to an address: the hello says for whom.
    return pl.DataFrame({"is_error": url.str.starts_with("error:"), "literal": url.str.contains(_LITERAL)})


def _of_method(method: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"connect": method == "CONNECT"})


def _of_mode(mode: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"bumped": mode == "bump", "terminated": mode == "terminate"})


def _plain(found: delimited.Cut, text: bytes, *, is_native: bool) -> Cut:
    """`_FIELDS` of the lines that were cut; those whose codes are not as they should be are left."""
    from sensor.decode.text.delimited import lines_at

    rows = found.rows.with_columns(pl.col("at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    rows = rows.hstack(by_value(rows["code"], _of_native_code if is_native else _of_our_code))
    sound = rows["sound"].fill_null(False) & rows["at"].is_between(_EARLIEST, _LATEST)
    sound &= rows["elapsed_ms"].is_not_null()  # the cutter takes `-` for a number that is not known
    # What is claimed has no other white space in these.
    for name in ("client",) if is_native else ("client", "user", "method", "url"):
        sound &= by_value(rows[name], _one_word)["one_word"].fill_null(True)
    sound &= ~by_value(rows["client"], _ported)["ported"].fill_null(False)
    if not (is_native or text.isascii()):
        sound &= ~rows["url_path"].str.contains(r"\s").fill_null(False)
    if is_native:
        sound &= by_value(rows["peer"], _is_peer)["is_peer"].fill_null(False)
        rows = rows.with_columns(*by_value(rows["peer"], _of_peer), *by_value(rows["tail"], _of_native_tail))
    else:
        sound &= (rows["status"] < 1000).fill_null(False)
        rows = rows.with_columns(*by_value(rows["tail"], _of_our_tail))
    rows = rows.with_columns(pl.col("url_path").alias("url_rest"))
    missing = [
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in _FIELDS.items() if name not in rows.columns
    ]
    rows, odd = rows.with_columns(missing), found.odd
    if not sound.all():
        left = rows.filter(~sound).select("offset", "bytes")
        odd = pl.concat([odd, lines_at(text, left)]).sort("offset")
        rows = rows.filter(sound)
    return Cut(_told(rows.select(*_FIELDS, "url_rest")), rows.select("offset", "bytes"), odd)


def _one_word(text: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"one_word": text.str.contains(r"^\S+$")})


def _ported(client: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"ported": client.str.contains(_WITH_PORT)})


def _of_native_code(code: pl.Series) -> pl.DataFrame:
    both = _result_and_status(code)
    return both.with_columns(pl.col("status").cast(pl.Int64, strict=False), sound=code.str.contains(_RESULT))


def _of_our_code(code: pl.Series) -> pl.DataFrame:
    return _split(code, ":", "result", "hierarchy").with_columns(sound=code.str.contains(_OUR_RESULT))


def _is_peer(code: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"is_peer": code.str.contains(r"^[A-Z_]+/\S")})


def _of_peer(code: pl.Series) -> pl.DataFrame:
    return _split(code, "/", "hierarchy", "peer").select(_known(pl.all()))


def _of_native_tail(tail: pl.Series) -> pl.DataFrame:
    nothing = pl.Series([None], dtype=pl.String)
    return pl.DataFrame({"agent": _last_quoted(tail, nothing.new_from_index(0, len(tail)))})


def _of_our_tail(tail: pl.Series) -> pl.DataFrame:
    return pl.DataFrame(
        {"agent": tail.str.extract(r"^" + _QUOTED), "bump": tail.str.extract(r"\" (\w+)\s*$")}
    )


def parse(lines: pl.Series) -> pl.DataFrame:
    """One row of `_FIELDS` per line; all NULL where the line is none of the layouts."""
    whole = lines.rename("line").to_frame().with_row_index("row")
    stamped = _stamped(whole)
    if stamped.height == whole.height:
        return stamped.drop("row")
    parts = [stamped]
    for layout in (_common, _wide, _splunk, _json):
        whole_left = whole.join(pl.concat(parts).select("row"), on="row", how="anti")
        if whole_left.height:
            parts.append(layout(whole_left))
    return whole.select("row").join(pl.concat(parts), on="row", how="left", maintain_order="left").drop("row")


def _stamped(whole: pl.DataFrame) -> pl.DataFrame:
    """Lines that begin with time and elapsed time: native and ours, with column `row`."""
    line = pl.col("line")
    bare = whole["line"].str.contains(_BARE)
    if bare.any():
        whole = whole.with_columns(
            pl.when(bare).then(line.str.replace(r" ", ".000 ")).otherwise(line).alias("line")
        )
    whole = whole.with_columns(_joined(whole["line"]))
    rest = whole["line"].str.slice(_STAMP_CHARS).str.strip_chars_start(" ")
    # A Series is split once; as an expression it would be split again for each of its fields.
    parts = rest.str.splitn(" ", 11).struct.unnest()
    parts = parts.hstack(whole.select("row", _stamp(line.str.head(_STAMP_CHARS)).alias("at")))
    is_native = parts["at"].is_not_null() & parts["field_2"].str.contains(_RESULT)
    is_native &= ~_ported(parts["field_1"])["ported"].fill_null(False)
    native = parts if is_native.all() and not is_native.has_nulls() else parts.filter(is_native)
    native = native.hstack(_split(native["field_7"], "/", "hierarchy", "peer"))
    native = hosts.once_all(native, "field_2", _result_and_status)
    native = native.with_columns(agent=_last_quoted(native["field_9"], native["field_10"]))
    found = [native.select("row", *_conform(_NATIVE))]
    if native.height < parts.height:
        is_ours = parts["at"].is_not_null() & parts["field_5"].str.contains(r"^\d{1,3}$")
        is_ours &= parts["field_6"].str.contains(_OUR_RESULT)
        ours = parts if is_ours.all() and not is_ours.has_nulls() else parts.filter(is_ours)
        ours = ours.hstack(_split(ours["field_6"], ":", "result", "hierarchy"))
        found.append(ours.select("row", *_conform(_OURS)))
    read = pl.concat([part for part in found if part.height] or found[:1])
    return read.filter(pl.col("elapsed_ms").is_not_null()).sort("row")


def _joined(line: pl.Series) -> pl.Series:
    """Lines with the spaces of user names escaped, as other bytes of these are."""
    for pattern in _SPACED:
        spaced = line.str.contains(pattern)
        if spaced.any():
            found = patterns.read(line, pattern)
            user = pl.col("user").str.replace_all(" ", "%20", literal=True)
            line = found.select(pl.coalesce(pl.concat_str("head", user, "tail"), pl.lit(line)).alias("line"))[
                "line"
            ]
    return line


def _stamp(text: pl.Expr) -> pl.Expr:
    """`1598040493.253` as a time; a DOUBLE holds it, to be rounded to the millisecond."""
    seconds = text.cast(pl.Float64, strict=False)
    plausible = seconds.is_between(0, records.LATEST_S)
    millis = (pl.when(plausible).then(seconds) * 1000).round().cast(pl.Int64)
    return pl.from_epoch(millis, time_unit="ms").cast(schema.TIME)


def _split(text: pl.Series, separator: str, left: str, right: str) -> pl.DataFrame:
    """What stands before and after the first `separator`; `right` is NULL where there is none."""
    return text.str.splitn(separator, 2).struct.rename_fields([left, right]).struct.unnest()


def _field(number: int) -> pl.Expr:
    return pl.col(f"field_{number}")


def _result_and_status(codes: pl.Series) -> pl.DataFrame:
    """`TCP_MISS/200` taken apart."""
    return pl.DataFrame({"result": codes.str.head(-4), "status": codes.str.tail(3)})


def _last_quoted(ninth: pl.Series, rest: pl.Series) -> pl.Series:
    """The user agent behind the content type, where a layout has one; most have none."""
    nothing = pl.Series([None], dtype=pl.String)
    if not rest.str.contains('"', literal=True).any() and not ninth.str.contains('"', literal=True).any():
        return nothing.new_from_index(0, len(rest))
    both = pl.select(pl.concat_str(pl.lit(ninth), pl.lit(rest), separator=" ", ignore_nulls=True)).to_series()
    return both.str.extract(_QUOTED + r"\s*$")


_NATIVE = {
    "elapsed_ms": _field(0),
    "client": _field(1),
    "result": pl.col("result"),
    "status": pl.col("status"),
    "down": _field(3),
    "method": _field(4),
    "url": _field(5),
    "user": _field(6),
    "hierarchy": pl.col("hierarchy"),
    "peer": pl.col("peer"),
    "agent": pl.col("agent"),
}
_OURS = {
    "elapsed_ms": _field(0),
    "client": _field(1),
    "user": _field(2),
    "method": _field(3),
    "url": _field(4),
    "status": _field(5),
    "result": pl.col("result"),
    "hierarchy": pl.col("hierarchy"),
    "up": _field(7),
    "down": _field(8),
    "sni": _field(9),
    "agent": _field(10).str.extract(r"^" + _QUOTED),
    "bump": _field(10).str.extract(r"\" (\w+)\s*$"),
}


def _common(whole: pl.DataFrame) -> pl.DataFrame:
    """Lines in layout common or combined, with column `row`."""
    parts = whole.select("row", pl.col("line").str.extract_groups(_COMMON).struct.unnest())
    at = pl.col("at").str.to_datetime("%d/%b/%Y:%H:%M:%S %z", time_unit="us", strict=False)
    named = {name: pl.col(name) for name in parts.columns if name not in ("row", "at")}
    read = parts.with_columns(at.dt.convert_time_zone("UTC")).filter(pl.col("at").is_not_null())
    return read.select("row", *_conform(named))


def _wide(whole: pl.DataFrame) -> pl.DataFrame:
    """Lines in layout wide, with column `row`."""
    return _keyed(whole, patterns.read(whole["line"], _WIDE))


def _splunk(whole: pl.DataFrame) -> pl.DataFrame:
    """Lines in layout splunk, with column `row`."""
    line = pl.col("line")
    marked = whole.select(pl.when(line.str.contains(_SPLUNK)).then(line)).to_series()
    return _keyed(whole, keyvalue.read(marked, _SPLUNK_KEYS).with_columns(at=marked.str.head(_STAMP_CHARS)))


def _json(whole: pl.DataFrame) -> pl.DataFrame:
    """Objects, with column `row`; those whose stamp is none are left out."""
    line = whole["line"]
    read = objects.read(line, _JSON_KEYS)
    found = read.with_columns(
        whole["row"],
        at=stamps.read(read["at"]),
        result=line.str.extract(_JSON_RESULT),
        hierarchy=line.str.extract(r'[":](HIER_[A-Z_]+)[/"]'),
        peer=pl.coalesce("peer", line.str.extract(r'[":]HIER_[A-Z_]+/([^"]+)"')),
    ).filter(pl.col("at").is_not_null())
    named = {name: pl.col(name) for name in found.columns if name not in ("at", "row")}
    return found.select("row", *_conform(named))


def _keyed(whole: pl.DataFrame, read: pl.DataFrame) -> pl.DataFrame:
    """`_FIELDS` of what was read by name, with column `row`; without the lines whose stamp is none."""
    named = {name: pl.col(name) for name in read.columns if name != "at"}
    read = read.with_columns(whole["row"], _stamp(pl.col("at")).alias("at")).filter(
        pl.col("at").is_not_null()
    )
    return read.select("row", *_conform(named))


def _conform(columns: dict[str, pl.Expr]) -> list[pl.Expr]:
    """Exactly `_FIELDS`, `-` as NULL, numbers as numbers."""
    return [
        pl.col("at")
        if name == "at"
        else _known(columns.get(name, pl.lit(None, dtype=pl.String))).cast(dtype, strict=False).alias(name)
        for name, dtype in _FIELDS.items()
    ]


def _known(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "-").then(text)


@cache
def _reason() -> pl.Expr:
    """Why a line is no observation; NULL if it is one.

    A 407 is the proxy asking for credentials: the client repeats the same request with them, and
    NTLM or Negotiate do so twice. Counted as visits they would double or triple use, counted as
    blocks they would report refusals nobody met. A client that never answers shows nothing either:
    it reached no service.
    """
    return one_of(
        {
            UNREADABLE: pl.col("at").is_null(),
            LEFT_EARLY: pl.col("is_error").fill_null(True),
            CHALLENGE: pl.col("status") == 407,
            OWN_REQUEST: pl.col("adapted"),
            INSPECTED: _looked_into(),
        }
    )


@cache
def _action() -> pl.Expr:
    """Allowed, blocked by the proxy, or never connected.

    A 403 or 503 of the origin server is an answer to an allowed request; one that never left the
    proxy, or that answers a CONNECT, is the proxy's own. So is the 503 of Squid 7 where none came
    (`TCP_MISS_ABORTED`). Where Squid redirects to another page, a helper does not let the client go to the
    one it asked for (squidGuard, ufdbGuard); up to Squid 3.2 the code was that of any other request.
    """
    own = pl.col("stayed").fill_null(True) | pl.col("connect")
    denied = pl.col("denied") | pl.col("terminated").fill_null(False)
    status = pl.col("status").fill_null(0)
    elsewhere = status.is_in([301, 302, 303, 307, 308]) & pl.col("stayed").fill_null(False)
    sent_away = (pl.col("redirected") | (elsewhere & ~pl.col("cached"))).fill_null(False)
    return one_of(
        {
            "blocked": denied | sent_away | (own & (status == 403)),
            "reset": (own | pl.col("aborted")) & (status >= 500),
            "unknown": status == 0,
        },
        otherwise="allowed",
    )


def _looked_into() -> pl.Expr:
    """A CONNECT that `ssl_bump` answered itself to see the hello: the tunnel, refusal or requests follow."""
    answered = pl.col("connect") & pl.col("own_result") & (pl.col("status") == 200)
    return (answered & ~pl.col("terminated").fill_null(False)).fill_null(False)


@cache
def _bumped() -> pl.Expr:
    """A tunnel whose content is logged again, request by request."""
    return (pl.col("connect") & pl.col("bumped")).fill_null(False)
