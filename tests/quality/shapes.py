"""Answers of real deployments by record sizes and gaps, as turns; read where they lie, never copied.

The data is third party (see its README): a test or the report skips it where it is not at hand.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from sensor.decode.layout import Records, records
from sensor.decode.streaming.turns import BINS, CHUNK_US, GAP_STEP, SILENCE, SMALL_BYTES, TURN, UNITS
from tests.beside import FIELD_DATA

PATH = FIELD_DATA / "llm_stream_shapes.jsonl.gz"


class Answer(NamedTuple):
    """Sizes (bytes) of the units of an answer, and microseconds since the one before."""

    sizes: list[int]
    gaps: list[int]


@cache
def deployments() -> dict[str, list[Answer]]:
    """Answers by deployment and the month they were recorded in; empty where the data is not at hand."""
    found: dict[str, list[Answer]] = {}
    if not PATH.exists():
        return found
    with gzip.open(PATH, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            name = f"{row['deployment']} {row['captured']}"
            found.setdefault(name, []).append(Answer(row["record_len"], row["gap_us"]))
    return found


def bin_of(value: int) -> int:
    """The histogram bin of a value: four an octave."""
    if value < 8:
        return value
    octave = value.bit_length()
    return min(BINS - 1, 4 * (octave - 2) + (value >> (octave - 3) & 3))


def turns(answers: Sequence[Answer]) -> Records:
    """Answers as the kernels would count them, each ended by silence."""
    made = records(TURN, len(answers))
    for turn, (sizes, gaps) in zip(made, answers, strict=True):
        gaps = [0, *gaps[1:]]
        turn["units"], turn["bytes"] = len(sizes), sum(sizes)
        turn["record_bytes"] = sum(sizes) + 5 * len(sizes)
        turn["next"] = turn["record_bytes"] & 0xFFFFFFFF
        turn["small"] = sum(size < SMALL_BYTES for size in sizes)
        turn["chunks"] = 1 + sum(gap > CHUNK_US for gap in gaps)
        turn["last"], turn["end"] = sum(gaps), SILENCE
        for at, (size, gap) in enumerate(zip(sizes, gaps, strict=True)):
            if at < UNITS:
                turn["unit"][at] = gap << 16 | size
                continue
            turn["sizes"][bin_of(size)] += 1
            if gap > CHUNK_US:
                turn["gaps"][bin_of(gap // GAP_STEP)] += 1
    return made


def whole_gaps(answer: Answer) -> np.ndarray:
    """Gaps between the chunks of an answer, microseconds."""
    gaps = np.array(answer.gaps[1:], np.int64)
    return gaps[gaps > CHUNK_US]
