"""Sends the frames of a pcap into interfaces: `send.py CAPTURE IFACE...`, as fast as they are taken.

With several interfaces (the legs of a TAP), each sender's MAC address keeps to one of them. Prints how
many frames were sent.
"""

import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path


def frames(content: bytes) -> Iterator[bytes]:
    """The frames of a little-endian pcap file."""
    at = 24
    while at < len(content):
        (size,) = struct.unpack_from("<I", content, at + 8)
        yield content[at + 16 : at + 16 + size]
        at += 16 + size


def main(capture: str, *interfaces: str) -> None:
    """Send every frame once."""
    ports = []
    for name in interfaces:
        ports.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
        ports[-1].bind((name, 0))
    legs: dict[bytes, socket.socket] = {}
    sent = 0
    for frame in frames(Path(capture).read_bytes()):
        port = legs.setdefault(frame[6:12], ports[len(legs) % len(ports)])
        while True:
            try:
                port.send(frame)
                break
            except OSError:  # no room in the device's queue just now
                time.sleep(0.0005)
        sent += 1
    print(sent)


if __name__ == "__main__":
    main(*sys.argv[1:])
