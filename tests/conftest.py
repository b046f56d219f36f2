"""For all tests: Ctrl-C is what it is at a terminal. A run in the background ignores it, and so would all
that the tests start. How long an example of a property takes is no part of the property."""

import gc
import signal

from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("whole", deadline=None, max_examples=50)
settings.load_profile("whole")


def pytest_collection_finish() -> None:
    """Ten thousand tests are objects that the garbage collector need not go through again and again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    gc.unfreeze()
