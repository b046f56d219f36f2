"""Queries the system about an interface: link state, offloads, kind of frames, and frames missed.

It uses ioctl calls and small files in /sys and /proc. A missing file never raises.
"""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from pathlib import Path

UP, DOWN, GONE = "up", "down", "gone"
#: Frames that begin with an Ethernet header (LINKTYPE_ETHERNET).
ETHERNET = 1
UNKNOWN_LINK = -1

# linux/sockios.h, linux/ethtool.h, linux/if_arp.h
_SIOCGIFHWADDR, _SIOCETHTOOL = 0x8927, 0x8946
_GET_FLAGS, _GET_GRO = 0x25, 0x2B
_FLAG_LRO = 1 << 15
_LOOPBACK = 772
#: Hardware type to link type (LINKTYPE_*); the decoder does not know the headers of other types.
_LINK_OF = {1: ETHERNET, _LOOPBACK: ETHERNET, 65534: 101, 512: 101, 768: 101, 776: 101}

CLASS_NET = Path("/sys/class/net")
_SOFTNET = Path("/proc/net/softnet_stat")
#: Counters of frames that did not fit into the card's memory; drivers use different ones (linux/if_link.h).
_MISSED = ("rx_missed_errors", "rx_fifo_errors", "rx_over_errors")


def index(name: str) -> int:
    """Index of the interface in the system; 0 if there is none of that name."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0


def link_state(name: str) -> str:
    """UP, DOWN or GONE."""
    folder = CLASS_NET / name
    try:
        state = (folder / "operstate").read_text(encoding="ascii").strip()
        carrier = (folder / "carrier").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return GONE
    except OSError:  # the carrier of an interface that is switched off cannot be read
        return DOWN
    return DOWN if carrier == "0" or state in ("down", "lowerlayerdown") else UP


def missed(name: str) -> int:
    """Frames that did not fit into the network card's memory since the driver was loaded; 0 if unknown."""
    folder = CLASS_NET / name / "statistics"
    return sum(_number(folder / counter) for counter in _MISSED)


def _number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def softnet_drops(path: Path = _SOFTNET) -> int:
    """Frames that the receive queues of all processors dropped since boot (second column, hexadecimal)."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        return sum(int(line.split()[1], 16) for line in lines)
    except (OSError, ValueError, IndexError):
        return 0


def link_type(opened: socket.socket, name: str) -> int:
    """The link type (LINKTYPE_*) of the interface's frames. Raises OSError if there is no such interface."""
    return _LINK_OF.get(_hardware_type(opened, name), UNKNOWN_LINK)


def is_loopback(opened: socket.socket, name: str) -> bool:
    """True if what the interface sends comes back in. Raises OSError if there is no such interface."""
    return _hardware_type(opened, name) == _LOOPBACK


def _hardware_type(opened: socket.socket, name: str) -> int:
    answer = fcntl.ioctl(opened, _SIOCGIFHWADDR, struct.pack("16s24x", name.encode()))
    return int(struct.unpack_from("H", answer, 16)[0])


def offloads(opened: socket.socket, name: str) -> str | None:
    """Which of GRO and LRO are on ('' if none); None if the driver does not say."""
    features = {"GRO": (_GET_GRO, 1), "LRO": (_GET_FLAGS, _FLAG_LRO)}
    values = {feature: _ethtool(opened, name, command) for feature, (command, _) in features.items()}
    if None in values.values():
        return None
    return " and ".join(feature for feature, (_, bit) in features.items() if (values[feature] or 0) & bit)


def _ethtool(opened: socket.socket, name: str, command: int) -> int | None:
    value = ctypes.create_string_buffer(struct.pack("II", command, 0), 8)  # ethtool_value
    request = struct.pack("16sP16x", name.encode(), ctypes.addressof(value))  # ifreq
    try:
        fcntl.ioctl(opened, _SIOCETHTOOL, request)
    except OSError:
        return None
    return int(struct.unpack("II", value.raw)[1])
