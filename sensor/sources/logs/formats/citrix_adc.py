r"""Citrix ADC (NetScaler) and Citrix Gateway: audit messages over syslog, in the appliance's own layout.

    07/14/2026:19:16:12 GMT ns1 0-PPE-0 : default SSLVPN TCPCONNSTAT 4419 0 : Context … - User ada - …
    07/14/2026:19:16:12 GMT ns1 0-PPE-0 : default TCP CONN_TERMINATE 4499 0 :  Source …:80 - Destination …

What may be read are connections through the gateway (`TCPCONNSTAT`, `UDPFLOWSTAT`, `HTTPREQUEST`, ICA)
and the connections of a virtual server: `CONN_DELINK` tells client and origin of one exchange,
`CONN_TERMINATE` one half of it, client's or server's, with whoever has the service's port as `Source`.
`Total_bytes_send` is what `Source` sent. Violations of the application firewall (`APPFW`) name client
and URL. `SSLVPN LOGIN` and `LOGOUT` say whose the address is that the gateway gave (`Nat_ip`). Where it gave
none ("Mapped Ip"), the client's own is mostly a public one, which others share: a weak lease, as of Okta,
that no `LOGOUT` ends. Where a half ends within seconds of its exchange's `CONN_DELINK`, in one block, the
exchange counts: the half is the same (client's) or the appliance's own connection (`NatIP`). ICA's two counts
are written from the appliance's side or the client's, which no page says: they are not read. Lines with
another process's name in the packet engine's place are known by their features. Source: Citrix,
"NetScaler syslog message reference"; "Audit logging".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns, stamps
from sensor.sources.logs.text.held import HALF_DAY_S, SIGN_IN_CONFIDENCE, SIGN_IN_S
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_SIGN_IN, REPEATED
from sensor.sources.logs.text.words import one_of

_NUMBERS = r"(?:\d+ ){0,2}?(?:\d+)? ?:"
#: Of the application firewall's checks one is named with a blank: `APPFW_cross-site scripting`.
_EVENT = r"(?:APPFW_[a-z][\w -]*|\w+)"
_HEAD = (
    r"^(?:.*?(?P<time>\d{2,4}/\d\d/\d{2,4}:\d\d:\d\d:\d\d(?: [A-Z]{3,4}\b)?))?"
    r"(?:.*?[A-Z]{3}-\w+ : (?:[a-z]\w* )?|default )"
    rf"(?P<feature>[A-Z]\w*) (?P<event>{_EVENT}) " + _NUMBERS + r" *(?P<text>.*)$"
)
_FEATURES = "AAA|AAATM|APPFW|CLI|EVENT|GUI|ICA|SNMP|SSLLOG|SSLVPN|TCP|UDP"
#: The day may have gone to the envelope: `06:29:05 GMT ns1 0-PPE-1 : default …`.
_CLAIM = (
    # … or all of the time.
    rf"^\S*PPE-\d+ : (?:[a-z]\w* )?[A-Z]\w* {_EVENT} {_NUMBERS}|"
    r"\d\d:\d\d:\d\d(?: [A-Z]{3,4}\b)? +\S+ +"
    rf"(?:\S*PPE-\d+ : (?:[a-z]\w* )?[A-Z]\w*|[A-Z]{{3}}-\w+ : (?:[a-z]\w* )?(?:{_FEATURES})) "
    rf"{_EVENT} {_NUMBERS}"
    # … or all before the partition.
    rf"|^default (?:{_FEATURES}) {_EVENT} {_NUMBERS}"
    # What the process for logins says, without the appliance's own head.
    rf"|^(?:\[\d+\]: )?AAA(?:TM)? Message {_NUMBERS}"
)
#: That rest of a head looks like a program's name.
_TAG = rf"^default (?:{_FEATURES}) {_EVENT} [\d ]*$"
_ADDRESS = r"((?:\d{1,3}\.){3}\d{1,3}|\[?[0-9a-fA-F:]*:[0-9a-fA-F:.]+\]?)"
_ENDS = {
    name: rf"\b{key} +{_ADDRESS}(?::(?P<port>\d+))?(?:[ ,]|$)"
    for name, key in (
        ("source", "(?:Source|Srcip:)"),
        ("destination", "(?:Destination|Dstip:)"),
        ("asked", "Client_ip"),
        ("given", "Nat_ip"),
    )
}
_CONNECTIONS = ("CONN_TERMINATE", "OTHERCONN_TERMINATE", "CONN_DELINK", "OTHERCONN_DELINK")
_GATEWAY = ("TCPCONNSTAT", "UDPFLOWSTAT")
_ICA = ("ICASTART", "ICAEND_CONNSTAT")
_LOGINS = ("LOGIN", "LOGOUT")
_SERVICE = 1024
#: How far a half's end may lie from its exchange's.
_TOGETHER = "5s"


class CitrixAdcFormat(LogFormat):
    """Reads audit messages of Citrix ADC and Gateway."""

    name = "citrix-adc"
    help = "Citrix ADC / NetScaler and Citrix Gateway 10 to 14: audit syslog (TCP, SSLVPN, ICA)"
    vantage = "firewall"
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action")
    advice = (
        "Only SSLVPN HTTPREQUEST messages name hosts: log at level INFORMATIONAL, or add the resolver's "
        "DNS log."
    )
    marks = (" : ", "aaa message ", "aaatm message ", "default ")
    claims = pl.col("line").str.contains(_CLAIM) | pl.col("tag").str.contains(_TAG).fill_null(False)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per message."""
        headed = pl.format("{}: {}", "tag", "line")
        line = lines.select(pl.when(pl.col("tag").str.contains(_TAG)).then(headed).otherwise("line"))
        read = _read(line.to_series())
        event, text = pl.col("event"), pl.col("text").fill_null("")
        again = _again(read)
        # Of a half connection, the end with the service's port is the server, wherever it stands.
        turned = (
            pl.col("is_connection")
            & (pl.col("source_port") < _SERVICE)
            & (pl.col("destination_port") >= _SERVICE)
        )
        read = read.with_columns(turned=turned.fill_null(False), is_inside=pl.col("given").is_not_null())
        blocked = text.str.contains(r" - Access Denied\b|<blocked>") | pl.col("is_denied")
        counted = pl.col("is_connection") | pl.col("is_gateway")
        used = (
            counted
            | pl.col("is_denied")
            | pl.col("is_ica")
            | pl.col("is_request")
            | pl.col("violation").is_not_null()
            | pl.col("is_login")
        )
        web = pl.col("is_request") | pl.col("violation").is_not_null()
        return read.select(
            ended=pl.when(~pl.col("is_login")).then("ended"),
            time=pl.coalesce(pl.when(~pl.col("is_login")).then("begun"), _stamp(pl.col("time"))),
            kind=one_of({"lease": pl.col("is_login"), "http": web}, otherwise="flow"),
            client=pl.when("is_login")
            .then(pl.coalesce("given", "asked"))
            .when("turned")
            .then("destination")
            .otherwise(pl.coalesce("source", "asked", "inside", "violator")),
            client_port=pl.when("turned").then("destination_port").otherwise("source_port"),
            user_name="user",
            host=pl.when("is_request").then("asked_host"),
            url="violation",
            method=pl.col("request").str.extract(r"^([A-Z]+)"),
            path=pl.col("request").str.extract(r"^[A-Z]+ ?(/\S*)"),
            server=pl.when("turned").then("source").otherwise("destination"),
            server_port=pl.when("turned").then("source_port").otherwise("destination_port"),
            transport=one_of({"udp": event == "UDPFLOWSTAT"}, otherwise="tcp"),
            bytes_up=pl.when(counted).then(pl.when("turned").then("received").otherwise("sent")),
            bytes_down=pl.when(counted).then(pl.when("turned").then("sent").otherwise("received")),
            session=pl.when("is_ica").then("ica"),
            phase=one_of({"begin": event == "ICASTART"}, otherwise="end"),
            action=one_of({"blocked": blocked}, otherwise="allowed"),
            lease_from=pl.when("is_login").then(pl.lit(stamps.read(read["begun"]))),
            lease_s=pl.when(pl.col("is_login") & (event == "LOGIN")).then(
                pl.when("is_inside").then(HALF_DAY_S).otherwise(SIGN_IN_S)
            ),
            confidence=pl.when(pl.col("is_login") & ~pl.col("is_inside")).then(SIGN_IN_CONFIDENCE),
            closes=pl.col("is_login") & (event == "LOGOUT") & pl.col("is_inside"),
            origin=one_of({"vpn": pl.col("is_login") & pl.col("is_inside"), "directory": pl.col("is_login")}),
            reason=one_of(
                {
                    NO_CONNECTION: ~used.fill_null(False),
                    REPEATED: again,
                    NO_SIGN_IN: pl.col("is_login") & (event == "LOGOUT") & ~pl.col("is_inside"),
                }
            ),
        )


