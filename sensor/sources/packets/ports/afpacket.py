"""AF_PACKET rings (TPACKET_V3; packet(7), packet_mmap): only sockets and system calls.

`decode/capture/ring.py` reads the blocks of a ring. The Linux constants are defined here, because Python's
`socket` module has only some of them, and none on other systems.

Several rings may share one interface (`Fanout`). The kernel then distributes connections among them by a hash
of both addresses and ports, which is the same for both directions.
"""

from __future__ import annotations

import errno
import mmap
import os
import socket
import struct
import sys
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sensor.errors import InputError, ShadowAIError, UsageError, reason_of
from sensor.sources.packets.ports import bpf, netdev

_AF_PACKET = 17
_ETH_P_ALL = 3
_SOL_PACKET = 263
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION = 1, 5, 6, 10
_RESERVE, _FANOUT, _IGNORE_OUTGOING = 12, 18, 23
_FANOUT_HASH, _FANOUT_NEW_ID = 0, 0x2000
_TPACKET_V3 = 2
_PROMISCUOUS = 1
_USER = 1

#: Size of a block; at most a quarter of the ring. The kernel wants a power of two of pages.
BLOCK_BYTES = 1 << 20
_FRAME_BYTES = 2048
#: The kernel hands over a block that is not full after this long.
RETIRE_MS = 60
#: Bytes kept free before each frame, where decode/capture/ring.py puts back the VLAN tag that the kernel
#: took out.
_RESERVED = 4
#: The error about an unknown interface lists this many existing ones; a container host has hundreds.
_LISTED = 8


@dataclass(frozen=True)
class RingSettings:
    """Size and filters; the same for all rings of a capture."""

    ring_bytes: int
    #: networks whose frames are not decoded, as `decode.ring.masks` gives them
    networks: npt.NDArray[np.uint64]
    #: the socket filter; None accepts every frame
    program: bpf.Program | None = None
    #: the filter reads Ethernet headers, so interfaces of other kinds are left unfiltered
    ethernet_only: bool = False
    #: also receive the frames that this machine sends
    outgoing: bool = False


@dataclass
class Fanout:
    """A group of sockets on one interface; the kernel gives each frame to one of them.

    A socket's place in the group decides which connections it gets. Both legs of a TAP must distribute alike,
    so worker n joins as the nth on each interface. The kernel chooses the group's number. A group belongs to
    an interface index, not to a name: an interface that was removed and came back needs a new group.
    """

    #: by interface index: the group's number, and how many sockets have joined
    groups: dict[int, int] = field(default_factory=dict)
    members: dict[int, int] = field(default_factory=dict)

    def is_next(self, index: int, place: int) -> bool:
        """True if the next socket to join the group of interface `index` gets `place`."""
        return self.members.get(index, 0) == place

    def join(self, sock: socket.socket, index: int) -> None:
        """Join the group with a socket. Raises OSError, ENETDOWN if the interface is down."""
        known = self.groups.get(index)
        flags = _FANOUT_HASH | _FANOUT_NEW_ID if known is None else _FANOUT_HASH
        try:
            sock.setsockopt(_SOL_PACKET, _FANOUT, flags << 16 | (known or 0))
        except OSError as error:
            if error.errno == errno.EINVAL:  # the socket receives nothing, because the interface is down
                raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN)) from None
            raise
        self.groups[index] = sock.getsockopt(_SOL_PACKET, _FANOUT) & 0xFFFF
        self.members[index] = self.members.get(index, 0) + 1


class RingStatistics(NamedTuple):
    """Counters of a ring."""

    #: frames put into the ring, and frames dropped
    received: int
    dropped: int
    #: how often the ring was full
    frozen: int


