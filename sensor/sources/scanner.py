"""When lines are worth the compiled scanner of their fields, and where compiled scanners are kept.

Loading one costs some hundredths of a second, compiling that of fields (decode/delimited.py) ten seconds:
only what was compiled before is used here, by `shadowai warm` or by a scan of much text.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensor.sources.lines import Block

PART = "fields"
#: Less text than this is read sooner by columns of text, unless the scanner is loaded already.
_WORTH_BYTES, _ANY_BYTES = 1 << 20, 1 << 14

_kernels: Path | None = None


def keep_in(kernels: Path) -> None:
    """Where compiled scanners are kept; unless told, in the user's state folder."""
    global _kernels
    _kernels = kernels


def use_kept() -> None:
    """Before a scanner is imported: have it looked for where it is kept."""
    from sensor.decode import jit

    jit.use(_kernels)


def is_worth(block: Block) -> bool:
    """Is there enough text in a block, and the scanner compiled?"""
    if "sensor.decode.delimited" in sys.modules:
        return len(block.text) >= _ANY_BYTES
    if len(block.text) < _WORTH_BYTES:
        return False
    from sensor.decode import jit

    use_kept()
    return not jit.missing(PART)
