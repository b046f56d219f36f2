"""Converts DNS messages to rows: each query once, and every address in its answers.

A query and its response have the same id, ports and addresses (RFC 5452 §9.1). Messages are held until five
seconds after the first one of their lookup, when no more can belong to it, so that rows do not depend on
batch boundaries.

Anyone can send responses. A response counts if its client was seen sending the query within these five
seconds. If a client was never seen sending any query, perhaps only its received traffic is mirrored; then its
responses count, as `unasked`. If its queries are seen, an unsolicited response is rejected.

Networks refuse questions of one type for reasons of their own: HTTPS records against Encrypted Client Hello,
AAAA where they have no IPv6. Such a lookup is not blocked if the same client got an IPv4 address of the name.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from sensor.decode.dissection.addresses import addresses
from sensor.decode.dissection.tunnels import tunnel_texts
from sensor.decode.dns import messages as dns
from sensor.decode.dns.question_types import QUESTION_TYPES
from sensor.decode.kernels.strings import own, seconds, texts
from sensor.decode.layout import MINUTE, SECOND, TCP, Bytes, Records
from sensor.decode.tcp.messages import DNS_MESSAGE
from sensor.schema import ANSWERS, OBSERVATIONS

#: Maximum duration of a lookup: the wait for a response, or for a retry with the same id.
PATIENCE = 5 * SECOND

#: Maximum clients whose queries were seen (the latest).
_MAX_ASKERS = 1 << 18

_A, _OTHER_TYPES = 1, (28, 64, 65)  # AAAA, SVCB, HTTPS
_NXDOMAIN = 3
_REFUSED = 5
#: Extended errors of a refusing resolver (RFC 8914 §4.16 to §4.19): blocked, censored, filtered, prohibited.
_UNWILLING = (15, 16, 17, 18)

_KEY = ("transport", "client", "client_port", "server", "server_port", "id", "host", "type")
_FIELDS = (
    "id", "response", "rcode", "type", "addresses", "null_addresses", "readable", "truncated", "error",
)  # fmt: skip
_TIME = pl.Datetime("us", "UTC")


class Paired(NamedTuple):
    """What a batch of DNS messages gives."""

    #: rows of `observations`, one per query
    questions: pl.DataFrame
    #: rows of `answers`
    answers: pl.DataFrame
    #: counts by minute of unreadable and unsolicited messages
    unusable: pl.DataFrame


class Lookups:
    """Pairs DNS queries with their responses across batches."""

    def __init__(self) -> None:
        self._waiting: pl.DataFrame | None = None
        self._askers = pl.DataFrame(schema={"client": pl.String, "since": pl.Int64})
        self._addressed = pl.DataFrame(schema={"client": pl.String, "host": pl.String, "answered": pl.Int64})

    def read(self, arena: Bytes, events: Records, now: int | None) -> Paired:
        """The rows of finished queries.

        `now` is the newest packet time (microseconds since 1970), None at the end of the input.
        """
        events = events[events["kind"] == DNS_MESSAGE]
        if not events.size and (self._waiting is None or self._waiting.is_empty()):
            return Paired(OBSERVATIONS.empty(), ANSWERS.empty(), _NOTHING_UNUSABLE)
        parsed = dns.parse(arena, own(events["offset"]), own(events["length"]))
        every = _messages(events, parsed.questions, parsed.names).with_row_index("fresh")
        messages = every.filter(pl.col("host").is_not_null())
        if self._waiting is not None:
            messages = pl.concat([self._waiting, messages])
        grouped = _grouped(messages)
        every = self._judged(every, grouped)
        self._note_addresses(every, now)
        waits = pl.lit(False) if now is None else pl.col("time").min().over("group") >= now - PATIENCE
        grouped = grouped.with_columns(waits=waits)
        waiting = grouped.filter("waits").select(messages.columns)
        self._waiting = waiting.with_columns(fresh=pl.lit(None, pl.UInt32))
        answers = _answers(every, parsed)
        questions = _questions(grouped.filter(~pl.col("waits")), self._addressed)
        return Paired(questions, answers, _unusable(every))

    def _judged(self, every: pl.DataFrame, grouped: pl.DataFrame) -> pl.DataFrame:
        """`every` with two flags of responses: the client sent other queries (`asked_other`), or none
        (`unasked`)."""
        asking = every.filter(pl.col("response") == 0).group_by("client").agg(since=pl.col("time").min())
        known = pl.concat([self._askers, asking]).group_by("client").agg(pl.col("since").min())
        self._askers = known.top_k(_MAX_ASKERS, by="since") if known.height > _MAX_ASKERS else known
        asked = grouped.filter((pl.col("response") == 0).any().over("group") & pl.col("fresh").is_not_null())
        joined = every.join(known, on="client", how="left", maintain_order="left")
        unasked = (pl.col("response") == 1) & ~pl.col("fresh").is_in(asked["fresh"].implode())
        asks_here = (pl.col("since") <= pl.col("time")).fill_null(False)
        return joined.with_columns(asked_other=unasked & asks_here, unasked=unasked & ~asks_here).drop(
            "since"
        )

    def _note_addresses(self, every: pl.DataFrame, now: int | None) -> None:
        """Remember who got an IPv4 address of which name, as long as another lookup of it may be waiting."""
        useful = (pl.col("type") == _A) & (pl.col("addresses") > 0) & ~pl.col("asked_other") & ~_is_blocked()
        addressed = every.filter(useful & pl.col("host").is_not_null()).select(
            "client", "host", answered="time"
        )
        kept = self._addressed
        if now is not None:
            kept = kept.filter(pl.col("answered") >= now - 2 * PATIENCE)
        self._addressed = pl.concat([kept, addressed])


def _messages(events: Records, questions: Records, names: Bytes) -> pl.DataFrame:
    """One row per message: client, server, transport and question; host NULL if unreadable."""
    parts = events["address"]
    frame = pl.DataFrame({field: own(questions[field]) for field in _FIELDS}).with_columns(
        pl.Series("time", own(events["time"])),
        pl.Series("protocol", own(events["protocol"])),
        pl.Series("sender", addresses(own(parts[:, 0]), own(parts[:, 1]))),
        pl.Series("receiver", addresses(own(parts[:, 2]), own(parts[:, 3]))),
        pl.Series("sender_port", own(events["port"][:, 0])),
        pl.Series("receiver_port", own(events["port"][:, 1])),
        tunnel=tunnel_texts(own(events["tunnel"])),
        host=texts(names, own(questions["name"]), own(questions["name_length"])),
        cname=texts(names, own(questions["cname"]), own(questions["cname_length"])),
    )
    answer = pl.col("response") == 1
    return frame.with_columns(
        client=pl.when(answer).then("receiver").otherwise("sender"),
        client_port=pl.when(answer).then("receiver_port").otherwise("sender_port"),
        server=pl.when(answer).then("sender").otherwise("receiver"),
        server_port=pl.when(answer).then("sender_port").otherwise("receiver_port"),
        transport=pl.when(pl.col("protocol") == TCP).then(pl.lit("tcp")).otherwise(pl.lit("udp")),
    ).drop("sender", "receiver", "sender_port", "receiver_port", "protocol")


def _answers(messages: pl.DataFrame, parsed: dns.Parsed) -> pl.DataFrame:
    """Rows of ANSWERS: every usable address and ECH configuration with its question."""
    found, configs = parsed.addresses, parsed.ech_configs
    question = (
        pl.col("time").cast(_TIME).alias("answered_at"),
        "client",
        "host",
        "cname",
        "unasked",
        "asked_other",
    )
    to_address = messages[own(found["question"])].select(
        *question,
        pl.Series("address", addresses(own(found["high"]), own(found["low"]))),
        pl.Series("ttl_s", own(found["ttl"])),
        pl.Series("hint", own(found["hint"]) == 1),
    )
    to_config = messages[own(configs["question"])].select(
        *question,
        pl.Series("ttl_s", own(configs["ttl"])),
        pl.Series("ech_config", own(configs["config"])),
        texts(parsed.names, own(configs["name"]), own(configs["name_length"])).alias("ech_public_name"),
    )
    usable = to_address.filter(~pl.col("address").is_in(["0.0.0.0", "::"]))  # noqa: S104 - a sinkhole, no bind
    both = pl.concat([ANSWERS.conform(rows.filter(~pl.col("asked_other"))) for rows in (usable, to_config)])
    return both.unique(maintain_order=True)


def _grouped(messages: pl.DataFrame) -> pl.DataFrame:
    """Adds `group`: messages of one lookup have the same key and are within the maximum duration of the
    first.

    A query after a response does not begin a lookup, because the legs of a TAP arrive out of order.
    """
    ordered = messages.sort(*_KEY, "time", maintain_order=True)
    key = pl.struct(_KEY)
    ordered = ordered.with_columns(run=(key != key.shift()).fill_null(True).cum_sum())
    lasted = pl.col("time").max() - pl.col("time").min()
    is_long = ordered.select((lasted > PATIENCE).over("run")).to_series()
    begins = ordered.select((pl.col("run") != pl.col("run").shift()).fill_null(True)).to_series().to_numpy()
    begins = begins.copy()
    places = np.flatnonzero(is_long.to_numpy())
    begins[places] = _begins(ordered["time"].to_numpy()[places], begins[places])
    return ordered.drop("run").with_columns(group=pl.Series(begins).cum_sum())


def _begins(times: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Starts of lookups in runs of messages that exceed the maximum duration. Only these runs, of clients
    that query without pause, need a sequential scan."""
    found, first = begins.copy(), 0
    for place, (time, is_first) in enumerate(zip(times.tolist(), begins.tolist(), strict=True)):
        if is_first or time - first > PATIENCE:
            found[place], first = True, time
    return found


