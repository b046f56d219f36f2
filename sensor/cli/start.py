"""The entry point of the command. It handles Ctrl-C before anything large is imported."""

from __future__ import annotations

import signal

from sensor.cli.interrupt import interrupted


def run() -> None:
    """Run the command line."""
    if (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):  # nohup ignores it, and that must stay so
        signal.signal(signal.SIGINT, interrupted)
    from sensor.cli import main

    main.run()
