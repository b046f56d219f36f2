r"""FreeRADIUS: accounting detail files, linelog's lines, and the server's own log.

    Sun Nov 22 10:00:00 2026
            Acct-Status-Type = Start
            User-Name = "ann"
            Framed-IP-Address = 10.1.0.7
            Calling-Station-Id = "02-00-00-00-00-0A"
            Acct-Session-Time = 0
            Timestamp = 1795341600

    Connect: [ann] (did 02-…:wifi cli 02-00-00-00-00-0A port 13 ip 10.1.0.7)
    Disconnect: [ann] (did … cli … port 13 ip 10.1.0.7) 3600 seconds
    Auth: (7) Login OK: [ann] (from client nas1 port 13 cli 02-00-00-00-00-0A)

A session began `Acct-Session-Time` before the message (`Timestamp`, s, less `Acct-Delay-Time`); Stop ends it;
Start and Interim-Update hold until the next is due. The address often comes with the first interim only. The
outer identity of EAP may be anonymous: then another attribute names the person. A client may have an address
of either family. linelog writes no time: `%S` in front of its messages does. A login names no address, so
it is none. Only the attributes named here are read: never `User-Password` or any other secret.
Sources: RFC 2866; FreeRADIUS rlm_detail, rlm_linelog (mods-available/linelog), radius.log (3.2.10).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.lines.framing import JOINT, MultiLine
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, pairs, patterns, stamps
from sensor.sources.logs.text.held import HALF_DAY_S
from sensor.sources.logs.text.reasons import NO_ADDRESS
from sensor.sources.logs.text.words import one_of, said

_DATE = r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d \d{4}"
#: `%t` or `%S` of linelog.
_STAMP = rf"^({_DATE}|\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d)"
_WANTED = {
    "status": "Acct-Status-Type", "ip": "Framed-IP-Address", "ip6": "Framed-IPv6-Address",
    "user": "User-Name", "stripped": "Stripped-User-Name", "chargeable": "Chargeable-User-Identity",
    "calling": "Calling-Station-Id", "lasted": "Acct-Session-Time", "delay": "Acct-Delay-Time",
    "interim": "Acct-Interim-Interval", "stamp": "Timestamp",
}  # fmt: skip
_ATTRIBUTE = rf"{JOINT}\s*[A-Za-z0-9][\w.:-]* \+?= "
_BLOCK = rf"^(?:{_DATE})?\s*{_ATTRIBUTE}"
_LINE = (
    r"(?P<how>Connect|Disconnect|Start|Stop|Alive): \[(?P<user>[^\]]*)\] "
    r"\(did .*? ?cli (?P<calling>\S*) port \S* ip (?P<ip>[0-9a-fA-F.:]*)\)(?: (?P<lasted>\d+) seconds)?"
)
_SERVER = (
    r"(?:^|: |\) )Login (?:OK|incorrect)\b.*\(from client "
    r"|^\s*Ignoring request to (?:auth|acct)\w* address "
    rf"|^{_DATE} : (?:Auth|Info|Error|Acct|Proxy|Debug): "
)
_MAC = r"^(?:[0-9A-Fa-f]{2}[-:.]?){2}(?:[-:.]?[0-9A-Fa-f]{2}){4}$"
_NAMELESS = r"(?i)^anonymous(?:@.*)?$|^@|^(?:[0-9a-f]{2}[-:.]?){5}[0-9a-f]{2}$"
_LONGEST_S = 366 * 86_400


class FreeradiusFormat(LogFormat):
    """Reads accounting of FreeRADIUS."""

    name = "freeradius"
    help = "FreeRADIUS 2 to 3: detail files, linelog (Connect, Disconnect), radius.log (set aside)"
    vantage = "identity"
    proof = ("user",)
    advice = (
        "Have switches and access points send interim updates with Framed-IP-Address. linelog writes no time "
        "into a file: put %S in front of its messages, or use filename = syslog, or detail files."
    )
    framing = MultiLine(begins=rf"^{_DATE}\s*$")
    marks = (
        "= ", " (did ", "login ok", "login incorrect", "ignoring request to ", " : ", "radiusd", "freeradius",
    )  # fmt: skip
    claims = (
        pl.col("line").str.contains(_BLOCK)
        | pl.col("line").str.contains(_LINE)
        | pl.col("line").str.contains(_SERVER)
        | pl.col("tag").str.contains(r"^(?:radiusd|freeradius)$").fill_null(False)
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One lease per accounting message that names an address."""
        return layouts.read(
            lines,
            [
                (_BLOCK, lambda part: _blocks(part, self.zone)),
                (_LINE, _messages),
                (pl.lit(True), layouts.set_aside(NO_ADDRESS)),
            ],
        )


