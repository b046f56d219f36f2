"""Advances time without packets. Only live captures need it, because packets advance the clock of a file."""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from sensor.decode.datapath import has_room, sweep
from sensor.decode.kernels.jit import entry
from sensor.decode.layout import Output, Partial, Records, Table

_ROWS_AT_ONCE = 64


@entry
def pass_time(now: int, table: Table, partial: Partial, output: Output, controls: Records) -> bool:
    """Advance the clock to `now` and end connections that are idle; False if the outputs are full.

    Without it, the first packet of a port that was silent for over an hour would look like a jump of the
    clock and be rejected.
    """
    control = controls[0]
    if control["clock"] == 0 or now <= control["clock"]:
        return True
    control["clock"] = now
    for _ in range(0, control["rows_used"] + 1, _ROWS_AT_ONCE):
        if not has_room(output, control):
            return False
        sweep(table, partial, output, control)
    return True