def _read(line: pl.Series) -> pl.DataFrame:
    """The heads of messages, and what their texts say in which words."""
    read = patterns.read(line, _HEAD)
    event, text = pl.col("event"), pl.col("text").fill_null("")
    ends = [text.str.extract(_ENDS[name], 1).alias(name) for name in _ENDS]
    ports = [
        text.str.extract(_ENDS[name], 2).cast(pl.Int64, strict=False).alias(f"{name}_port") for name in _ENDS
    ]
    return read.with_columns(
        *ends,
        *ports,
        user=pl.coalesce(
            text.str.extract(r"\bUser <?([^\s>]+)>?(?: [-:]|,)"),
            text.str.extract(r"username:domainname ([^:\s]+):"),
        ),
        inside=text.str.extract(r"^Context \S+@(\S+) -"),
        is_connection=event.is_in(_CONNECTIONS),
        is_gateway=event.is_in(_GATEWAY),
        is_denied=text.str.contains(r"result is Deny, User .*Dstip: "),
        is_ica=event.is_in(_ICA),
        is_request=event == "HTTPREQUEST",
        is_login=(event.is_in(_LOGINS) & (pl.col("feature") == "SSLVPN")).fill_null(False),
        violation=pl.when(pl.col("feature") == "APPFW").then(text.str.extract(r"\s(https?://\S+)")),
        violator=text.str.extract(rf"^{_ADDRESS} "),
        begun=_stamp(text.str.extract(r"(?i)\bstart_?\s?time \"?(\S+(?: [A-Z]{3,4}\b)?)")),
        ended=_stamp(text.str.extract(r"(?i)\b(?:end_?\s?|delink )time \"?(\S+(?: [A-Z]{3,4}\b)?)")),
        sent=text.str.extract(r"Total_bytes_send (\d+)"),
        received=text.str.extract(r"Total_bytes_recv (\d+)"),
        request=text.str.extract(r"(?: : |:\d\d (?:[A-Z]{3,4} )?)([A-Z]{3,7}(?: \S+|/\S*)) - "),
        asked_host=text.str.extract(r"- (\S+) User \S+ :"),
        nat=text.str.extract(r"\bNatIP (\S+)"),
        ica=text.str.extract(r"\bconnectionId (\S+)"),
    )