def _blocks(lines: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Messages of detail files; the date of a block is local, in `zone`."""
    tokens = pairs.numbered(lines["line"].str.split(JOINT))
    split = tokens["token"].str.extract_groups(r'^\s*(?P<key>[\w.:-]+) \+?= "?(?P<value>.*?)"?\s*$')
    read = pairs.columns(tokens.select("row").hstack(split.struct.unnest()), lines.height, _WANTED)
    sent = stamps.epoch(pl.col("stamp").cast(pl.Int64, strict=False))
    by_date = stamps.read(lines["line"].str.extract(rf"^({_DATE})"), zone)
    named = pl.when(~pl.col("user").str.contains(_NAMELESS)).then("user")
    told = pl.col("status").is_in(["Start", "Stop", "Interim-Update", "Alive"]).fill_null(False)
    messages = read.select(
        row=pl.int_range(pl.len()),
        at=pl.coalesce(sent, pl.lit(by_date)) - pl.duration(seconds=_seconds("delay").fill_null(0)),
        ip=pl.when(told).then(pl.coalesce("ip", "ip6")),
        ip6=pl.when(told & pl.col("ip").is_not_null()).then("ip6"),
        user=pl.coalesce(named, "stripped", "chargeable"),
        calling="calling",
        lasted=_seconds("lasted"),
        held=_seconds("interim") * 3,
        stop=(pl.col("status") == "Stop").fill_null(False),
    )
    second = messages.filter(pl.col("ip6").is_not_null()).with_columns(ip="ip6")
    return _leases(pl.concat([messages, second]).sort("row", maintain_order=True))


def _messages(lines: pl.DataFrame) -> pl.DataFrame:
    """Linelog's lines: a Disconnect only ends what a Connect began."""
    found = patterns.read(lines["line"], _LINE)
    stop = pl.col("how").is_in(["Disconnect", "Stop"])
    address = said("ip")
    return found.select(
        time=pl.lit(lines["line"].str.extract(_STAMP)),
        kind=pl.lit("lease"),
        client=address,
        client_mac=_mac("calling"),
        user_name=pl.when(~pl.col("user").str.contains(_NAMELESS)).then("user"),
        lease_s=pl.when(stop).then(pl.lit(0.0)).otherwise(pl.lit(HALF_DAY_S)),
        closes=stop,
        origin=pl.lit("radius"),
        reason=one_of({NO_ADDRESS: address.is_null()}),
    )


def _leases(told: pl.DataFrame) -> pl.DataFrame:
    """Leases of messages (row, at, ip, user, calling, lasted, held, stop), from the session's beginning."""
    end = pl.col("at") + pl.duration(seconds=pl.col("held").fill_null(HALF_DAY_S))
    return told.select(
        "row",
        "at",
        kind=pl.lit("lease"),
        client="ip",
        client_mac=_mac("calling"),
        user_name="user",
        lease_from=pl.col("at") - pl.duration(seconds=pl.col("lasted").fill_null(0)),
        lease_to=pl.when("stop").then("at").otherwise(end),
        closes="stop",
        origin=pl.lit("radius"),
        reason=one_of({NO_ADDRESS: pl.col("ip").is_null()}),
    )


def _mac(name: str) -> pl.Expr:
    return pl.when(pl.col(name).str.contains(_MAC)).then(name)


def _seconds(name: str) -> pl.Expr:
    number = pl.col(name).cast(pl.Int64, strict=False)
    return pl.when(number.is_between(0, _LONGEST_S)).then(number)
