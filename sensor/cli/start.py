"""The entry point of the command. It handles Ctrl-C before anything large is imported."""

from __future__ import annotations

import signal

from sensor.cli.interrupt import interrupted


def run() -> None:
    """Run the command line."""
    # Where it is ignored, as by nohup, that must stay so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupted)
    from sensor.cli import main

    main.run()
