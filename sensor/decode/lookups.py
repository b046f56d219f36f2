"""DNS messages as rows: each question once, and every address it was answered with.

A question and its answer carry the same id, ports and addresses. Messages wait until five seconds after
the last of them, so that a row depends on nothing but the packets, wherever a batch was cut.
"""

from __future__ import annotations

import polars as pl

from sensor.decode import dns
from sensor.decode.layout import SECOND, Bytes, Records
from sensor.decode.messages import DNS_MESSAGE
from sensor.decode.names import addresses, own, seconds, texts
from sensor.schema import ANSWERS, OBSERVATIONS

#: Longest wait for an answer, or for a client to ask again under the same id.
PATIENCE = 5 * SECOND

_NXDOMAIN = 3
_REFUSED = 5

_KEY = ("client", "client_port", "server", "server_port", "id", "host", "type")
_TIME = pl.Datetime("us", "UTC")


class Lookups:
    """Pairs DNS questions with their answers, across batches."""

    def __init__(self) -> None:
        self._waiting: pl.DataFrame | None = None

    def read(self, arena: Bytes, events: Records, now: int | None) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of `observations` and `answers` from this batch's messages; `now` None at the end of input."""
        messages, answers = _messages(arena, events[events["kind"] == DNS_MESSAGE])
        if self._waiting is not None:
            messages = pl.concat([self._waiting, messages])
        grouped = _grouped(messages)
        waits = pl.lit(False) if now is None else pl.col("time").max().over("group") >= now - PATIENCE
        grouped = grouped.with_columns(waits=waits)
        self._waiting = grouped.filter("waits").select(messages.columns)
        return _questions(grouped.filter(~pl.col("waits"))), answers


def _messages(arena: Bytes, events: Records) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row per message with a readable question, and the answers table."""
    begins, lengths = own(events["offset"]), own(events["length"])
    questions, names, found = dns.parse(arena, begins, lengths)

    def name(field: str) -> pl.Series:
        at, length = (
            own(questions[field]),
            own(questions[f"{field}_length"]),
        )
        return texts(names, at, length)

    parts = events["address"]
    sender = addresses(own(parts[:, 0]), own(parts[:, 1]))
    receiver = addresses(own(parts[:, 2]), own(parts[:, 3]))
    columns = {
        field: own(questions[field])
        for field in ("id", "response", "rcode", "type", "addresses", "null_addresses")
    }
    frame = pl.DataFrame(columns).with_columns(
        pl.Series("time", own(events["time"])),
        pl.Series("sender", sender),
        pl.Series("receiver", receiver),
        pl.Series("sender_port", own(events["port"][:, 0])),
        pl.Series("receiver_port", own(events["port"][:, 1])),
        host=name("name"),
        cname=name("cname"),
    )
    answer = pl.col("response") == 1
    frame = frame.with_columns(
        client=pl.when(answer).then("receiver").otherwise("sender"),
        client_port=pl.when(answer).then("receiver_port").otherwise("sender_port"),
        server=pl.when(answer).then("sender").otherwise("receiver"),
        server_port=pl.when(answer).then("sender_port").otherwise("receiver_port"),
    ).drop("sender", "receiver", "sender_port", "receiver_port")
    return frame.filter(pl.col("host").is_not_null()), _answers(frame, found)


def _answers(messages: pl.DataFrame, found: Records) -> pl.DataFrame:
    """The answers table: every usable address with the question it belongs to."""
    rows = messages[own(found["question"])]
    high, low = own(found["high"]), own(found["low"])
    frame = rows.select(
        pl.col("time").cast(_TIME).alias("answered_at"),
        "client",
        pl.Series("address", addresses(high, low)),
        "host",
        "cname",
        pl.Series("ttl_s", own(found["ttl"])),
    )
    usable = ~pl.col("address").is_in(["0.0.0.0", "::"])  # noqa: S104 - a sinkhole's answer, not a bind
    return ANSWERS.conform(frame.filter(usable & pl.col("host").is_not_null()).unique(maintain_order=True))


def _grouped(messages: pl.DataFrame) -> pl.DataFrame:
    """Messages of one lookup share a `group`: the same key, no gap longer than the patience."""
    ordered = messages.sort(*_KEY, "time", maintain_order=True)
    key = pl.struct(_KEY)
    pause = pl.col("time") - pl.col("time").shift()
    begins = (key != key.shift()).fill_null(True) | (pause > PATIENCE).fill_null(True)
    return ordered.with_columns(group=begins.cum_sum())


def _questions(grouped: pl.DataFrame) -> pl.DataFrame:
    """One observation per lookup: blocked if refused, said not to exist, or answered with nowhere."""
    refused = (pl.col("response") == 1) & pl.col("rcode").is_in([_NXDOMAIN, _REFUSED])
    nowhere = (pl.col("null_addresses") > 0) & (pl.col("null_addresses") == pl.col("addresses"))
    rows = grouped.group_by("group", maintain_order=True).agg(
        pl.col(*_KEY).first(),
        seen_at=pl.col("time").min(),
        lasted=pl.col("time").max() - pl.col("time").min(),
        blocked=(refused | nowhere).any(),
        cname=pl.col("cname").drop_nulls().first(),
    )
    frame = rows.sort("seen_at", "group").with_columns(
        pl.col("seen_at").cast(_TIME),
        duration_s=seconds(rows.sort("seen_at", "group")["lasted"].to_numpy()),
        kind=pl.lit("dns"),
        action=pl.when("blocked").then(pl.lit("blocked")).otherwise(pl.lit("allowed")),
        name_from=pl.lit("qname"),
        transport=pl.lit("udp"),
    )
    return OBSERVATIONS.conform(frame)
