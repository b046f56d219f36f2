"""Damaging many inputs at once: one row of a matrix each, damaged by NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.uint8]
Lengths = npt.NDArray[np.int64]

#: bytes at which parsers' comparisons turn
_EDGES = np.array([0, 1, 3, 4, 5, 0x10, 0x16, 0x2F, 0x3F, 0x40, 0x7F, 0x80, 0xC0, 0xFE, 0xFF], np.uint8)
_MOST_EDITS = 4


def mutants(seeds: Sequence[bytes], count: int, chance: np.random.Generator) -> list[bytes]:
    """`count` damaged copies of `seeds`.

    Each has up to four of its bytes replaced, by chance or by an edge value, more often near its head
    (where headers are); a quarter get another seed's tail, a quarter are cut short, one in eight is whole.
    """
    width = max(len(seed) for seed in seeds)
    table = np.zeros((len(seeds), width), np.uint8)
    for row, seed in enumerate(seeds):
        table[row, : len(seed)] = np.frombuffer(seed, np.uint8)
    sizes = np.array([len(seed) for seed in seeds], np.int64)
    chosen = chance.integers(0, len(seeds), count)
    matrix, lengths = table[chosen], sizes[chosen]
    _splice(matrix, lengths, table, sizes, chance)
    _edit(matrix, lengths, chance)
    cut = chance.random(count) < 0.25
    lengths = np.where(cut, (lengths * chance.random(count)).astype(np.int64), lengths)
    whole = chance.random(count) < 0.125
    return [seeds[chosen[n]] if whole[n] else matrix[n, : lengths[n]].tobytes() for n in range(count)]


def _splice(
    matrix: Matrix, lengths: Lengths, table: Matrix, sizes: Lengths, chance: np.random.Generator
) -> None:
    """Replace the tails of a quarter of the rows by another seed's bytes at the same place."""
    for row in np.flatnonzero(chance.random(lengths.size) < 0.25):
        other = int(chance.integers(0, sizes.size))
        at = int(chance.integers(0, max(1, min(lengths[row], sizes[other]))))
        matrix[row, at:] = table[other, at:]
        lengths[row] = sizes[other]


def _edit(matrix: Matrix, lengths: Lengths, chance: np.random.Generator) -> None:
    """Replace single bytes."""
    rows = np.arange(lengths.size)
    for _ in range(_MOST_EDITS):
        touched = rows[chance.random(rows.size) < 0.6]
        near = chance.random(touched.size) ** 2
        places = (lengths[touched] * near).astype(np.int64)
        edge = chance.random(touched.size) < 0.5
        values = np.where(
            edge, _EDGES[chance.integers(0, _EDGES.size, touched.size)], chance.integers(0, 256, touched.size)
        )
        matrix[touched, np.minimum(places, matrix.shape[1] - 1)] = values
