"""Labels: names, methods and fingerprints from the first messages of connections.

A label describes the connection `serial` as known after its message number `ordinal`. A slice gets the last
label known when it ended, so that no row depends on batch boundaries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import polars as pl

from sensor.decode.http import bodies, fields, http1, http2, json_rpc
from sensor.decode.kernels.strings import columns, host_name, own, texts
from sensor.decode.layout import Bytes, Records
from sensor.decode.quic.handshakes import Attempts
from sensor.decode.tcp import cluster_protocols
from sensor.decode.tcp.messages import (
    BODY,
    CERTIFICATE,
    FIRST_BYTES,
    HELLO,
    INITIAL,
    JSON_RPC,
    PREFACE,
    REQUEST,
    RESPONSE,
)
from sensor.decode.tls import certificate
from sensor.decode.tls import client_hello as tls
from sensor.decode.tls.ja4 import fingerprint

SCHEMA: dict[str, pl.DataType] = {
    "serial": pl.Int64(),  # connection
    "ordinal": pl.Int64(),  # number of its messages read by then
    "time": pl.Int64(),  # of the message, microseconds
    "kind": pl.String(),  # tls, quic, http or flow
    "host": pl.String(),
    "name_from": pl.String(),  # sni, quic_sni, http_host or certificate; NULL without a host
    "method": pl.String(),
    "path": pl.String(),
    "user_agent": pl.String(),
    "ja4": pl.String(),
    "client_class": pl.String(),  # browser or program
    "ech": pl.Int64(),  # 1 if the ClientHello has ECH, real or GREASE, else 0; NULL if truncated
    "ech_config": pl.Int64(),  # its config_id
    **fields.OF_REQUESTS,
    **fields.OF_ANSWERS,
    **json_rpc.COLUMNS,
    **bodies.COLUMNS,
    "client": pl.Int64(),  # QUIC: endpoint whose Initials decrypt as the client: 1 lower, 2 upper
}

#: Columns that apply to one request and its response only.
_OF_A_REQUEST = ("credential", "key_type", "key_print", "streamed", "content")
#: Columns whose NULL means that the value of the label before remains valid.
_LASTING = [n for n in SCHEMA if n not in ("serial", "ordinal", "time", "kind", *_OF_A_REQUEST)]

_KEY = ("serial", "ordinal")
_OF_HELLOS = ("host", "name_from", "ja4", "client_class", "ech", "ech_config", "client")
_OF_HTTP = tuple(fields.OF_REQUESTS | fields.OF_ANSWERS | json_rpc.COLUMNS | bodies.COLUMNS)
#: Columns by kind of label.
_COLUMNS = {
    "tls": _OF_HELLOS,
    "quic": _OF_HELLOS,
    "http": ("host", "name_from", "method", "path", "user_agent", *_OF_HTTP),
    "flow": ("software",),
}
#: Texts that connections share: dictionary-encoded.
_TEXTS = ("host", "method", "path", "user_agent", "ja4", *fields.OF_REQUESTS, "software")
#: Compact types of other columns between batches.
_COMPACT: dict[str, pl.DataType] = {
    "ordinal": pl.UInt16(),
    "name_from": pl.Enum(["sni", "quic_sni", "http_host", "certificate"]),
    "client_class": pl.Enum(["browser", "program"]),
    "ech": pl.Int8(),
    "ech_config": pl.Int16(),
    "client": pl.Int8(),
}

#: Chunks before a frame is rechunked.
_MAX_CHUNKS = 64
#: Labels of ended connections that may accumulate in addition to those of open ones.
_SLACK = 1 << 16

Parsed = TypeVar("Parsed")


def from_hellos(
    data: Bytes, begins: Records, lengths: Records, known: pl.DataFrame, *, quic: bool
) -> pl.DataFrame:
    """Labels of ClientHellos; `known` has serial, ordinal and time of each."""
    hellos, text = tls.parse(data, begins, lengths, "q" if quic else "t")
    host = texts(data, own(hellos["sni"]), own(hellos["sni_length"]), tls.server_name, unless=tls.PLAIN_NAME)
    alpn = texts(data, own(hellos["alpn"]), own(hellos["alpn_length"]))
    outer, complete = (pl.Series(hellos[name] == 1) for name in ("ech", "complete"))
    config = pl.Series(own(hellos["ech_config"]))
    prints = own(hellos["print_length"])
    return known.with_columns(
        host=host,
        name_from=pl.when(host.is_not_null()).then(pl.lit("quic_sni" if quic else "sni")),
        ja4=texts(text, own(hellos["print"]), prints, fingerprint, longest=int(prints.max(initial=0))),
        client_class=_client_class(hellos, alpn),
        ech=pl.when(outer | complete).then(outer.cast(pl.Int64)),
        ech_config=pl.when(outer & (config >= 0)).then(config),
    )


def _client_class(hellos: Records, alpn: pl.Series) -> pl.Series:
    """browser or program, from the features of the ClientHello; NULL if it is truncated.

    A program sends neither GREASE ciphers nor compress_certificate; if it sends ECH, its first ALPN protocol
    is neither h2 nor h3. Programs that imitate browsers count as browsers.
    """
    shape = pl.DataFrame(
        {name: own(hellos[name]) for name in ("grease", "compress_certificate", "ech", "complete")}
    )
    plain = (pl.col("grease") == 0) & (pl.col("compress_certificate") == 0)
    modern = pl.Series("modern", alpn.is_in(["h2", "h3"]).fill_null(False))
    program = plain & ((pl.col("ech") == 0) | ~pl.col("modern"))
    answer = pl.when(program).then(pl.lit("program")).otherwise(pl.lit("browser"))
    return shape.with_columns(modern).select(c=pl.when(pl.col("complete") == 1).then(answer))["c"]


def from_requests(data: Bytes, begins: Records, lengths: Records, known: pl.DataFrame) -> pl.DataFrame:
    """Labels of HTTP/1 request heads; `known` as in `from_hellos`. Invalid heads have no row.

    Nothing extends to the end of a whole head, which is an empty line: what does is cut, and no value.
    """
    heads = http1.parse(data, begins, lengths)

    def part(name: str, transform: Callable[[str], str | None] | None = None) -> pl.Series:
        at, size = own(heads[name]), own(heads[f"{name}_length"])
        return texts(data, at, size * (at + size < begins + lengths), transform)

    host = part("host", host_name)
    return known.with_columns(
        host=host,
        name_from=pl.when(host.is_not_null()).then(pl.lit("http_host")),
        method=part("method"),
        path=part("path"),
        user_agent=part("agent"),
        **columns(fields.OF_REQUESTS, _parse_distinct(data, begins, lengths, fields.of_request)),
    ).filter(pl.col("method").is_not_null())


def from_answers(data: Bytes, begins: Records, lengths: Records, known: pl.DataFrame) -> pl.DataFrame:
    """Labels of HTTP/1 response heads; `known` as in `from_hellos`."""
    found = _parse_distinct(data, begins, lengths, fields.of_answer)
    return known.with_columns(**columns(fields.OF_ANSWERS, found))


def from_prefaces(data: Bytes, begins: Records, lengths: Records, known: pl.DataFrame) -> pl.DataFrame:
    """Labels of the first requests of cleartext HTTP/2 connections; `known` as in `from_hellos`."""
    requests = _parse_distinct(data, begins, lengths, http2.first_request)
    columns = {
        field: pl.Series([getattr(r, field) if r else None for r in requests], dtype=pl.String)
        for field in ("method", "path", "user_agent")
    }
    names = [host_name(r.host) if r and r.host else None for r in requests]
    host = pl.Series(names, dtype=pl.String)
    return known.with_columns(
        host=host,
        name_from=pl.when(host.is_not_null()).then(pl.lit("http_host")),
        **columns,
    )


def from_certificates(data: Bytes, begins: Records, lengths: Records, known: pl.DataFrame) -> pl.DataFrame:
    """Labels of TLS server certificates that have a name; `known` as in `from_hellos`."""
    leaves = [certificate.leaf(messages) for messages in _parse_distinct(data, begins, lengths, bytes)]
    host = pl.Series([certificate.name(der) if der else None for der in leaves], dtype=pl.String)
    labels = known.with_columns(host=host, name_from=pl.lit("certificate"))
    return labels.filter(host.is_not_null())


def _parse_distinct(
    data: Bytes, begins: Records, lengths: Records, parse: Callable[[bytes], Parsed]
) -> list[Parsed]:
    """The result of `parse` for each message, computed once per distinct message."""
    done: dict[bytes, Parsed] = {}
    answers = []
    for begin, length in zip(begins.tolist(), lengths.tolist(), strict=True):
        message = data[begin : begin + length].tobytes()
        if message not in done:
            done[message] = parse(message)
        answers.append(done[message])
    return answers


def filled(labels: pl.DataFrame) -> pl.DataFrame:
    """`labels` with missing values filled from earlier labels of the same connection.

    A certificate is valid for many hosts, so it names only connections without another name.
    """
    several = labels["serial"].is_duplicated()  # few connections have more than one label
    if not several.any():
        return labels
    ordered = labels.filter(several).sort("serial", "ordinal", maintain_order=True)
    named = pl.col("host").forward_fill().shift(1).over("serial").is_not_null()
    superfluous = named & (pl.col("name_from") == "certificate").fill_null(False)
    ordered = ordered.with_columns(
        pl.when(~superfluous).then(pl.col("host", "name_from")).name.keep(),
    )
    asks = pl.col("method").is_not_null().cum_sum().over("serial")
    lasting = ordered.with_columns(
        pl.col(_LASTING).forward_fill().over("serial"),
        pl.col(_OF_A_REQUEST).forward_fill().over("serial", asks),
    )
    return pl.concat([labels.filter(~several), lasting])


class _Store:
    """The labels of one kind, stored compactly: there may be a million."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._columns = _KEY + _COLUMNS[kind]
        self._schema = self._fresh_schema()
        self._labels = pl.DataFrame(schema=self._schema)

    def _fresh_schema(self) -> dict[str, pl.DataType]:
        """Compact types of the columns, with an empty dictionary of texts."""
        texts = pl.Categorical(pl.Categories.random())
        return {n: texts if n in _TEXTS else _COMPACT.get(n, SCHEMA[n]) for n in self._columns}

    def add(self, labels: pl.DataFrame) -> None:
        """Add new labels of this kind."""
        columns = [name for name in self._schema if name in labels.columns]
        compact = labels.select(pl.col(name).cast(self._schema[name]) for name in columns)
        self._labels = pl.concat([self._labels, compact], how="diagonal")
        if self._labels.n_chunks() > _MAX_CHUNKS:
            self._labels = self._labels.rechunk()

    def of(self, serials: pl.Series) -> pl.DataFrame:
        """The labels of the connections `serials`, as they were added, without `time`."""
        # Connections that end together often began together, so a range filter drops most labels.
        near = self._labels.filter(pl.col("serial").is_between(serials.min(), serials.max()))
        found = near.lazy().filter(pl.col("serial").is_in(serials.implode()))
        columns = [pl.col(name).cast(SCHEMA[name]) for name in self._schema]
        return found.select(*columns, kind=pl.lit(self._kind)).collect()

    def is_crowded(self, living: int) -> bool:
        """True if most labels belong to other than the `living` connections (their number)."""
        return self._labels.height > 2 * living + _SLACK

    def forget(self, living: Records) -> None:
        """Drop the labels of connections not in `living`, and texts used by these only."""
        serials = pl.Series(living, dtype=pl.Int64)
        self._labels = self._labels.filter(pl.col("serial").is_in(serials.implode())).rechunk()
        self._schema = self._fresh_schema()
        for name in self._columns:  # one by one, because decoded texts take much memory
            if name in _TEXTS:
                text = pl.col(name).cast(pl.String).cast(self._schema[name])
                self._labels = self._labels.with_columns(text)


