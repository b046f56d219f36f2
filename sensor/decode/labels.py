"""What first messages say about connections: names, methods, fingerprints.

A label row is (serial, ordinal, ...): what is known about connection `serial` once it had sent its
`ordinal`-th message. A slice takes the last label that was known when it ended, so that no row depends on
where a batch was cut.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from sensor.decode import http, tls
from sensor.decode.ja4 import fingerprint
from sensor.decode.layout import Bytes, Records
from sensor.decode.messages import HELLO, INITIAL, REQUEST
from sensor.decode.names import host_name, own, texts
from sensor.decode.quic import Attempt

SCHEMA: dict[str, pl.DataType] = {
    "serial": pl.Int64(),
    "ordinal": pl.Int64(),
    "time": pl.Int64(),
    "kind": pl.String(),
    "host": pl.String(),
    "name_from": pl.String(),
    "method": pl.String(),
    "path": pl.String(),
    "user_agent": pl.String(),
    "ja4": pl.String(),
    "client_class": pl.String(),
}

#: Attempts followed at once; the oldest are given up.
_MAX_ATTEMPTS = 8192


def from_hellos(
    data: Bytes, begins: Records, lengths: Records, known: pl.DataFrame, *, quic: bool
) -> pl.DataFrame:
    """Labels of ClientHellos; `known` holds serial, ordinal and time of each."""
    hellos, text = tls.parse(data, begins, lengths, "q" if quic else "t")
    host = texts(data, own(hellos["sni"]), own(hellos["sni_length"]), host_name)
    alpn = texts(data, own(hellos["alpn"]), own(hellos["alpn_length"]))
    return known.with_columns(
        kind=pl.lit("quic" if quic else "tls"),
        host=host,
        name_from=pl.when(host.is_not_null()).then(pl.lit("quic_sni" if quic else "sni")),
        ja4=texts(text, own(hellos["print"]), own(hellos["print_length"]), fingerprint),
        client_class=_client_class(hellos, alpn),
    )


def _client_class(hellos: Records, alpn: pl.Series) -> pl.Series:
    """browser or program, from the hello's shape; NULL where the hello is cut.

    A program sends neither GREASE ciphers nor compress_certificate, and if it sends ECH at all, its first
    protocol is neither h2 nor h3. Imitators of browsers count as browsers.
    """
    shape = pl.DataFrame(
        {name: own(hellos[name]) for name in ("grease", "compress_certificate", "ech", "whole")}
    )
    plain = (pl.col("grease") == 0) & (pl.col("compress_certificate") == 0)
    modern = pl.Series("modern", alpn.is_in(["h2", "h3"]).fill_null(False))
    program = plain & ((pl.col("ech") == 0) | ~pl.col("modern"))
    answer = pl.when(program).then(pl.lit("program")).otherwise(pl.lit("browser"))
    return shape.with_columns(modern).select(c=pl.when(pl.col("whole") == 1).then(answer))["c"]


def _from_requests(data: Bytes, begins: Records, lengths: Records, known: pl.DataFrame) -> pl.DataFrame:
    heads = http.parse(data, begins, lengths)

    def part(name: str) -> pl.Series:
        return texts(data, own(heads[name]), own(heads[f"{name}_length"]))

    host = texts(data, own(heads["host"]), own(heads["host_length"]), host_name)
    return known.with_columns(
        kind=pl.lit("http"),
        host=host,
        name_from=pl.when(host.is_not_null()).then(pl.lit("http_host")),
        method=part("method"),
        path=part("path"),
        user_agent=part("agent"),
    )


class Labels:
    """The labels of connections still open, across batches."""

    def __init__(self) -> None:
        self._carried = pl.DataFrame(schema=SCHEMA)
        self._attempts: dict[int, Attempt] = {}

    def read(self, arena: Bytes, events: Records) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Labels of all connections that may appear in this batch's slices, and those new in it."""
        fresh = [
            self._read_tcp(arena, events[events["kind"] == HELLO], hello=True),
            self._read_tcp(arena, events[events["kind"] == REQUEST], hello=False),
            self._read_quic(arena, events[events["kind"] == INITIAL]),
        ]
        new = pl.concat([pl.DataFrame(schema=SCHEMA), *fresh], how="diagonal")
        known = pl.concat([self._carried, new]).sort("serial", "ordinal")
        fill = [name for name in SCHEMA if name not in ("serial", "ordinal", "time", "kind")]
        self._carried = known.with_columns(pl.col(fill).forward_fill().over("serial"))
        return self._carried, new

    def forget(self, living: Records) -> None:
        """Keep only what belongs to connections still open."""
        serials = pl.Series("serial", living, dtype=pl.Int64)
        self._carried = self._carried.filter(pl.col("serial").is_in(serials.implode()))
        kept = set(living.tolist()) if self._attempts else set()
        self._attempts = {serial: a for serial, a in self._attempts.items() if serial in kept}

    def _read_tcp(self, arena: Bytes, events: Records, *, hello: bool) -> pl.DataFrame:
        if events.size == 0:
            return pl.DataFrame(schema=SCHEMA)
        begins, lengths = own(events["offset"]), own(events["length"])
        if hello:
            return from_hellos(arena, begins, lengths, _known(events), quic=False)
        return _from_requests(arena, begins, lengths, _known(events))

    def _read_quic(self, arena: Bytes, events: Records) -> pl.DataFrame:
        """Decrypt Initials; each connection's hello, where one is complete, as a label."""
        whole, hellos = [], []
        for i, event in enumerate(events):
            begin, serial = int(event["offset"]), int(event["serial"])
            attempt = self._attempts.setdefault(serial, Attempt())
            hello = attempt.feed(arena[begin : begin + int(event["length"])].tobytes())
            if hello is not None:
                whole.append(i)
                hellos.append(hello)
            while len(self._attempts) > _MAX_ATTEMPTS:
                del self._attempts[next(iter(self._attempts))]
        if not whole:
            return pl.DataFrame(schema=SCHEMA)
        data = np.frombuffer(b"".join(hellos), np.uint8).copy()
        lengths = np.array([len(h) for h in hellos], np.int64)
        begins = np.cumsum(lengths) - lengths
        return from_hellos(data, begins, lengths, _known(events[whole]), quic=True)


def _known(events: Records) -> pl.DataFrame:
    return pl.DataFrame({name: own(events[name]) for name in ("serial", "ordinal", "time")})
