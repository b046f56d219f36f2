"""The entry point of the command. It handles Ctrl-C before anything large is imported."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

STOPPED = "shadowai: stopped; what was committed is safe, and a scan goes on from there when repeated"


class Ended(SystemExit):
    """Raised by commands that run until Ctrl-C, once everything is stored and reported."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGINT)


def is_ctrl_c(error: Exception) -> bool:
    """True if `error` is due to Ctrl-C, of which DuckDB makes an error of its own."""
    return isinstance(error, RuntimeError) and str(error) == "Query interrupted"


def run() -> None:
    """Run the command line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # nohup wants it ignored
        signal.signal(signal.SIGINT, interrupted)
    from sensor.cli import main

    main.run()


def interrupted(number: int, frame: FrameType | None) -> None:
    """Ctrl-C. An import ends here and now: what is raised in the middle of one, libraries catch and go on, or
    make an error of theirs of it. A query ends when all of DuckDB's threads do."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            print(STOPPED, file=sys.stderr, flush=True)
            os._exit(128 + number)
        frame = frame.f_back
    if lake := sys.modules.get("analytics.lake"):
        lake.interrupt()
    raise KeyboardInterrupt
