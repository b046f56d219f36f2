"""Compiles, before inputs are read, the kernels that they need and that are not kept from an earlier run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path

from sensor.sources.detect import Plan
from sensor.sources.interface import File

#: From this size (on disk) of all JSON files, the kernel that scans JSON lines is compiled before reading.
_MUCH_BYTES = 4 << 20
#: From this size of all text files, the kernel that cuts fields is compiled: that takes 5 s once and saves as
#: much.
_VERY_MUCH_BYTES = 256 << 20


def compile_for(plan: Plan, kernels: Path, tell: Callable[[str], None]) -> None:
    """Compile the kernels that `plan` needs (for captures, and for large logs) into the folder `kernels`.

    `tell` is called with a line of text before compiling begins.
    """
    wanted: list[str] = []
    files = [(kind, file) for kind, source_input in plan.inputs for file in source_input.files]
    if _size(file for _, file in files if file.head[:1] == b"{") > _MUCH_BYTES:
        wanted.append("lines")
    of_fields = _size(file for kind, file in files if kind.scans_lines)
    if of_fields > _VERY_MUCH_BYTES:
        wanted.append("fields")
    if any(kind.needs_kernels for kind, _ in plan.inputs):
        wanted += ["frames", "messages"]
    if not (wanted or of_fields > _MUCH_BYTES):
        return
    from sensor.decode import warming
    from sensor.decode.kernels import jit

    jit.use(kernels)
    if missing := warming.missing(*wanted):
        what = "decode kernels" if set(missing) & set(warming.PACKETS) else "scanner of log lines"
        tell(f"compiling the {what}, once; this may take a minute …")
        warming.warm_apart(*missing)


def _size(files: Iterable[File]) -> float:
    """Bytes on disk of all; infinite if one has an unknown number."""
    return sum(math.inf if file.size is None else file.size for file in files)
