"""Reads captures with tshark: slower than our decoder, but with all link types and formats that Wireshark
knows.

It is only used on request (`scan --engine tshark`). tshark prints a line per frame. These lines become the
same tables as with our own decoder: connections with names, DNS questions and answers.

The differences are: one row per connection instead of one per minute; payload is the sum of segment lengths
without what tshark marks as retransmissions; no fingerprints and no ECH; a connection has the first name seen
in it. Memory grows with connections and DNS messages, not with packets.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from typing import IO

import polars as pl

from sensor.errors import UsageError, reason_of
from sensor.schema import ANSWERS, COVERAGE, OBSERVATIONS, REJECTS
from sensor.sources.interface import Batch, File, Input, Source
from sensor.sources.packets.tshark import rows

#: Bytes of tshark's output that are parsed at once.
BLOCK_BYTES = 8 << 20
#: Number of blocks whose sums are kept apart before they are summed up, which limits the memory.
_BLOCKS = 16


class TsharkSource(Source):
    """Packets from files, read by tshark; only used on request."""

    name = "tshark"
    help = "any capture tshark reads, only with --engine tshark; tried with tshark 4.0"
    vantage = "packets"
    is_capture = True
    proof = ("host", "path", "bytes_up", "bytes_down", "action", "user_agent")
    advice = ""

    @classmethod
    def recognise(cls, head: bytes) -> float:
        """Always 0: our own decoder is faster, so tshark is only used on request."""
        return 0.0

    def read(self, source_input: Input, *, start: int = 0) -> Iterator[Batch]:
        """All rows in one batch at the end. Raises UsageError if tshark is not installed."""
        position, frames = 0, []
        for file in source_input.files:
            reading = _Reading(program(), file)
            frames.append(_tables(reading))
            position += reading.size
        yield Batch(position, {name: pl.concat([one[name] for one in frames]) for name in frames[0]})


def program() -> str:
    """The path of tshark. Raises UsageError if it is not installed."""
    if found := shutil.which("tshark"):
        return found
    hint = "install it, or leave the option out"
    raise UsageError("tshark is not installed", place="--engine tshark", hint=hint)


class _Reading:
    """One run of tshark over one file."""

    def __init__(self, program: str, file: File) -> None:
        self._arguments = [program, "-n", "-r", file.path or "-", "-o", "tcp.reassemble_out_of_order:TRUE"]
        self._arguments += ["-T", "fields", "-E", "occurrence=a", "-E", f"aggregator={rows.SEPARATOR}"]
        self._arguments += [word for field in rows.FIELDS.values() for word in ("-e", field)]
        self._file = file
        #: uncompressed bytes of the file, once read
        self.size = file.size or 0 if file.path else 0
        #: tshark's last error message if it failed, otherwise ''
        self.complaint = ""

    def blocks(self) -> Iterator[pl.DataFrame]:
        """tshark's lines as text columns named as in `rows.FIELDS`."""
        with tempfile.TemporaryFile() as errors:
            source = None if self._file.path else subprocess.PIPE
            child = subprocess.Popen(self._arguments, stdin=source, stdout=subprocess.PIPE, stderr=errors)
            feeder = threading.Thread(target=self._feed, args=(child.stdin,), daemon=True)
            feeder.start()
            assert child.stdout is not None
            try:
                yield from _columns(child.stdout)
            except BaseException:
                child.kill()  # the consumer of this iterator has stopped
                raise
            finally:
                child.wait()
                feeder.join()
            if child.returncode:
                errors.seek(0)
                self.complaint = _complaint(errors.read())

    def _feed(self, sink: IO[bytes] | None) -> None:
        """Hand a compressed file, or standard input, to tshark uncompressed."""
        if sink is None:
            return
        try:
            with self._file.open() as stream, sink:
                while piece := stream.read(1 << 20):
                    self.size += len(piece)
                    sink.write(piece)
        except BrokenPipeError:
            return  # tshark has ended, and its error message says why
        except OSError as error:
            self.complaint = reason_of(error)


def _complaint(raw: bytes) -> str:
    lines = raw.decode(errors="replace").splitlines()
    messages = [line.removeprefix("tshark: ") for line in lines if line.startswith("tshark: ")]
    return messages[-1] if messages else "tshark failed"


def _columns(stream: IO[bytes]) -> Iterator[pl.DataFrame]:
    """Blocks of whole lines as text columns."""
    rest = b""
    while piece := stream.read(BLOCK_BYTES):
        lines, found, rest_of = (rest + piece).rpartition(b"\n")
        rest = rest_of
        if found:
            yield rows.parsed(lines)
    if rest:
        yield rows.parsed(rest)


def _tables(reading: _Reading) -> dict[str, pl.DataFrame]:
    """Everything that tshark sees in one file."""
    sides: list[pl.DataFrame] = []
    lookups: list[pl.DataFrame] = []
    minutes: list[pl.DataFrame] = []
    for block in reading.blocks():
        packets = rows.packets(block)
        minutes.append(rows.counts(packets))
        used = packets.filter("is_used")
        # DNS over UDP becomes rows of kind `dns`, not connections.
        connected = used.filter(~(pl.col("is_dns") & (pl.col("transport") == "udp")))
        sides.append(
            rows.sides(connected.with_columns(begin="time", end="time", packets=pl.lit(1, pl.Int64)))
        )
        lookups.append(used.filter("is_dns"))
        if len(sides) > _BLOCKS:
            sides = [rows.sides(pl.concat(sides))]
    rejects = REJECTS.empty() if not reading.complaint else _reject(reading.complaint)
    if not minutes:
        empty = {
            "observations": OBSERVATIONS.empty(),
            "answers": ANSWERS.empty(),
            "coverage": COVERAGE.empty(),
        }
        return empty | {"rejects": rejects}
    messages = rows.messages(pl.concat(lookups))
    observations = [rows.connections(rows.sides(pl.concat(sides))), rows.questions(messages)]
    return {
        "observations": pl.concat(observations),
        "answers": rows.answers(messages),
        "coverage": rows.coverage(pl.concat(minutes)),
        "rejects": rejects,
    }


def _reject(reason: str) -> pl.DataFrame:
    row = {"place": ["tshark"], "reason": [reason], "count": [1], "shape": [""]}
    return REJECTS.conform(pl.DataFrame(row))
