"""Decides when compiled scanners of lines (`sensor.decode.text`) are worth using, and where they are cached.

Loading one takes some hundredths of a second, compiling the scanner of fields ten seconds. A scan compiles
what its large files need before it reads them (`ingest/kernels.py`). What reads without an end does so
`compiling_behind`: once there is enough text for a scanner, a child process compiles it, and until then the
columnar parsers read the lines.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Of `warming.PARTS`: delimited.py and json_fields.py.
FIELDS, OBJECTS = "fields", "lines"
#: For less text than this, the columnar parsers are faster, unless the scanner of fields is loaded already.
_WORTH_BYTES, _ANY_BYTES = 1 << 20, 1 << 14

_kernels: Path | None = None
#: the processes that compile a scanner, or have, by part; None: nothing is compiled behind
_compilers: dict[str, subprocess.Popen[bytes]] | None = None


def keep_in(kernels: Path) -> None:
    """Set the folder for compiled scanners; by default it lies in the user's state folder."""
    global _kernels
    _kernels = kernels


@contextmanager
def compiling_behind() -> Iterator[None]:
    """Meanwhile, child processes compile scanners that are worth it, and this one reads on."""
    global _compilers
    _compilers = {}
    try:
        yield
    finally:
        for process in _compilers.values():
            process.terminate()
            process.wait()
        _compilers = None


def use_kept() -> None:
    """Make imports of scanners look in that folder; to be called before the first one."""
    from sensor.decode.kernels import jit

    jit.use(_kernels)


def is_worth(text: bytes) -> bool:
    """True if this is enough text for the scanner of fields, and that is compiled."""
    if "sensor.decode.text.delimited" in sys.modules:
        return len(text) >= _ANY_BYTES
    return len(text) >= _WORTH_BYTES and is_compiled(FIELDS)


def is_compiled(part: str, *, here: bool = False) -> bool:
    """True if this scanner can be used: it is compiled, or, with `here`, importing it may compile it.

    Where scanners are compiled behind, a missing one begins to be, once.
    """
    from sensor.decode import warming

    use_kept()
    if not warming.missing(part):
        return True
    if _compilers is None:
        return here
    if part not in _compilers:
        _compilers[part] = warming.begin(part)
    _compilers[part].poll()
    return False
