"""64-bit hashes, keyed by their initial state, for the tables that kernels look up. Not for secrets."""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.kernels.jit import kernel, step
from sensor.decode.kernels.packet_bytes import sure_64, word
from sensor.decode.layout import Bytes


@kernel
def mix(state: np.uint64, value: np.uint64) -> np.uint64:
    """One step of a 64-bit hash."""
    state = (state ^ value) * np.uint64(0x9E3779B97F4A7C15)
    return state ^ (state >> np.uint64(29))


@step
def digest(data: Bytes, at: int, end: int, state: np.uint64) -> np.uint64:
    """Hash of data[at:end] with the initial `state`, eight bytes at a time; the last eight may overlap."""
    if at < 0 or end > data.size or end - at < 8:
        return (state ^ word(data, at, min(end, data.size))) * np.uint64(0x9E3779B97F4A7C15)
    last, other = end - 8, np.uint64(0)  # two halves, for instruction-level parallelism
    for k in range(at, last, 16):
        state = (state ^ sure_64(data, k)) * np.uint64(0x9E3779B97F4A7C15)
        other = (other ^ sure_64(data, min(k + 8, last))) * np.uint64(0xC2B2AE3D27D4EB4F)
        state, other = state ^ (state >> np.uint64(32)), other ^ (other >> np.uint64(32))
    state = (state ^ other ^ sure_64(data, last)) * np.uint64(0x9E3779B97F4A7C15)
    return state ^ (state >> np.uint64(32))
