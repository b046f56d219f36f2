"""Classic BPF programs (linux/filter.h) for packet sockets: the user's own, `REJECT_ALL` and `TRUNCATE`.

A program consists of instructions of 8 bytes: code u16, jt u8, jf u8, k u32. It returns how many bytes of a
frame to accept, 0 for none. The kernel takes the outer VLAN tag out of a frame *before* a program runs, so a
program made for untagged frames works on tagged ones too. With QinQ, the inner tag is still in the frame.
"""

from __future__ import annotations

import ctypes
import re
import socket
import struct
from dataclasses import dataclass

from sensor.errors import UsageError

_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
#: BPF_MAXINSNS of linux/bpf_common.h.
MAX_INSTRUCTIONS = 4096

_COUNT = re.compile(r"[0-9]{1,10}")
_INSTRUCTION = re.compile(r"[0-9]{1,10}( +[0-9]{1,10}){3}")
#: `TRUNCATE` accepts this much of a server's packet: all headers, and the beginning of an HTTP response.
SHORT_BYTES = 192
_EVERYTHING = 0x7FFFFFFF

Instruction = tuple[int, int, int, int]

# Instruction codes: class | size or operation | mode (linux/bpf_common.h, linux/filter.h).
_LDH_ABS, _LDB_ABS = 0x28, 0x30
_JEQ, _JGE, _JSET, _RET = 0x15, 0x35, 0x45, 0x06


@dataclass(frozen=True)
class Program:
    """A program, packed for the kernel."""

    packed: bytes

    @classmethod
    def of(cls, instructions: tuple[Instruction, ...]) -> Program:
        """The program of these instructions (code, jt, jf, k)."""
        return cls(b"".join(struct.pack("<HBBI", *one) for one in instructions))

    def attach(self, to: socket.socket) -> None:
        """Attach the program to a socket in place of an earlier one. Raises OSError if it is invalid."""
        held = ctypes.create_string_buffer(self.packed, len(self.packed))
        fprog = struct.pack("HP", len(self.packed) // 8, ctypes.addressof(held))  # padded as in C
        to.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)


def detach(sock: socket.socket) -> None:
    """Remove the program of a socket."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)


#: Accepts no frame.
REJECT_ALL = Program.of(((_RET, 0, 0, 0),))


def _truncating() -> tuple[Instruction, ...]:
    """The steps of `TRUNCATE`; jumps count the instructions they skip, so each names its target."""
    # (code, k, target if true, target if false); "" is the next step.
    steps: dict[str, tuple[int, int, str, str]] = {
        "ethertype": (_LDH_ABS, 12, "", ""),
        "is it IPv4": (_JEQ, 0x0800, "IPv4", ""),
        "is it IPv6": (_JEQ, 0x86DD, "IPv6", "whole"),
        "IPv4": (_LDB_ABS, 14, "", ""),
        "no options": (_JEQ, 0x45, "", "whole"),
        "protocol": (_LDB_ABS, 23, "", ""),
        "is it TCP": (_JEQ, 6, "", "whole"),
        "fragment": (_LDH_ABS, 20, "", ""),
        "no fragment": (_JSET, 0x3FFF, "whole", ""),
        "source port": (_LDH_ABS, 34, "", ""),
        "not a DNS server's": (_JEQ, 53, "whole", ""),
        "a server's": (_JGE, 1024, "whole", ""),
        "target port": (_LDH_ABS, 36, "", ""),
        "a client's": (_JGE, 1024, "short", "whole"),
        "IPv6": (_LDB_ABS, 20, "", ""),
        "TCP follows": (_JEQ, 6, "", "whole"),
        "source port 6": (_LDH_ABS, 54, "", ""),
        "not a DNS server's 6": (_JEQ, 53, "whole", ""),
        "a server's 6": (_JGE, 1024, "whole", ""),
        "target port 6": (_LDH_ABS, 56, "", ""),
        "a client's 6": (_JGE, 1024, "short", "whole"),
        "whole": (_RET, _EVERYTHING, "", ""),
        "short": (_RET, SHORT_BYTES, "", ""),
    }
    place = {name: n for n, name in enumerate(steps)}

    def skip(n: int, target: str) -> int:
        return place[target] - n - 1 if target else 0

    return tuple(
        (code, skip(n, true), skip(n, false), k) for n, (code, k, true, false) in enumerate(steps.values())
    )


#: The filter of `--truncate`, for Ethernet: TCP packets from a port below 1024 to one of 1024 or more are cut
#: to SHORT_BYTES. Packets without data are shorter than that anyway. DNS responses stay whole, and so does
#: everything this program does not parse: inner VLAN tags, tunnels, IPv4 options, IPv6 extension headers,
#: fragments.
TRUNCATE = Program.of(_truncating())
#: Features that need the bytes which `TRUNCATE` cuts off; listed in `coverage.features_off`.
LOST_WHEN_TRUNCATED = "certificate names,record sizes"


def parse(text: str) -> Program:
    """A program from the decimal listing of `tcpdump -ddd`: a count, then `code jt jf k` a line.

    Raises UsageError for anything else. Whether the program is valid is left to the kernel.
    """
    lines = [line.strip() for line in text.strip().splitlines()] or [""]
    count_line, *others = lines
    if not _COUNT.fullmatch(count_line) or not all(_INSTRUCTION.fullmatch(line) for line in others):
        raise _not_a_listing("not the decimal listing of a BPF program")
    count, instructions = int(count_line), [tuple(map(int, line.split())) for line in others]
    if not 0 < len(instructions) <= MAX_INSTRUCTIONS:
        raise _not_a_listing(f"{len(instructions):,} instructions; 1 to {MAX_INSTRUCTIONS:,} are possible")
    if count != len(instructions):
        raise _not_a_listing(f"announces {count:,} instructions and has {len(instructions):,}")
    for number, fields in enumerate(instructions, 2):
        if any(value >= limit for value, limit in zip(fields, (1 << 16, 256, 256, 1 << 32), strict=True)):
            raise _not_a_listing(f"line {number}: a number is too large")
    return Program(b"".join(struct.pack("<HBBI", *fields) for fields in instructions))


def _not_a_listing(what: str) -> UsageError:
    return UsageError(what, place="--filter", hint="make one with `tcpdump -ddd EXPRESSION`")
