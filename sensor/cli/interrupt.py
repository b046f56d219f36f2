"""What Ctrl-C does. Imports nothing large, because it is set up before everything else."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPED = "shadowai: stopped; what was committed is safe, and a scan goes on from there when repeated"


class Ended(SystemExit):
    """Raised by commands that run until Ctrl-C, once everything is stored and reported."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGINT)


def is_ctrl_c(error: Exception) -> bool:
    """True if `error` is due to Ctrl-C: DuckDB raises errors of its own then, also about a module that it was
    about to import."""
    text = str(error)
    if isinstance(error, RuntimeError) and text == "Query interrupted":
        return True
    return "failed to import" in text and "\nKeyboardInterrupt" in text


def interrupted(number: int, frame: FrameType | None) -> None:
    """The handler of SIGINT.

    During an import, the process ends at once, because libraries catch an exception raised there, or turn it
    into one of their own. A query ends only when all of DuckDB's threads do, so DuckDB is told.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            print(STOPPED, file=sys.stderr, flush=True)
            os._exit(128 + number)
        frame = frame.f_back
    if lake := sys.modules.get("analytics.lake"):
        lake.interrupt()
    raise KeyboardInterrupt


@contextmanager
def stopped_by_signals(stop: Callable[[], None], reload: Callable[[], None]) -> Iterator[list[int]]:
    """Inside the block, SIGTERM and Ctrl-C call `stop`, and a second Ctrl-C ends the process. SIGHUP calls
    `reload`; if it comes because the terminal has been closed, `stop`.

    Yields a list to which the signals that call `stop` are appended.
    """
    came: list[int] = []
    had_terminal = os.isatty(2)

    def end(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if number == signal.SIGINT:
            signal.signal(number, before[number])
        stop()

    def hang_up(number: int, frame: FrameType | None) -> None:
        if had_terminal and not os.isatty(2):
            end(number, frame)
        else:
            reload()

    answers: dict[int, Callable[[int, FrameType | None], None]] = {
        signal.SIGTERM: end, signal.SIGINT: end, signal.SIGHUP: hang_up,
    }  # fmt: skip
    before = {number: signal.signal(number, answer) for number, answer in answers.items()}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
