"""For all tests: Ctrl-C is what it is at a terminal. A run in the background ignores it, and so would all
that the tests start."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