def _is_blocked() -> pl.Expr:
    """The response refuses the name, says that it does not exist, or answers with nowhere.

    A truncated response does not count, because the client retries over TCP.
    """
    final = (pl.col("response") == 1) & (pl.col("truncated") == 0)
    refused = pl.col("rcode").is_in([_NXDOMAIN, _REFUSED]) | pl.col("error").is_in(_UNWILLING)
    nowhere = (pl.col("null_addresses") > 0) & (pl.col("null_addresses") == pl.col("addresses"))
    return final & (refused | nowhere)


def _questions(grouped: pl.DataFrame, addressed: pl.DataFrame) -> pl.DataFrame:
    """One observation per lookup. `addressed`: who got an IPv4 address of which name, and when."""
    rows = (
        grouped.group_by("group", maintain_order=True)
        .agg(
            pl.col(*_KEY, "tunnel").first(),
            seen_at=pl.col("time").min(),
            lasted=pl.col("time").max() - pl.col("time").min(),
            blocked=_is_blocked().any(),
            cname=pl.col("cname").drop_nulls().first(),
        )
        .sort("seen_at", "group")
    )
    frame = rows.with_columns(
        pl.col("blocked") & ~pl.col("group").is_in(_refused_by_type(rows, addressed).implode())
    ).with_columns(
        pl.col("seen_at").cast(_TIME),
        duration_s=seconds(rows["lasted"].to_numpy()),
        kind=pl.lit("dns"),
        action=pl.when("blocked").then(pl.lit("blocked")).otherwise(pl.lit("allowed")),
        name_from=pl.lit("qname"),
        qtype=pl.col("type").replace_strict(QUESTION_TYPES, default=None, return_dtype=pl.String),
    )
    return OBSERVATIONS.conform(frame)


def _refused_by_type(rows: pl.DataFrame, addressed: pl.DataFrame) -> pl.Series:
    """Groups of the lookups of another type whose client got an IPv4 address at the same time."""
    refused = rows.filter(pl.col("blocked") & pl.col("type").is_in(_OTHER_TYPES))
    if refused.is_empty():
        return refused["group"]
    met = refused.join_asof(
        addressed.sort("answered"), left_on="seen_at", right_on="answered", by=["client", "host"],
        strategy="nearest", tolerance=PATIENCE, coalesce=False, check_sortedness=False,
    )  # fmt: skip
    return met.filter(pl.col("answered").is_not_null())["group"]


_NOTHING_UNUSABLE = pl.DataFrame(
    schema=dict.fromkeys(("minute", "first_seen", "last_seen", "rejected"), pl.Int64)
)


def _unusable(messages: pl.DataFrame) -> pl.DataFrame:
    """Coverage counts of messages without a readable question, and of unsolicited responses."""
    return messages.filter((pl.col("readable") == 0) | pl.col("asked_other")).select(
        (pl.col("time") // MINUTE * MINUTE).alias("minute"),
        first_seen="time",
        last_seen="time",
        rejected=pl.lit(1, pl.Int64),
    )
