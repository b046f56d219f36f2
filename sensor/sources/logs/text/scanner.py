"""Decides when the compiled field scanner (decode/text/delimited.py) is worth using, and where it is cached.

Loading it takes some hundredths of a second, compiling it ten seconds. So it is only used here if it was
compiled before, by `shadowai warm` or by a scan of large logs.
"""

from __future__ import annotations

import sys
from pathlib import Path

PART = "fields"
#: For less text than this, the columnar parsers are faster, unless the scanner is loaded already.
_WORTH_BYTES, _ANY_BYTES = 1 << 20, 1 << 14

_kernels: Path | None = None


def keep_in(kernels: Path) -> None:
    """Set the folder for compiled scanners; by default it lies in the user's state folder."""
    global _kernels
    _kernels = kernels


def use_kept() -> None:
    """Make imports of scanners look in that folder; to be called before the first one."""
    from sensor.decode.kernels import jit

    jit.use(_kernels)


def is_worth(text: bytes) -> bool:
    """True if this is enough text, and the scanner is compiled."""
    if "sensor.decode.text.delimited" in sys.modules:
        return len(text) >= _ANY_BYTES
    if len(text) < _WORTH_BYTES:
        return False
    from sensor.decode import warming

    use_kept()
    return not warming.missing(PART)
