"""Advances time without packets. Only live captures need it, because packets advance the clock of a file."""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from sensor.decode.datapath import has_room, sweep
from sensor.decode.kernels.jit import entry
from sensor.decode.layout import Bytes, Output, Partial, Records, Table

_ROWS_AT_ONCE = 64


@entry
def pass_time(
    now: int, index: Records, flows: Records, colds: Records, free: Records, missing: Records,
    pool: Records, free_turns: Records, streams: Records, pages: Bytes, stacks: Records, scratch: Bytes,
    arena: Bytes, events: Records, slices: Records, minutes: Records, ended_turns: Records, controls: Records,
) -> bool:  # fmt: skip
    """Advance the clock to `now` and end connections that are idle; False if the outputs are full.

    Without it, the first packet of a port that was silent for over an hour would look like a jump of the
    clock and be rejected.
    """
    control = controls[0]
    if control["clock"] == 0 or now <= control["clock"]:
        return True
    control["clock"] = now
    table = Table(index, flows, colds, free, missing, pool, free_turns)
    partial = Partial(streams, pages, stacks, scratch)
    output = Output(arena, events, slices, minutes, ended_turns)
    for _ in range(0, control["rows_used"] + 1, _ROWS_AT_ONCE):
        if not has_room(output, control):
            return False
        sweep(table, partial, output, control)
    return True
