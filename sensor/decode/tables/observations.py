"""Converts slices and their labels to rows of `observations`, and counters to rows of `coverage`."""

from __future__ import annotations

import numpy as np
import polars as pl

from sensor.decode.dissection.addresses import Networks, addresses
from sensor.decode.dissection.tunnels import tunnel_texts
from sensor.decode.flows.table import ASKED, ENDED, ONE_SIDED, WAS_RESET
from sensor.decode.http import bodies, fields, json_rpc
from sensor.decode.kernels.strings import macs, own, seconds
from sensor.decode.layout import MINUTE, MINUTE_COUNTS, TCP, Records
from sensor.decode.streaming.answers import COLUMNS
from sensor.decode.tables.labels import SCHEMA
from sensor.schema import COVERAGE, OBSERVATIONS, SENDS, SENDS_STREAMS, SENT_KEY, SPEAKS_MCP, STREAM_CLASSES

#: SLICE fields with a value per endpoint.
_SIDED = ("bytes", "total", "wire", "packets", "port", "mac")
_PLAIN = ("start", "first", "last", "number", "protocol", "status", "flags", "events")

_TIME = pl.Datetime("us", "UTC")

#: Columns of labels that become columns of observations.
_LABELS = {
    name: dtype for name, dtype in SCHEMA.items() if name not in ("serial", "ordinal", "time", "client")
}

#: Bits of the message number in keys of connection and message.
_ORDINAL_BITS = 16


def connections(slices: Records, labels: pl.DataFrame, networks: Networks) -> pl.DataFrame:
    """One row per slice, oriented from client to server (`port_up`, `port_down` …), with its label columns.

    Label columns that are all NULL are omitted; `together` adds them. `client` is the endpoint of the client,
    1 or 2, or 0 if unknown; then the endpoints keep their order.
    """
    labelled = _labels_of(slices, labels)
    client = _clients(slices, labelled, networks)
    every, upper = np.arange(slices.size), (client == 2).astype(np.intp)
    columns: dict[str, Records] = {name: own(slices[name]) for name in _PLAIN} | {"client": client}
    halves = slices["address"].reshape(-1, 2, 2)
    for side, endpoint in (("up", upper), ("down", 1 - upper)):
        columns |= {f"{name}_{side}": slices[name][every, endpoint] for name in _SIDED}
        columns[f"high_{side}"], columns[f"low_{side}"] = halves[every, endpoint].T.copy()
    frame = pl.DataFrame(
        columns
        | {
            "duration_s": seconds(slices["last"] - slices["first"]),
            "lost": slices["lost"].sum(axis=1),
            "tunnel": tunnel_texts(own(slices["tunnel"])),
        }
    )
    return frame.hstack(labelled.drop("client", strict=False))


