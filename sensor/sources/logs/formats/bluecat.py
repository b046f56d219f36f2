"""BlueCat Edge (DNS Edge service points): a lookup as JSON; DNS/DHCP Server (Adonis): LEEF.

    {"time":1791280800000,"source":{"ipAddress":"10.1.2.3",…},"question":{"name":"…"},"actionTaken":"block",…}
    {"time":1791280800000,"source":"10.1.2.3","query":"…","queryType":"A","response":"NOERROR","actionTaken":"block",…}
    LEEF:1.0|BCN|Adonis|7.1.0|DHCP_Message|cat=ACK<TAB>srcMAC=02:00:00:00:00:0a<TAB>src=10.1.2.3
    LEEF:1.0|BCN|Adonis|7.1.0|DNS_Query|cat=A_record<TAB>src=10.1.2.3<TAB>url=chat.example.com

`source.ipAddress` asked the service point at `source.serviceIp`. The flat layout is the API's:
`dnsQueryLogs`, and `dnsQueryLog/stream` for a SIEM, which holds only lookups that match a policy
(`extracted_source` since service point 4). `actionTaken` is `query-response`
(answered) or what a policy did: `block`, `redirect`, `monitor`. `time` is epoch in milliseconds.
Adonis has no time of its own: syslog's is taken. Source: BlueCat Edge, "DNS query log format", API guide
(v2, v3); IBM, "DSM
Configuration Guide", BlueCat Networks Adonis.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import cef, dhcp, layouts, lookups, objects
from sensor.sources.logs.text.reasons import NO_ADDRESS
from sensor.sources.logs.text.words import one_of

_WANTED = {
    "time": "time", "client": "source.ipAddress|extracted_source|source", "server": "source.serviceIp",
    "host": "question.name|query", "type": "question.type|question.questionType|queryType",
    "action": "actionTaken", "code": "response", "user": "identity.userId",
}  # fmt: skip


class BluecatFormat(LogFormat):
    """Reads lookups of BlueCat Edge."""

    name = "bluecat"
    help = "BlueCat Edge / DNS Edge query logs (JSON), DNS/DHCP Server (Adonis, LEEF)"
    vantage = "dns"
    proof = ("host", "user", "device", "action")
    marks = ('"actiontaken"', "|bcn|")
    claims = (
        objects.having("source", "question", "actionTaken")
        | (
            objects.having("query", "queryType", "actionTaken")
            & objects.having_any("source", "extracted_source")
        )
        | cef.claims("BCN", "Adonis")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per lookup or lease."""
        return layouts.read(lines, [(r"^\s*\{", _edge), (pl.lit(True), _adonis)])


def _edge(lines: pl.DataFrame) -> pl.DataFrame:
    read = objects.read(lines["line"], _WANTED, lists=["answers[].rData"])
    # Of answers, addresses alone; names of a chain are not.
    addresses = pl.col("answers[].rData").list.filter(pl.element().str.contains(r"^[0-9a-fA-F.:]+$"))
    policy = pl.col("action").is_in(["block", "redirect"]).fill_null(False)
    return read.select(
        time="time",
        kind=pl.lit("dns"),
        client="client",
        user_name="user",
        host="host",
        server="server",
        answers=addresses,
        action=one_of({"blocked": policy}, otherwise=lookups.verdict(pl.col("code"))),
        qtype=pl.col("type"),
    )


def _adonis(lines: pl.DataFrame) -> pl.DataFrame:
    read = cef.read(lines["line"], ("cat", "src", "srcMAC", "url"))
    given = ((pl.col("event") == "DHCP_Message") & (pl.col("cat") == "ACK")).fill_null(False)
    asked = (pl.col("event") == "DNS_Query").fill_null(False)
    return read.select(
        kind=one_of({"lease": given}, otherwise="dns"),
        client="src",
        client_mac="srcMAC",
        host=pl.when(asked).then("url"),
        action=one_of({"unknown": asked}),
        lease_s=pl.when(given).then(dhcp.ASSUMED_S),
        origin=one_of({"dhcp": given}),
        confidence=pl.when(given).then(dhcp.ASSUMED),
        qtype=pl.col("cat").str.extract(r"^([A-Z]+)_record$"),
        reason=one_of({NO_ADDRESS: ~given & ~asked}),
    )
