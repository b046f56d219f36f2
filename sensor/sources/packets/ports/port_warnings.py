"""Turns the readings of a live port into warnings for the user. A lasting fault is reported once, not every
second. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

#: On an office's mirror port, broadcasts come every few seconds; silence this long is a fault.
SILENT_S = 60.0
#: Least time between two warnings of drops; the second counts all drops since the first.
DROPS_EVERY_S = 60.0

#: Batches with fewer TCP connections give no warning.
_ENOUGH_CONNECTIONS = 20
_ONE_SIDED_SHARE = 0.8


@dataclass
class PortWarnings:
    """Warnings about one port. It remembers those already given. Times are seconds of a monotonic clock."""

    name: str
    last_packet_at: float
    warned_of_silence: bool = False
    link: str = "up"
    drops: int = 0
    freezes: int = 0
    warned_of_drops_at: float | None = None

    def notice(self, now: float, packets: int, drops: int, freezes: int, link: str) -> list[str]:
        """New warnings.

        `packets`, `drops` and `freezes` are counts since the last call, `link` is UP, DOWN or GONE
        (netdev.py).
        """
        return [*self._link(link), *self._silence(now, packets), *self._drops(now, drops, freezes)]

    def _link(self, link: str) -> list[str]:
        if link == self.link:
            return []
        self.link = link
        return [f"{self.name}: the link is {link}"]

    def _silence(self, now: float, packets: int) -> list[str]:
        silent_s = now - self.last_packet_at
        if packets:
            self.last_packet_at = now
            was_silent, self.warned_of_silence = self.warned_of_silence, False
            return [f"{self.name}: packets again after {silent_s:.0f} s of silence"] if was_silent else []
        if silent_s < SILENT_S or self.warned_of_silence:
            return []
        self.warned_of_silence = True
        return [
            f"{self.name}: SILENT, no packet for {silent_s:.0f} s; check the mirror session and the cable"
        ]

    def _drops(self, now: float, drops: int, freezes: int) -> list[str]:
        self.drops += drops
        self.freezes += freezes
        recently = self.warned_of_drops_at is not None and now - self.warned_of_drops_at < DROPS_EVERY_S
        if not self.drops or recently:
            return []
        line = f"{self.name}: DROPS, the kernel dropped {self.drops:,} packets"
        if self.freezes:
            line += f" (ring full {self.freezes:,} times)"
        self.warned_of_drops_at, self.drops, self.freezes = now, 0, 0
        return [f"{line}; try a larger --ring-mb, or --exclude what need not be seen"]


@dataclass
class DirectionWarnings:
    """Warns if most connections show one direction only. It judges all ports together, because each leg of a
    TAP carries one direction."""

    warned: bool = False

    def notice(self, observations: pl.DataFrame) -> list[str]:
        """A warning once most TCP connections in a batch of `observations` show one direction only."""
        tcp = observations.filter((pl.col("transport") == "tcp") & (pl.col("kind") != "dns"))
        if tcp.height < _ENOUGH_CONNECTIONS:
            return []
        one_sided = tcp.filter((pl.col("packets_up") == 0) | (pl.col("packets_down") == 0)).height
        was_warned, self.warned = self.warned, one_sided >= _ONE_SIDED_SHARE * tcp.height
        if not self.warned or was_warned:
            return []
        return [
            f"ONE-SIDED, {one_sided:,} of {tcp.height:,} connections show one direction only; "
            "mirror both directions (rx and tx); on a router or gateway, capture with --outgoing"
        ]


def offload_warnings(name: str, offloads: str | None) -> list[str]:
    """A warning if the card or the kernel joins frames before the sensor gets them."""
    if offloads is None:
        return [f"{name}: whether GRO or LRO is on is unknown (the driver does not say)"]
    if not offloads:
        return []
    return [
        f"{name}: {offloads} on: frames are joined before they are counted, so packets and wire bytes read "
        f"too low; try: ethtool -K {name} gro off lro off"
    ]
