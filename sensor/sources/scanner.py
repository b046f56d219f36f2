"""When lines are worth the compiled scanner (decode/delimited.py).

Loading it costs some hundredths of a second, compiling it ten seconds: only what was compiled before is used
here, by `shadowai warm` or by a scan of much text.
"""

from __future__ import annotations

import sys

from sensor.sources.lines import Block

MODULE = "delimited"
#: Less text than this is read sooner by columns of text, unless the scanner is loaded already.
_WORTH_BYTES, _ANY_BYTES = 1 << 20, 1 << 14


def is_worth(block: Block) -> bool:
    """Is there enough text in a block, and the scanner compiled?"""
    if f"sensor.decode.{MODULE}" in sys.modules:
        return len(block.text) >= _ANY_BYTES
    if len(block.text) < _WORTH_BYTES:
        return False
    from sensor.decode import jit

    return jit.has(MODULE)
