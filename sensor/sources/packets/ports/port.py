"""An interface of this machine as input of a decoder.

A ring ends with the interface it was opened on. If an interface is removed and comes back, `Port` opens a new
ring, and its counts go on.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Sequence

import numpy as np

from sensor.decode.layout import DESCRIPTOR, PACKET, records
from sensor.sources.packets.ports import netdev
from sensor.sources.packets.ports.afpacket import Fanout, Ring, RingSettings

#: A packet takes at least this many bytes of a block: its headers, aligned to 16 bytes.
_LEAST_PACKET = 80


class Port:
    """`data`, `frames` and `count` are the block being read (a decoder's Window).

    `counts` and `tags` add up over all blocks (see decode/capture/ring.py); `received`, `dropped` and
    `frozen` are the kernel's own totals as of the last `statistics`.
    """

    def __init__(
        self, name: str, number: int, how: RingSettings, place: int = 0, fanout: Fanout | None = None
    ) -> None:
        """`number` counts the interfaces of the capture, `place` is the port's place in the fan-out. Raises
        as `Ring` does."""
        # Imported here, because it loads Numba and the compiled kernels.
        from sensor.decode.capture import ring

        self.name, self.count = name, 0
        self.counts, self.tags = np.zeros(ring.COUNTS, np.int64), ring.new_tags()
        self.received = self.dropped = self.frozen = 0
        #: times its interface was removed and came back
        self.reopened = 0
        self._describe = ring.describe_block
        self._packets = records(PACKET, 1)
        self._number, self._how, self._place, self._fanout = number, how, place, fanout
        self._lock = threading.Lock()  # the ring is not replaced while it is asked for statistics
        self._ring = Ring(name, how, fanout)
        self.data = self._ring.data
        self.frames = records(DESCRIPTOR, self._ring.block_bytes // _LEAST_PACKET)

    def listen(self) -> None:
        """Receive frames; to be called once all ports of the capture are open."""
        self._ring.listen()

    def stop_listening(self) -> None:
        """Receive no more frames; those in the ring are still delivered."""
        self._ring.stop_listening()

    def ready_since(self) -> int | None:
        """Time of the first frame in the next block, nanoseconds since 1970; None while the kernel still
        fills it."""
        return self._ring.ready_since()

    def take(self) -> None:
        """Make the next block the current one and fill `frames`. The kernel leaves it alone until
        `give_back`."""
        ring = self._ring
        self.count = self._describe(
            ring.data, ring.block * ring.block_bytes, ring.block_bytes, ring.link, self._number,
            self._how.networks, self._packets, self.frames, self.counts, self.tags,
        )  # fmt: skip

    def give_back(self) -> None:
        """Return the block to the kernel, which may fill it again."""
        self.count = 0
        self._ring.give_back()

    def statistics(self) -> None:
        """Update `received`, `dropped` and `frozen`."""
        with self._lock:
            since = self._ring.statistics()
            self.received += since.received
            self.dropped += since.dropped
            self.frozen += since.frozen

    def reopen(self) -> bool:
        """If the interface was removed and one of the same name exists again, listen to that; True if so.

        Raises as `Ring` does, and may then be called again.
        """
        index = netdev.index(self.name)
        if index in (0, self._ring.index) or self.ready_since() is not None:
            return False
        if self._fanout is not None and not self._fanout.is_next(index, self._place):
            return False
        fresh = Ring(self.name, self._how, self._fanout)
        fresh.listen()
        self.statistics()
        with self._lock:
            old, self._ring = self._ring, fresh
        self.data = fresh.data
        self.reopened += 1
        old.close()
        return True

    @property
    def is_ethernet(self) -> bool:
        """True if frames begin with an Ethernet header."""
        return self._ring.link == netdev.ETHERNET

    def offloads(self) -> str | None:
        """Which of GRO and LRO are on ('' if none); None if the driver does not say."""
        return netdev.offloads(self._ring.socket, self.name)

    def fileno(self) -> int:
        """For `select.poll`."""
        return self._ring.socket.fileno()

    def clear_error(self) -> None:
        """Clear an error of the socket (the interface went down), so that `poll` waits again."""
        self._ring.clear_error()

    def close(self) -> None:
        """Release the ring."""
        self.data = np.zeros(0, np.uint8)
        self._ring.close()


def wait(ports: Sequence[Port], timeout_ms: int) -> None:
    """Wait until a port has a block to read, or `timeout_ms` have passed."""
    poll = select.poll()
    by_number = {port.fileno(): port for port in ports}
    for number in by_number:
        poll.register(number, select.POLLIN)
    for number, event in poll.poll(timeout_ms):
        if event & (select.POLLERR | select.POLLHUP):
            by_number[number].clear_error()
