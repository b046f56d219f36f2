"""dnsmasq and Pi-hole's text log: `query[A] NAME from CLIENT`, and what became of it.

    dnsmasq[831]: query[A] chat.example.com from 10.1.0.7
    dnsmasq[831]: gravity blocked chat.example.com is 0.0.0.0
    dnsmasq[831]: 17 10.1.0.7/49152 query[HTTPS] chat.example.com from 10.1.0.7       log-queries=extra
    dnsmasq: query[A] chat.example.com from 10.1.0.7                in the foreground, as in containers

Only a query names its client. The lines after it (forwarded, reply, cached, config, … blocked)
belong to the latest query of that name above them, and with them those of its aliases; with
`log-queries=extra` to that of the same number and client. They tell whether it was refused, and give
addresses for naming connections.
Source: dnsmasq(8); Pi-hole FTL's dnsmasq_interface.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.reasons import ANSWERED
from sensor.sources.logs.text.words import one_of

_NAME = r"^dnsmasq(?:\[\d+\])?: "
_EXTRA = r"^(?:(?P<serial>\d+) (?P<asker>[0-9a-fA-F.:]+)/(?P<port>\d+) )?"
_QUERY = _EXTRA + r"(?:\w+ )?query\[(?P<type>[^\]]*)\] (?P<name>\S+) from (?P<client>\S+)"
_OUTCOME = (
    _EXTRA
    + r"(?P<how>[A-Za-z/.][\w/. -]*?(?: \((?:NODATA|NXDOMAIN|[^)]*)\))?) (?P<name>\S+) is (?P<what>.+?)$"
)
_SURE = r"^(?:\d+ [0-9a-fA-F.:]+/\d+ )?(?:\w+ )?query\[[\w=-]+\] \S+ from [0-9a-fA-F.:]+"
_BLOCKS = r"blocked|blacklist|denied|special domain|iCloud|canary"
#: Why, by an extended error (RFC 8914).
_WHY = r" \(EDE: .*\)$"
_SINKHOLES = ("0.0.0.0", "::", "127.0.0.1", "::1", "NXDOMAIN", "NODATA", "NODATA-IPv4", "NODATA-IPv6")


class DnsmasqFormat(LogFormat):
    """Reads the log of dnsmasq and of Pi-hole."""

    name = "dnsmasq"
    help = "dnsmasq 2.7x to 2.9x (log-queries, =extra, =proto) and Pi-hole 4 to 6 pihole.log"
    vantage = "dns"
    proof = ("host", "action")
    advice = (
        "`log-queries=extra` ties every line to its client; for Pi-hole give pihole-FTL.db, too: it "
        "knows devices."
    )
    marks = (
        "query[", "dnsmasq", "pihole-ftl", " blocked ", " denied ", " blacklisted ",
    )  # fmt: skip
    claims = (
        pl.when(pl.col("tag").str.contains(r"(?i)^(?:dnsmasq|pihole-FTL)$").fill_null(False))
        .then(pl.lit(True))
        .otherwise(
            pl.col("line").str.contains(f"{_SURE}|{_NAME}")
            | (
                pl.col("tag").is_null()
                & pl.col("line").str.contains(
                    r"^(?:gravity|regex|exactly) (?:blocked|denied|blacklisted) \S+ is "
                )
            )
        )
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per query, told how it ended by the lines below it."""
        line = lines["line"].str.replace(_NAME, "")
        asked = patterns.read(line, _QUERY)
        told = patterns.read(line, _OUTCOME)
        rows = asked.select(
            pl.coalesce("client", "asker").alias("client"),
            "port",
            "type",
            question=pl.col("name"),
            name=pl.coalesce("name", pl.lit(told["name"])),
            serial=pl.coalesce("serial", pl.lit(told["serial"])),
            how=pl.lit(told["how"]),
            what=pl.lit(told["what"]).str.replace(_WHY, ""),
        ).with_row_index("number")
        ended = _outcomes(rows)
        return rows.join(ended, on="number", how="left", maintain_order="left").select(
            "client",
            "answers",
            kind=pl.lit("dns"),
            client_port=pl.col("port"),
            host=pl.col("question"),
            action=one_of({"blocked": pl.col("blocked"), "allowed": pl.col("blocked").is_not_null()}),
            qtype=pl.col("type").str.replace("^type=", ""),
            reason=one_of({ANSWERED: pl.col("question").is_null()}),
        )


def _outcomes(rows: pl.DataFrame) -> pl.DataFrame:
    """What became of each query (by `number`): `blocked`, and the addresses it was answered with."""
    questions = rows.filter(pl.col("question").is_not_null()).with_columns(query=pl.col("number"))
    told = rows.filter(pl.col("question").is_null(), pl.col("what").is_not_null())
    key = pl.coalesce(pl.format("#{}", pl.col("serial")), pl.col("name").str.to_lowercase())
    matched = (
        _unchained(told)
        .with_columns(key=key)
        .join_asof(
            questions.select("number", "query", key=key),
            on="number",
            by="key",
            strategy="backward",
            check_sortedness=False,
        )
    )
    # What another resolver refused, or this one to who asks too often; addresses that lead nowhere are told
    # by all answers (rows/finish.py).
    replied = pl.col("how").str.contains("^(?:reply|cached|config|Rate-limiting)")
    is_refusal = pl.col("what").is_in(["NXDOMAIN", "REFUSED"]) | pl.col("what").str.starts_with("blocked ")
    refused = pl.col("how").str.contains(_BLOCKS) | (replied & is_refusal)
    sunk = pl.col("how").str.contains(r"^(?:config|/etc/|/)") & pl.col("what").is_in(_SINKHOLES)
    address = pl.when(pl.col("what").str.contains(r"^[0-9a-fA-F.:]+$") & ~refused & ~sunk).then("what")
    return (
        matched.drop_nulls("query")
        .group_by(number="query")
        .agg(blocked=(refused | sunk).fill_null(False).any(), answers=address.drop_nulls())
    )


def _unchained(told: pl.DataFrame) -> pl.DataFrame:
    """`told` with the name that was asked for in place of those a chain of aliases led to: its lines stand
    together, `reply NAME is <CNAME>` and the next name's."""
    follows = (pl.col("number").diff() == 1) & (
        (pl.col("what").shift(1) == "<CNAME>") | (pl.col("name") == pl.col("name").shift(1))
    )
    chain = (~follows.fill_null(False)).cum_sum()
    return told.with_columns(name=pl.col("name").first().over(chain))
