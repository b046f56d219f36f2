"""Owns the tables of the kernels and the loop around them: frames in, columns out.

Memory with the default table of 2^20 connections: index 16 MB, flow table* 205 MB, stream pages* 32 MB, two
sets of output buffers* of 34 MB (arena 16, slices 3, events 12, minutes 2, turns 1), turns* 27 MB, fragmented
datagrams 8 MB, duplicate filter 1 MB, gaps 2 MB, QUIC ClientHellos* 71 MB, labels 25 bytes per connection
plus their texts, batches in flight 40 MB. Those marked * are allocated on use.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from sensor.decode import datapath, timeouts
from sensor.decode.capture.merge import Merged
from sensor.decode.capture.reader import Capture, Window
from sensor.decode.dissection.addresses import Networks
from sensor.decode.dissection.fragments import DATAGRAM, DATAGRAM_BYTES
from sensor.decode.dissection.link import FAULTY
from sensor.decode.dns.lookups import Lookups
from sensor.decode.flows.duplicates import LARGE_FILTER, SMALL_FILTER
from sensor.decode.flows.prefetch import AHEAD
from sensor.decode.flows.table import TCP_IDLE
from sensor.decode.identity.holders import IdentityReader
from sensor.decode.kernels import object_code
from sensor.decode.layout import (
    COLD,
    CONNECTIONS,
    CONTROL,
    EVENT,
    FLOW,
    MINUTE_COUNTS,
    MISSING,
    PACKET,
    PAGE,
    PAGES_PER_STREAM,
    SLICE,
    STREAM,
    Ingress,
    Output,
    Partial,
    Records,
    Table,
    records,
    release_memory,
)
from sensor.decode.streaming.answers import Answers
from sensor.decode.streaming.turns import TURN
from sensor.decode.tables import observations
from sensor.decode.tables.labels import Labels
from sensor.decode.tcp.messages import DNS_MESSAGE

_SLICES = 12_500
_EVENTS = 100_000
_ARENA = 16 << 20
_MINUTES = 8192
_PAGES = 8192
_MISSING = 1 << 14
_DATAGRAMS = 1024
_TURNS = 1 << 14
_TOLD_TURNS = 512

#: Converts outputs of the kernels to frames while these continue: one core decodes, another decrypts and
#: names.
_CONVERTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="frames")

#: Rows per batch. Three batches are in flight at a time, with the buffers they are converted from.
_BATCH_ROWS = 25_000


class Decoder:
    """All decoder state between frames. Decodes several captures, in the order of their first packets."""

    def __init__(
        self, internal_networks: tuple[str, ...], *, connections: int = CONNECTIONS, turns: int = _TURNS,
        slices: int = _SLICES, batch_rows: int = _BATCH_ROWS, seed: int | None = None,
    ):  # fmt: skip
        """`connections` and `turns` are table sizes, `slices` that of the output buffer; `batch_rows` ends a
        batch."""
        self._networks = Networks(internal_networks)
        self._labels = Labels()
        self._lookups = Lookups()
        self._identity = IdentityReader()
        self._answers = Answers()
        self._ingress = Ingress(
            records(PACKET, AHEAD), records(np.uint64, SMALL_FILTER + LARGE_FILTER),
            records(DATAGRAM, _DATAGRAMS), np.zeros(_DATAGRAMS * DATAGRAM_BYTES, np.uint8),
        )  # fmt: skip
        self._table = Table(
            records(np.int64, 1 << (5 * connections // 3).bit_length()),
            records(FLOW, connections), records(COLD, connections),
            np.arange(connections - 1, -1, -1, dtype=np.int32), _linked(records(MISSING, _MISSING)),
            records(TURN, turns), np.arange(turns - 1, -1, -1, dtype=np.int16),
        )  # fmt: skip
        self._partial = Partial(
            records(STREAM, _PAGES), np.zeros(_PAGES * PAGE, np.uint8),
            np.stack([np.arange(_PAGES - 1, -1, -1, dtype=np.int32)] * 2),
            np.zeros(PAGE * PAGES_PER_STREAM, np.uint8),
        )  # fmt: skip
        self._partial.streams["flow"] = -1
        self._output, self._other_output = _new_output(slices), _new_output(slices)
        self._control = records(CONTROL, 1)
        control = self._control[0]
        control["seed"] = secrets.randbits(64) if seed is None else seed
        control["free"], control["free_turns"] = connections, turns
        control["pages"] = control["stream_rows"] = _PAGES
        self._drops: list[tuple[int, int]] = []
        self._converted = _Converted()
        self._batch_rows = batch_rows
        self._rows = 0  # converted or in conversion for this batch
        self._conversion: Future[None] | None = None

    @property
    def clock(self) -> int | None:
        """Time of the decoder clock, microseconds since 1970; None before the first packet."""
        return int(self._control[0]["clock"]) or None

    def decode(self, capture: Window, first: int, last: int) -> tuple[int, bool]:
        """Decode capture.frames[first:last]; returns where it stopped, and whether the batch ends there."""
        with _wrapping():
            while first < last:
                first, stop = self._decode(capture, first, last)
                if stop == datapath.FULL and self._is_batch_full():
                    return first, True
                if stop == datapath.SET_BACK:
                    self.end_connections()
        return first, False

    def _decode(self, capture: Window, first: int, last: int) -> tuple[int, int]:
        try:
            next_frame, stop = datapath.decode(
                capture.data, capture.frames, first, last, capture.count, self._ingress, self._table,
                self._partial, self._output, self._control,
            )  # fmt: skip
            return int(next_frame), int(stop)
        except (IndexError, ValueError):
            # A compiled bounds check failed, below the parsers: skip this packet and count it.
            control = self._control[0]
            if control["dissected_frame"] >= 0:
                capture.frames[int(control["dissected_frame"])]["link"] = FAULTY
                return int(control["at"]), datapath.DONE
            self._output.minutes[control["minutes"] - 1]["decoder_faults"] += 1
            return int(control["at"]) + 1, datapath.DONE

    def end_connections(self) -> None:
        """End all connections, because the input is over or its clock was set back."""
        for _ in self.ending():
            pass

    def ending(self) -> Iterator[None]:
        """End all connections; yields whenever a batch must be taken, because a million rows at once are too
        many.

        Releases the memory of ended connections as it proceeds.
        """
        row = 0
        while row < self._control[0]["rows_used"]:
            with _wrapping():
                row = datapath.flush(row, self._table, self._partial, self._output, self._control)
            if row < self._control[0]["rows_used"] and self._is_batch_full():
                release_memory(self._table.flows, row)
                release_memory(self._table.colds, row)
                yield
        self._ingress.recent[:] = 0
        self._control[0]["filter_since"] = 0
        self._ingress.datagrams["time"] = 0

    def start_over(self) -> None:
        """End all connections and reset the clock, for input recorded at another time."""
        self.end_connections()
        self._control[0]["clock"] = 0

    def pass_time(self, now: int) -> bool:
        """End connections that are idle at `now` (microseconds since 1970); True if the batch must be cut."""
        self.heed(now)
        with _wrapping():
            return not timeouts.pass_time(now, self._table, self._partial, self._output, self._control)

    def heed(self, now: int) -> None:
        """Start over if the system clock was set back to `now`: live packets are seconds late, not minutes.

        Else they would all have the same time until the clock has caught up, for up to an hour.
        """
        if self.clock is not None and now < self.clock - TCP_IDLE:
            self.start_over()

    def add_drops(self, drops: int) -> None:
        """Count frames that were dropped according to the capture file."""
        if drops and self.clock:
            self._drops.append((self.clock, drops))

    def batch(self, *, last: bool = False) -> dict[str, pl.DataFrame]:
        """All rows since the previous call, by table; with `last`, DNS queries stop waiting for answers."""
        return self.cut(last=last).result()

    def cut(self, *, last: bool = False) -> Future[dict[str, pl.DataFrame]]:
        """As `batch`, but computed on another thread while decoding continues."""
        if last or self._has_output() or not self._converted.parts:
            self._hand_over(last=last)
        converted, self._converted, self._rows = self._converted, _Converted(), 0
        drops = [observations.drop_counts(time, drops) for time, drops in self._drops]
        self._drops.clear()
        object_code.rest()
        return _CONVERTER.submit(self._tables, converted, drops, self._conversion)

    def _tables(
        self, converted: _Converted, drops: list[pl.DataFrame], before: Future[None] | None
    ) -> dict[str, pl.DataFrame]:
        """The tables of a batch, once its frames are converted."""
        if before is not None:
            before.result()
        rows = observations.together(converted.connections)
        skipped = observations.skip_counts(self._labels.skipped())
        return {
            "observations": pl.concat(
                [observations.observations(rows, self._networks), *converted.questions]
            ),
            "answers": pl.concat(converted.answers),
            "holders": pl.concat(converted.holders),
            "coverage": observations.coverage(
                [*converted.counts, observations.flow_counts(rows, self._networks), skipped, *drops]
            ),
        }

    def _is_batch_full(self) -> bool:
        """Empty the output buffers of the kernels if needed; True if there are enough rows for a batch."""
        self._hand_over(last=False)
        return self._rows >= self._batch_rows

    def _has_output(self) -> bool:
        """False if the output buffers are empty, because even empty frames take time."""
        return any(self._control[0][rows] for rows in ("events", "slices", "minutes", "turns"))

    def _hand_over(self, *, last: bool) -> None:
        """Convert the output buffers to frames on another thread; decoding continues with the other set."""
        self._wait()
        control, output = self._control[0], self._output
        self._output, self._other_output = self._other_output, output
        filled = Output(
            output.arena, output.events[: control["events"]], output.slices[: control["slices"]],
            output.minutes[: control["minutes"]], output.turns[: control["turns"]],
        )  # fmt: skip
        self._rows += filled.slices.size + int(np.count_nonzero(filled.events["kind"] == DNS_MESSAGE))
        now = None if last else self.clock or 0
        living = self._living() if self._labels.is_crowded(int(control["live"])) else None
        self._converted.parts += 1
        self._conversion = _CONVERTER.submit(self._convert, self._converted, filled, now, living)
        control["events"] = control["slices"] = control["minutes"] = control["arena"] = 0
        control["turns"] = 0

    def _living(self) -> Records:
        """Serial numbers of all connections."""
        used = slice(self._control[0]["rows_used"])
        return self._table.colds["serial"][used][self._table.flows["protocol"][used] != 0]

    def _wait(self) -> None:
        """Wait for the conversion in progress."""
        conversion, self._conversion = self._conversion, None
        if conversion is not None:
            conversion.result()

    def _convert(
        self, converted: _Converted, output: Output, now: int | None, living: Records | None
    ) -> None:
        """Convert output buffers to frames and empty them; `now` is None at the end of the input.

        With `living`, labels of all other connections are dropped.
        """
        with _wrapping():
            labels = self._labels.read(output.arena, output.events, output.slices["serial"])
            rows = observations.connections(output.slices, labels, self._networks)
            shapes, turns = self._answers.read(output.turns, output.slices)
            converted.connections.append(rows.hstack(shapes))
            lookups = self._lookups.read(output.arena, output.events, now)
        converted.questions.append(lookups.questions)
        converted.answers.append(lookups.answers)
        converted.holders.append(self._identity.read(output.arena, output.events, now))
        converted.counts += [observations.minute_counts(output.minutes), lookups.unusable, turns]
        if living is not None:
            self._labels.forget(living)
        output.minutes[:] = np.zeros(1, MINUTE_COUNTS)
        output.events[:] = np.zeros(1, EVENT)


@dataclass
class _Converted:
    """The frames of a batch so far, one per emptying of the output buffers."""

    parts: int = 0  # including those still in conversion
    connections: list[pl.DataFrame] = field(default_factory=list)
    questions: list[pl.DataFrame] = field(default_factory=list)
    answers: list[pl.DataFrame] = field(default_factory=list)
    holders: list[pl.DataFrame] = field(default_factory=list)
    counts: list[pl.DataFrame] = field(default_factory=list)


def _new_output(slices: int) -> Output:
    return Output(
        records(np.uint8, _ARENA), records(EVENT, _EVENTS + datapath.EVENT_SLACK),
        records(SLICE, slices + datapath.SLICE_SLACK), records(MINUTE_COUNTS, _MINUTES),
        records(TURN, _TOLD_TURNS + datapath.TURN_SLACK),
    )  # fmt: skip


def _linked(missing: Records) -> Records:
    """MISSING rows as a free list."""
    missing["next"] = np.arange(1, missing.size + 1)
    missing["next"][-1] = -1
    return missing


def _wrapping() -> AbstractContextManager[object]:
    """Silences overflow warnings in interpreted code: unsigned arithmetic wraps on purpose."""
    return np.errstate(over="ignore")


def decode_capture(decoder: Decoder, capture: Capture | Merged, every: int) -> Iterator[int]:
    """Decode a capture to its end; yields the position wherever a batch ends.

    Batches end at the first frame after each multiple of `every` bytes, and when full, so that the boundaries
    depend only on the input.
    """
    cut = every
    while capture.advance():
        limit = capture.before(cut)
        if limit == 0:
            yield capture.position
            cut += every * ((capture.position - cut) // every + 1)
            continue
        done, full = decoder.decode(capture, 0, limit)
        capture.drop(done)
        if full:
            yield capture.position
