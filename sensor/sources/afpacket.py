"""A port of this machine, listened to through an AF_PACKET ring (TPACKET_V3, packet(7), packet_mmap).

Sockets and system calls only: what a block of the ring means is `decode/ring.py`'s business, what the
readings mean is `watch.py`'s. Constants are Linux's, spelt out because Python names only some of them,
and none on other systems.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import select
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensor.decode.layout import DESCRIPTOR, records
from sensor.errors import UsageError

_AF_PACKET = 17
_ETH_P_ALL = 3
_SOL_PACKET = 263
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION = 1, 5, 6, 10
_RESERVE, _IGNORE_OUTGOING = 12, 23
_TPACKET_V3 = 2
_PROMISCUOUS = 1
_USER = 1
_SO_ATTACH_FILTER = 26

#: Blocks this long, or a quarter of a smaller ring; a power of two of pages.
BLOCK_BYTES = 1 << 20
_FRAME_BYTES = 2048
#: The kernel hands over a block that is not full after this long.
RETIRE_MS = 60
#: Room before each frame for the VLAN tag that was taken out (see decode/ring.py).
_RESERVED = 4
#: No packet of a block takes less: its headers, aligned to 16 bytes.
_LEAST_PACKET = 80

# linux/sockios.h, linux/ethtool.h, linux/if_arp.h
_SIOCGIFHWADDR, _SIOCETHTOOL = 0x8927, 0x8946
_GET_FLAGS, _GET_GRO = 0x25, 0x2B
_FLAG_LRO = 1 << 15
#: Hardware type to link type; the others have no header we know.
_LINK_OF = {1: 1, 772: 1, 65534: 101, 512: 101, 768: 101, 776: 101}
_UNKNOWN_LINK = -1

_CLASS_NET = Path("/sys/class/net")


@dataclass(frozen=True)
class Reading:
    """What a port said since the last time it was asked."""

    #: frames the kernel put into the ring
    packets: int
    #: frames it had no room for
    drops: int
    #: times the whole ring was full
    freezes: int
    #: up, down or gone
    link: str


class Port:
    """One interface's ring. `data`, `frames` and `count` are the block being read (a decoder's Window)."""

    def __init__(self, name: str, number: int, ring_bytes: int, networks: npt.NDArray[np.uint64]) -> None:
        """Raises UsageError where there is no such interface, no right to listen, or no memory."""
        # Numba is imported and kernels are loaded only when something is really listened to.
        from sensor.decode.ring import describe_block

        self.name = name
        self.count = self.outgoing = self.excluded = self.damaged = 0
        self._describe = describe_block
        self._number = number
        self._networks = networks
        self._block = 0
        self._block_bytes, self._blocks = _shape(ring_bytes)
        self._socket = _open(name)
        try:
            self._link = _link_type(self._socket, name)
            self._ring = self._map()
            self._listen()
        except OSError as error:
            self._socket.close()
            raise _explained(name, error) from None
        self.data = np.frombuffer(self._ring, np.uint8)
        self._words = np.frombuffer(self._ring, np.uint32)
        self.frames = records(DESCRIPTOR, self._block_bytes // _LEAST_PACKET)

    def _map(self) -> mmap.mmap:
        """The ring, shared with the kernel."""
        size = self._block_bytes * self._blocks
        frames = self._block_bytes // _FRAME_BYTES * self._blocks
        request = struct.pack(
            "7I", self._block_bytes, self._blocks, _FRAME_BYTES, frames, RETIRE_MS, 0, 0
        )  # tpacket_req3
        self._socket.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V3)
        self._socket.setsockopt(_SOL_PACKET, _RESERVE, _RESERVED)
        self._socket.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
        self._socket.setsockopt(_SOL_PACKET, _RX_RING, request)
        return mmap.mmap(self._socket.fileno(), size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)

    def _listen(self) -> None:
        index = socket.if_nametoindex(self.name)
        self._socket.bind((self.name, _ETH_P_ALL))
        member = struct.pack("iHH8s", index, _PROMISCUOUS, 0, b"")  # packet_mreq
        self._socket.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, member)

    def fileno(self) -> int:
        """For `select.poll`."""
        return self._socket.fileno()

    @property
    def _header(self) -> int:
        """Where the next block begins, in 32-bit words."""
        return self._block * self._block_bytes // 4

    def ready_since(self) -> int | None:
        """Time of the first frame of the next block, nanoseconds; None while the kernel still fills it."""
        header = self._header
        if not self._words[header + 2] & _USER:
            return None
        return int(self._words[header + 8]) * 1_000_000_000 + int(self._words[header + 9])

    def take(self) -> None:
        """Describe the next block's frames; it stays ours until `give_back`."""
        self.count, outgoing, excluded, damaged = self._describe(
            self.data, self._block * self._block_bytes, self._block_bytes, self._link, self._number,
            self._networks, self.frames,
        )  # fmt: skip
        self.outgoing += outgoing
        self.excluded += excluded
        self.damaged += damaged

    def give_back(self) -> None:
        """The kernel may fill the block again."""
        self._words[self._header + 2] = 0
        self._block = (self._block + 1) % self._blocks
        self.count = 0

    def read(self) -> Reading:
        """Counters since the last call (the kernel sets them back) and the state of the link."""
        packets, drops, freezes = struct.unpack("3I", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 12))
        return Reading(packets - drops, drops, freezes, _link_state(self.name))

    def hear(self) -> None:
        """Take note of an error of the socket (the interface went down), so that `poll` waits again."""
        self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def deafen(self) -> None:
        """Let nothing more in; what is in the ring is still handed over, within RETIRE_MS."""
        nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0
        program = struct.pack("HP", 1, ctypes.addressof(nothing))  # sock_fprog, padded as in C
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)

    def close(self) -> None:
        """Give the ring and the membership back."""
        self.data = np.zeros(0, np.uint8)
        self._words = np.zeros(0, np.uint32)
        self._ring.close()
        self._socket.close()

    def offloads(self) -> str | None:
        """Which of GRO and LRO are on ('' if none); None if the driver does not say."""
        words = {"GRO": (_GET_GRO, 1), "LRO": (_GET_FLAGS, _FLAG_LRO)}
        values = {name: self._ethtool(command) for name, (command, _) in words.items()}
        if None in values.values():
            return None
        return " and ".join(name for name, (_, bit) in words.items() if (values[name] or 0) & bit)

    def _ethtool(self, command: int) -> int | None:
        value = ctypes.create_string_buffer(struct.pack("II", command, 0), 8)  # ethtool_value
        request = struct.pack("16sP16x", self.name.encode(), ctypes.addressof(value))  # ifreq
        try:
            fcntl.ioctl(self._socket, _SIOCETHTOOL, request)
        except OSError:
            return None
        return int(struct.unpack("II", value.raw)[1])


