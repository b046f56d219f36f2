"""Slices and their labels as rows of `observations`; minutes and flows as rows of `coverage`."""

from __future__ import annotations

import polars as pl

from sensor.decode import fields, rpc
from sensor.decode.addresses import Networks, addresses
from sensor.decode.flow import ENDED, ONE_SIDED, WAS_RESET
from sensor.decode.layout import MINUTE, MINUTE_COUNTS, TCP, Records
from sensor.decode.names import macs, own, seconds
from sensor.decode.tunnels import tunnel_texts
from sensor.schema import COVERAGE, OBSERVATIONS, SENT_KEY, SPEAKS_MCP

#: SLICE fields that have a value per endpoint.
_SIDED = ("bytes", "total", "wire", "packets", "port", "mac")
_PLAIN = ("serial", "start", "first", "last", "number", "protocol", "client", "status", "flags", "events")

_TIME = pl.Datetime("us", "UTC")


def connections(slices: Records, labels: pl.DataFrame, networks: Networks) -> pl.DataFrame:
    """One row per slice, oriented client to server, with what is known of it; see `_observations`."""
    left = _flat(slices).with_row_index("row").sort("events", maintain_order=True)
    right = labels.sort("ordinal", maintain_order=True).rename({"client": "opener"})
    joined = left.join_asof(
        right, left_on="events", right_on="ordinal", by="serial", strategy="backward", check_sortedness=False
    )
    # Whose Initials opened as the client's is certain, whoever's came first.
    certain = joined.with_columns(client=pl.coalesce("opener", "client")).drop("opener")
    return _oriented(certain.sort("row").drop("row"), networks)


def _flat(slices: Records) -> pl.DataFrame:
    """SLICE records as columns: `bytes_0`, `bytes_1` …, addresses in halves."""
    columns: dict[str, pl.Series] = {name: pl.Series(own(slices[name])) for name in _PLAIN}
    for name in _SIDED:
        for side in (0, 1):
            columns[f"{name}_{side}"] = pl.Series(own(slices[name][:, side]))
    columns["duration_s"] = seconds(slices["last"] - slices["first"])
    columns["lost"] = pl.Series(slices["lost"].sum(axis=1))
    columns["tunnel"] = tunnel_texts(own(slices["tunnel"]))
    for place, name in enumerate(("high_0", "low_0", "high_1", "low_1")):
        columns[name] = pl.Series(own(slices["address"][:, place]))
    return pl.DataFrame(columns)


def _oriented(frame: pl.DataFrame, networks: Networks) -> pl.DataFrame:
    """Decide who is the client: SYN, request or Initial > own networks > receiver of a group > higher port.

    `client` is then 0 (not known; the columns keep the order of the endpoints), 1 or 2.
    """
    halves = [(frame[f"high_{side}"].to_numpy(), frame[f"low_{side}"].to_numpy()) for side in (0, 1)]
    own = [networks.internal(*address) for address in halves]
    group = [networks.group(*address) for address in halves]
    port_0, port_1 = pl.col("port_0"), pl.col("port_1")
    guess = (
        pl.when(pl.Series(own[0] & ~own[1]) & ~pl.Series(group[0])).then(1)
        .when(pl.Series(own[1] & ~own[0]) & ~pl.Series(group[1])).then(2)
        .when(pl.Series(group[1] & ~group[0])).then(1)
        .when(pl.Series(group[0] & ~group[1])).then(2)
        .when(port_0 > port_1).then(1)
        .when(port_1 > port_0).then(2)
        .otherwise(0)
    )  # fmt: skip
    frame = frame.with_columns(client=pl.when(pl.col("client") == 0).then(guess).otherwise(pl.col("client")))
    upper = pl.col("client") == 2
    sides = []
    sided = (*_SIDED, "high", "low")
    for name in sided:
        lower_value, upper_value = pl.col(f"{name}_0"), pl.col(f"{name}_1")
        sides.append(pl.when(upper).then(upper_value).otherwise(lower_value).alias(f"{name}_up"))
        sides.append(pl.when(upper).then(lower_value).otherwise(upper_value).alias(f"{name}_down"))
    return frame.with_columns(sides).drop(f"{name}_{side}" for name in sided for side in (0, 1))