def together(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Rows of `connections` as one frame, with all columns of labels and turns."""
    rows = pl.concat(parts, how="diagonal")
    wanted = (_LABELS | COLUMNS).items()
    missing = {name: pl.lit(None, dtype) for name, dtype in wanted if name not in rows.columns}
    return rows.with_columns(**missing)


def _labels_of(slices: Records, labels: pl.DataFrame) -> pl.DataFrame:
    """The last label of the connection of each slice by its end; NULL if none. Omits empty columns."""
    keys = _key(labels["serial"].to_numpy(), labels["ordinal"].to_numpy())
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    latest: Records = np.searchsorted(keys, _key(slices["serial"], slices["events"]), side="right") - 1
    known = latest >= 0
    known[known] = keys[latest[known]] >> _ORDINAL_BITS == slices["serial"][known]
    rows = np.full(slices.size, -1, np.int64)
    rows[known] = order[latest[known]]
    of_slices = pl.Series(rows).replace(-1, None)
    known_columns = [column.name for column in labels if column.null_count() < labels.height]
    return labels.select(pl.col(known_columns).exclude("serial", "ordinal").gather(of_slices))


def _key(serials: Records, ordinals: Records) -> Records:
    return serials << _ORDINAL_BITS | ordinals


def _clients(slices: Records, labelled: pl.DataFrame, networks: Networks) -> Records:
    """The client, by precedence: decrypted Initial, SYN or request, internal network, sender to a group,
    higher port."""
    client = own(slices["client"])
    if "client" in labelled.columns:
        client = np.where(labelled["client"].is_null(), client, labelled["client"].fill_null(0).to_numpy())
    undecided = np.flatnonzero(client == 0)
    if undecided.size:
        client[undecided] = _guessed(slices[undecided], networks)
    return client


def _guessed(slices: Records, networks: Networks) -> Records:
    halves = [own(slices["address"][:, place]) for place in range(4)]
    ours = [networks.internal(*halves[at : at + 2]) for at in (0, 2)]
    group = [networks.group(*halves[at : at + 2]) for at in (0, 2)]
    lower, upper = slices["port"].T
    return np.select(
        [
            ours[0] & ~ours[1] & ~group[0], ours[1] & ~ours[0] & ~group[1], group[1] & ~group[0],
            group[0] & ~group[1], lower > upper, upper > lower,
        ],
        [1, 2, 1, 2, 1, 2],
        default=0,
    )  # fmt: skip


def observations(rows: pl.DataFrame, networks: Networks) -> pl.DataFrame:
    """Rows of `together` as rows of the table `observations`."""
    known = pl.col("client") > 0
    reset = ((pl.col("flags") & WAS_RESET) != 0) & (pl.col("total_down") == 0)
    frame = rows.select(
        seen_at=pl.col("first").cast(_TIME),
        duration_s="duration_s",
        kind=pl.coalesce("kind", pl.when(_is_quic()).then(pl.lit("quic")).otherwise(pl.lit("flow"))),
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
        **{
            name: pl.col(name)
            for name in (fields.OF_REQUESTS | fields.OF_ANSWERS | json_rpc.COLUMNS | bodies.COLUMNS)
        }
        | {"software": _software(_streams_inside(rows, networks))},
        **{name: pl.col(name) for name in COLUMNS},
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
        asks=(pl.col("flags") & ASKED) != 0,
    )
    return OBSERVATIONS.conform(frame)


def _is_quic() -> pl.Expr:
    """True for QUIC, and for RDMA, the only other protocol over UDP of which messages are read.

    The label of RDMA is of kind `flow`.
    """
    return (pl.col("protocol") != TCP) & (pl.col("events") > 0)


def _streams_inside(rows: pl.DataFrame, networks: Networks) -> pl.Series:
    """True where an internal server sent answers that look like those of a language model."""
    surest = (rows["stream_like"] == STREAM_CLASSES[0]).fill_null(False)
    if surest.any():
        surest &= pl.Series(networks.internal(rows["high_down"].to_numpy(), rows["low_down"].to_numpy()))
    return surest


def _software(streams: pl.Series) -> pl.Expr:
    """The software of the server: as reported, and as observed (MCP, a received key, a sent model, token
    streams)."""
    speaks = pl.col("mcp_server").is_not_null() | pl.col("mcp_methods").str.contains("^[^:]*$")
    lines = pl.concat_str(
        pl.col("software"),
        pl.when(speaks).then(pl.lit(SPEAKS_MCP)),
        pl.when(pl.col("key_type").is_not_null()).then(pl.lit(SENT_KEY)),
        SENDS + pl.col("content"),
        pl.when(streams).then(pl.lit(SENDS_STREAMS)),
        separator="\n",
        ignore_nulls=True,
    )
    return pl.when(lines != "").then(lines)


def _address(rows: pl.DataFrame, side: str) -> pl.Series:
    return addresses(rows[f"high_{side}"].to_numpy(), rows[f"low_{side}"].to_numpy())


def _minute(column: str) -> pl.Expr:
    return (pl.col(column) // MINUTE * MINUTE).alias("minute")


def flow_counts(rows: pl.DataFrame, networks: Networks) -> pl.DataFrame:
    """Counts by minute for coverage: connections started and ended, bytes lost.

    What is sent to a group (DHCP, SSDP …) is no connection: it has neither a name nor another direction.
    """
    rows = rows.filter(~pl.Series(networks.group(rows["high_down"].to_numpy(), rows["low_down"].to_numpy())))
    flags, nameless = pl.col("flags"), pl.col("host").is_null()
    unparsed = _is_quic() & pl.col("kind").ne_missing("flow") & nameless
    found = [
        _counted(rows, pl.col("number") == 0, "start", flows=pl.col("number") == 0, named_flows=~nameless,
                 undecided_flows=pl.col("client") == 0),
        _counted(rows, (flags & ENDED) != 0, "last", one_sided_flows=(flags & ONE_SIDED) != 0,
                 quic_unparsed=unparsed),
        _counted(rows, pl.col("lost") > 0, "last", lost_bytes=pl.col("lost")),
    ]  # fmt: skip
    return pl.concat(pl.collect_all(found), how="diagonal")


def _counted(rows: pl.DataFrame, which: pl.Expr, time: str, **counts: pl.Expr) -> pl.LazyFrame:
    """Sums over `which` of the `rows` by the minute of their `time`."""
    seen = {"first_seen": pl.col(time).min(), "last_seen": pl.col(time).max()}
    sums = {name: count.cast(pl.Int64).sum() for name, count in counts.items()}
    return rows.lazy().filter(which).group_by(_minute(time)).agg(**seen, **sums)


def skip_counts(times: list[int]) -> pl.DataFrame:
    """Counts by minute of skipped QUIC Initials with these `times` (microseconds since 1970)."""
    frame = pl.DataFrame({"time": pl.Series(times, dtype=pl.Int64)})
    one = pl.lit(1, pl.Int64)
    return frame.select(_minute("time"), first_seen="time", last_seen="time", quic_skipped=one)


def drop_counts(time: int, drops: int) -> pl.DataFrame:
    """The count of frames dropped during capture, for the minute of `time`."""
    return pl.DataFrame({"first_seen": time, "last_seen": time, "kernel_drops": drops}).with_columns(
        _minute("first_seen")
    )


def minute_counts(minutes: Records) -> pl.DataFrame:
    """The counters of the kernels as counts by minute."""
    assert MINUTE_COUNTS.names is not None
    return pl.DataFrame({name: own(minutes[name]) for name in MINUTE_COUNTS.names})


def coverage(counts: list[pl.DataFrame]) -> pl.DataFrame:
    """Rows of the table `coverage`: the sums of all `counts`, one row per minute."""
    everything = pl.concat(counts, how="diagonal")
    sums = pl.exclude("minute", "first_seen", "last_seen").sum()
    grouped = everything.group_by("minute").agg(sums, pl.col("first_seen").min(), pl.col("last_seen").max())
    times = [pl.col(name).cast(_TIME) for name in ("minute", "first_seen", "last_seen")]
    return COVERAGE.conform(grouped.sort("minute").with_columns(times))