def _again(read: pl.DataFrame) -> pl.Series:
    """Is it one half (`CONN_TERMINATE`) of an exchange that a `CONN_DELINK` of these lines tells?"""
    both = read.select(
        pl.concat_str("source", "source_port", separator=":").alias("source"),
        pl.concat_str("destination", "destination_port", separator=":").alias("destination"),
        "nat",
        at=stamps.read(pl.select(pl.coalesce(read["ended"], _stamp(pl.lit(read["time"])))).to_series()),
        whole=pl.col("event").str.ends_with("_DELINK").fill_null(False),
        half=pl.col("event").str.ends_with("CONN_TERMINATE").fill_null(False),
    ).with_row_index("row")
    if not (both["whole"].any() and both["half"].any()):
        return pl.Series([False]).new_from_index(0, read.height)
    whole = both.filter("whole").drop_nulls("at")
    ends = [whole.select("at", end=name) for name in ("source", "nat")]
    told = pl.concat(ends).drop_nulls("end").sort("at")
    halves = both.filter("half").drop_nulls("at").sort("at")
    found = [
        halves.rename({name: "end"})
        .join_asof(
            told.with_columns(met=True),
            on="at",
            by="end",
            strategy="nearest",
            tolerance=_TOGETHER,
            check_sortedness=False,  # sorted above; with `by` Polars cannot tell
        )
        .filter(pl.col("met"))["row"]
        for name in ("source", "destination")
    ]
    return both["row"].is_in(pl.concat(found).implode())


def _stamp(text: pl.Expr) -> pl.Expr:
    """`07/14/2026:19:16:12 GMT` with a space between date and time."""
    return text.str.replace(r"^([\d/]+):", "$1 ").str.strip_chars('" ')