def observations(rows: pl.DataFrame) -> pl.DataFrame:
    """`connections` rows as the observations table."""
    known = pl.col("client") > 0
    quic = (pl.col("protocol") != TCP) & (pl.col("events") > 0)
    reset = ((pl.col("flags") & WAS_RESET) != 0) & (pl.col("total_down") == 0)
    frame = rows.select(
        seen_at=pl.col("first").cast(_TIME),
        duration_s="duration_s",
        kind=pl.coalesce("kind", pl.when(quic).then(pl.lit("quic")).otherwise(pl.lit("flow"))),
        action=pl.when(reset).then(pl.lit("reset")).otherwise(pl.lit("allowed")),
        client=pl.when(known).then(_address(rows, "up")),
        client_port=pl.when(known).then("port_up"),
        client_mac=pl.when(known).then(macs(rows["mac_up"].to_numpy())),
        host="host",
        name_from="name_from",
        ech_config="ech_config",
        path="path",
        method="method",
        status=pl.when(pl.col("status") > 0).then("status"),
        user_agent="user_agent",
        **{name: pl.col(name) for name in (fields.OF_REQUESTS | fields.OF_ANSWERS | rpc.COLUMNS)}
        | {"software": _software()},
        ja4="ja4",
        client_class="client_class",
        server=_address(rows, "down"),
        server_port="port_down",
        transport=pl.when(pl.col("protocol") == TCP).then(pl.lit("tcp")).otherwise(pl.lit("udp")),
        tunnel="tunnel",
        bytes_up="bytes_up",
        bytes_down="bytes_down",
        wire_bytes_up="wire_up",
        wire_bytes_down="wire_down",
        packets_up="packets_up",
        packets_down="packets_down",
        lost_bytes="lost",
        total_bytes_up="total_up",
        total_bytes_down="total_down",
        started_at=pl.col("start").cast(_TIME),
        slice="number",
    )
    return OBSERVATIONS.conform(frame)


def _software() -> pl.Expr:
    """What the server says it runs, and what is seen of that: it speaks MCP, it was sent an AI key."""
    speaks = pl.col("mcp_server").is_not_null() | pl.col("mcp_methods").str.contains("^[^:]*$")
    lines = pl.concat_str(
        pl.col("software"),
        pl.when(speaks).then(pl.lit(SPEAKS_MCP)),
        pl.when(pl.col("key_type").is_not_null()).then(pl.lit(SENT_KEY)),
        separator="\n",
        ignore_nulls=True,
    )
    return pl.when(lines != "").then(lines)


def _address(rows: pl.DataFrame, side: str) -> pl.Series:
    return addresses(rows[f"high_{side}"].to_numpy(), rows[f"low_{side}"].to_numpy())


def _minute(column: str) -> pl.Expr:
    return (pl.col(column) // MINUTE * MINUTE).alias("minute")


def flow_counts(rows: pl.DataFrame) -> pl.DataFrame:
    """Coverage counts that connections give: when they started, when they ended, what they lost."""
    flags = pl.col("flags")
    unparsed = (pl.col("protocol") != TCP) & (pl.col("events") > 0) & pl.col("host").is_null()
    begun = rows.filter(pl.col("number") == 0).select(
        _minute("start"),
        first_seen="start",
        last_seen="start",
        flows=pl.lit(1, pl.Int64),
        named_flows=pl.col("host").is_not_null().cast(pl.Int64),
        undecided_flows=(pl.col("client") == 0).cast(pl.Int64),
    )
    ended = rows.filter((flags & ENDED) != 0).select(
        _minute("last"),
        first_seen="last",
        last_seen="last",
        one_sided_flows=((flags & ONE_SIDED) != 0).cast(pl.Int64),
        quic_unparsed=unparsed.cast(pl.Int64),
    )
    lost = rows.filter(pl.col("lost") > 0).select(
        _minute("last"), first_seen="last", last_seen="last", lost_bytes="lost"
    )
    return pl.concat([begun, ended, lost], how="diagonal")


def skip_counts(times: list[int]) -> pl.DataFrame:
    """QUIC Initials that were not decrypted, as coverage counts; `times` are theirs, microseconds."""
    frame = pl.DataFrame({"time": pl.Series(times, dtype=pl.Int64)})
    one = pl.lit(1, pl.Int64)
    return frame.select(_minute("time"), first_seen="time", last_seen="time", quic_skipped=one)


def drop_counts(time: int, drops: int) -> pl.DataFrame:
    """Frames lost before the capture, as known at `time`."""
    return pl.DataFrame({"first_seen": time, "last_seen": time, "kernel_drops": drops}).with_columns(
        _minute("first_seen")
    )


def coverage(minutes: Records, *counts: pl.DataFrame) -> pl.DataFrame:
    """One row per minute from the kernel's minute counters and the counts made here."""
    assert MINUTE_COUNTS.names is not None
    frame = pl.DataFrame({name: own(minutes[name]) for name in MINUTE_COUNTS.names})
    everything = pl.concat([frame, *counts], how="diagonal")
    sums = pl.exclude("minute", "first_seen", "last_seen").sum()
    grouped = everything.group_by("minute").agg(sums, pl.col("first_seen").min(), pl.col("last_seen").max())
    times = [pl.col(name).cast(_TIME) for name in ("minute", "first_seen", "last_seen")]
    return COVERAGE.conform(grouped.sort("minute").with_columns(times))