class Labels:
    """The labels of open connections, across batches."""

    def __init__(self) -> None:
        self._attempts = Attempts()
        self._calls = json_rpc.Calls()
        self._stores = {kind: _Store(kind) for kind in _COLUMNS}
        self._skipped: list[int] = []

    def read(self, arena: Bytes, events: Records, serials: Records) -> pl.DataFrame:
        """The labels (`filled`, without `time`) of the connections `serials`, which have slices in this
        batch."""
        for kind, labels in self._read(arena, events):
            self._stores[kind].add(labels)
        wanted = pl.Series(own(serials), dtype=pl.Int64)
        known = pl.concat([_NONE, *(store.of(wanted) for store in self._stores.values())], how="diagonal")
        return filled(known)

    def skipped(self) -> list[int]:
        """Times (microseconds) of QUIC Initials that were skipped for lack of budget since the last call."""
        times, self._skipped = self._skipped, []
        return times

    def is_crowded(self, living: int) -> bool:
        """True if so many entries belong to other than the `living` connections that `forget` pays."""
        return self._attempts.is_crowded(living) or any(s.is_crowded(living) for s in self._stores.values())

    def forget(self, living: Records) -> None:
        """Free the entries of connections that are not among the serials `living`."""
        for store in self._stores.values():
            if store.is_crowded(living.size):
                store.forget(living)
        self._attempts.forget(living)
        self._calls.forget(living)

    def _read(self, arena: Bytes, events: Records) -> Iterator[tuple[str, pl.DataFrame]]:
        """Labels and their kind: of names in incomplete ClientHellos, and of each kind of message."""
        readers = {HELLO: ("tls", _from_tls_hellos), REQUEST: ("http", from_requests),
                   PREFACE: ("http", from_prefaces), RESPONSE: ("http", from_answers),
                   CERTIFICATE: ("tls", from_certificates), JSON_RPC: ("http", self._calls.read)}  # fmt: skip
        kinds = own(events["kind"])
        initials = events[kinds == INITIAL]
        if initials.size:
            yield from (("quic", labels) for labels in self._read_quic(arena, initials))
        for message, (kind, reader) in readers.items():
            rows = events[kinds == message]
            if rows.size:
                yield kind, reader(arena, own(rows["offset"]), own(rows["length"]), _known(rows))
        for message, kind, read in (
            (FIRST_BYTES, "flow", cluster_protocols.read),
            (BODY, "http", bodies.read),
        ):
            rows = events[kinds == message]
            if rows.size:
                yield kind, read(arena, rows, _known(rows))

    def _read_quic(self, arena: Bytes, events: Records) -> Iterator[pl.DataFrame]:
        """Labels of names in incomplete ClientHellos, and of complete ones."""
        found = self._attempts.read(arena, events)
        self._skipped += found.skipped
        if found.names:
            host = pl.Series(found.names, dtype=pl.String)
            yield _known(events[found.name_rows]).with_columns(
                host=host, name_from=pl.lit("quic_sni"), client=pl.Series(found.name_clients)
            )
        if found.hellos:
            data = np.frombuffer(b"".join(found.hellos), np.uint8).copy()  # writeable, as Numba expects
            lengths = np.array([len(h) for h in found.hellos], np.int64)
            known = _known(events[found.hello_rows]).with_columns(client=pl.Series(found.hello_clients))
            yield from_hellos(data, np.cumsum(lengths) - lengths, lengths, known, quic=True)


_NONE = pl.DataFrame(schema=SCHEMA).drop("time")


def _from_tls_hellos(data: Bytes, begins: Records, lengths: Records, known: pl.DataFrame) -> pl.DataFrame:
    return from_hellos(data, begins, lengths, known, quic=False)


def _known(events: Records) -> pl.DataFrame:
    return pl.DataFrame({name: own(events[name]) for name in ("serial", "ordinal", "time")})
