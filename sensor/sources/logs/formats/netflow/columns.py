"""What a record tells, whatever its layout, as columns of text."""

from __future__ import annotations

#: NULL where a layout has no such field, or a record nothing in it. `…_back`: of the way back.
COLUMNS = (
    "start", "end", "duration", "exported",
    "client", "client_port", "server", "port", "proto", "direction", "host",
    # where a router translates addresses, and this is the answer: the client's
    "behind", "behind_port",
    "packets", "bytes", "packets_back", "bytes_back",
    # Argus: bytes with the headers of frames
    "frame_bytes", "frame_bytes_back", "frame_bytes_both",
    # one packet of so many was counted
    "rate",
    "observer",
    # of a firewall (NSEL)
    "event",
)  # fmt: skip