def check(names: list[str]) -> None:
    """Raises UsageError, before anything else is done, if one of the interfaces cannot be listened to."""
    for name in names:
        with _open(name) as opened:
            try:
                opened.bind((name, 0))
            except OSError as error:
                raise _explained(name, error) from None


def wait(ports: list[Port], timeout_ms: int) -> None:
    """Until a port has a block for us, or `timeout_ms` have passed."""
    poll = select.poll()
    by_number = {port.fileno(): port for port in ports}
    for number in by_number:
        poll.register(number, select.POLLIN)
    for number, event in poll.poll(timeout_ms):
        if event & (select.POLLERR | select.POLLHUP):
            by_number[number].hear()


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


def _explained(name: str, error: OSError) -> UsageError:
    if error.errno in (errno.EPERM, errno.EACCES):
        python = os.path.realpath(sys.executable)
        return UsageError("needs CAP_NET_RAW", place=name, hint=f"try: setcap cap_net_raw+ep {python}")
    if error.errno in (errno.ENODEV, errno.ENXIO):
        return UsageError("no such interface", place=name, hint="`ip link` lists them")
    if error.errno == errno.ENOMEM:
        return UsageError("no memory for the ring", place=name, hint="try a smaller --ring-mb")
    return UsageError((error.strerror or str(error)).lower(), place=name)


def _link_type(opened: socket.socket, name: str) -> int:
    """The link type (LINKTYPE_*) of the interface's frames."""
    answer = fcntl.ioctl(opened, _SIOCGIFHWADDR, struct.pack("16s24x", name.encode()))
    return _LINK_OF.get(struct.unpack_from("H", answer, 16)[0], _UNKNOWN_LINK)


def _link_state(name: str) -> str:
    folder = _CLASS_NET / name
    try:
        state = (folder / "operstate").read_text(encoding="ascii").strip()
        carrier = (folder / "carrier").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return "gone"
    except OSError:  # the carrier of an interface that is switched off cannot be read
        return "down"
    return "down" if carrier == "0" or state in ("down", "lowerlayerdown") else "up"
