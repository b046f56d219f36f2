"""A second thread that processes what the first one has read, while that reads on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self


class Behind:
    """Runs one piece of work at a time on a thread of its own; `hand` waits until the one before is finished.

    So at most two are in memory: the one that runs, and the one that is handed over next. What a piece of
    work raises, the next call raises.
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
        """Wait for what is in hand, then start `work` on the other thread."""
        self.settle()
        self._in_hand = self._worker.submit(work)

    def settle(self) -> None:
        """Wait for what is in hand, so that this thread may touch what the work uses."""
        in_hand, self._in_hand = self._in_hand, None
        if in_hand is not None:
            in_hand.result()

    def is_idle(self) -> bool:
        """True if nothing is in hand."""
        if self._in_hand is not None and self._in_hand.done():
            self.settle()
        return self._in_hand is None

    def close(self) -> None:
        """Wait for running work and ignore what it raises; nothing can be handed over afterwards."""
        self._worker.shutdown()
