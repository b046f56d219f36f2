"""A second thread that processes what the first one has read, while that reads on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self


class Behind:
    """Does what it is handed, in turn, on a thread of its own; one piece of work waits for the one before.

    So at most two items are in memory: the one in hand, and the one that its maker hands over next. What a
    piece of work raises, the next call raises.
    """

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(max_workers=1)
        self._in_hand: Future[object] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.settle()
        finally:
            self.close()

    def hand(self, work: Callable[[], object]) -> None:
        """Call `work` on the other thread, as soon as what is in hand is finished."""
        self.settle()
        self._in_hand = self._worker.submit(work)

    def settle(self) -> None:
        """Wait for what is in hand: only then may this thread touch what the work uses."""
        in_hand, self._in_hand = self._in_hand, None
        if in_hand is not None:
            in_hand.result()

    def is_idle(self) -> bool:
        """True if nothing is in hand."""
        if self._in_hand is not None and self._in_hand.done():
            self.settle()
        return self._in_hand is None

    def close(self) -> None:
        """Finish the work begun, whatever it raises; nothing can be handed over afterwards."""
        self._worker.shutdown()