class Ring:
    """A socket on an interface, and the ring of blocks it shares with the kernel; `block` is the one to read
    next."""

    def __init__(self, name: str, how: RingSettings, fanout: Fanout | None = None) -> None:
        """Open the ring. It receives no frames before `listen`.

        Raises InputError (no such interface, no memory), UsageError (missing privilege).
        """
        self._how = how
        self.block = 0
        self.block_bytes, self._blocks = _shape(how.ring_bytes)
        self.socket = _open(name)
        try:
            self.index = socket.if_nametoindex(name)
            self.link = netdev.link_type(self.socket, name)
            bpf.REJECT_ALL.attach(self.socket)
            # The loopback interface also receives the frames that it sends; they would be read twice.
            sent_too = how.outgoing and not netdev.is_loopback(self.socket, name)
            self.socket.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, int(not sent_too))
            self._memory = self._map()
            self._bind(name, fanout)
        except OSError as error:
            self.socket.close()
            raise _explained(name, error) from None
        self.data: npt.NDArray[np.uint8] = np.frombuffer(self._memory, np.uint8)
        words = memoryview(self._memory).cast("I")
        self._headers = [words[n * self.block_bytes // 4 :][:12] for n in range(self._blocks)]

    def _map(self) -> mmap.mmap:
        """The ring, shared with the kernel."""
        size = self.block_bytes * self._blocks
        frames = self.block_bytes // _FRAME_BYTES * self._blocks
        tpacket_req3 = struct.pack(
            "7I", self.block_bytes, self._blocks, _FRAME_BYTES, frames, RETIRE_MS, 0, 0
        )
        self.socket.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V3)
        self.socket.setsockopt(_SOL_PACKET, _RESERVE, _RESERVED)
        self.socket.setsockopt(_SOL_PACKET, _RX_RING, tpacket_req3)
        return mmap.mmap(self.socket.fileno(), size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)

    def _bind(self, name: str, fanout: Fanout | None) -> None:
        self.socket.bind((name, _ETH_P_ALL))
        if fanout is not None:
            fanout.join(self.socket, self.index)
        member = struct.pack("iHH8s", self.index, _PROMISCUOUS, 0, b"")  # packet_mreq
        self.socket.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, member)

    def listen(self) -> None:
        """Receive frames from now on. With a fan-out, call it only when all members have joined."""
        program, only = self._how.program, self._how.ethernet_only
        if program is None or (only and self.link != netdev.ETHERNET):
            bpf.detach(self.socket)
        else:
            program.attach(self.socket)

    def stop_listening(self) -> None:
        """Receive no more frames; those in the ring are still delivered, within RETIRE_MS."""
        bpf.REJECT_ALL.attach(self.socket)

    def ready_since(self) -> int | None:
        """Time of the first frame in the next block, nanoseconds since 1970; None while the kernel still
        fills it."""
        header = self._headers[self.block]
        if not header[2] & _USER:
            return None
        return header[8] * 1_000_000_000 + header[9]

    def give_back(self) -> None:
        """Return the block to the kernel, which may fill it again."""
        self._headers[self.block][2] = 0
        self.block = (self.block + 1) % self._blocks

    def statistics(self) -> RingStatistics:
        """The counters since the last call."""
        packets, drops, freezes = struct.unpack("3I", self.socket.getsockopt(_SOL_PACKET, _STATISTICS, 12))
        return RingStatistics(packets - drops, drops, freezes)

    def clear_error(self) -> None:
        """Clear the pending error of the socket (its interface went down or disappeared)."""
        self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def close(self) -> None:
        """Release the ring and leave the fan-out."""
        self.data = np.zeros(0, np.uint8)
        self._headers.clear()
        self._memory.close()
        self.socket.close()


def check(names: list[str], program: bpf.Program | None = None) -> None:
    """Raises UsageError or InputError if an interface cannot be opened, or the kernel refuses `program`."""
    for name in names:
        with _open(name) as opened:
            try:
                opened.bind((name, 0))
            except OSError as error:
                raise _explained(name, error) from None
            try:
                (program or bpf.REJECT_ALL).attach(opened)
            except OSError:
                raise UsageError("the kernel refuses this program", place="--filter") from None


def _shape(ring_bytes: int) -> tuple[int, int]:
    """Size and number of a ring's blocks."""
    block = BLOCK_BYTES
    while block * 4 > ring_bytes and block > mmap.PAGESIZE:
        block //= 2
    return block, max(ring_bytes // block, 2)


def _open(name: str) -> socket.socket:
    """A packet socket without a protocol: nothing arrives before it is bound."""
    if not sys.platform.startswith("linux") or sys.byteorder != "little":
        raise UsageError("live capture needs Linux on a little-endian machine", place=name)
    try:
        return socket.socket(_AF_PACKET, socket.SOCK_RAW, 0)
    except OSError as error:
        raise _explained(name, error) from None


_PRIVILEGED = "run it as root, or as a service: `shadowai schedule --service 'capture …'`"


def _explained(name: str, error: OSError) -> ShadowAIError:
    """The error for the user: an InputError where a retry may help (a network card can come up late at boot),
    a UsageError otherwise."""
    if error.errno in (errno.EPERM, errno.EACCES):
        # No hint at setcap: on the interpreter, it would allow every Python program of the machine to
        # capture.
        return UsageError("needs CAP_NET_RAW", place=name, hint=_PRIVILEGED)
    if error.errno in (errno.ENODEV, errno.ENXIO):
        found = ", ".join(there for _, there in socket.if_nameindex()[:_LISTED])
        return InputError("no such interface", place=name, hint=f"name one or more of {found}")
    if error.errno == errno.ENETDOWN:
        return InputError("is down", place=name, hint=f"try: ip link set {name} up")
    if error.errno == errno.ENOMEM:
        return InputError("no memory for the ring", place=name, hint="try a smaller --ring-mb")
    return UsageError(reason_of(error), place=name)
