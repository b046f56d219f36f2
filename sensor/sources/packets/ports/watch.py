"""Turns the readings of a live port into warnings for the user, each given once and not every second.
Pure."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

#: A mirror port of an office carries broadcasts every few seconds; silence this long is a fault.
SILENT_S = 60.0
#: After a line about drops, the next one comes this much later, with all drops since.
DROPS_EVERY_S = 60.0

#: A batch with fewer connections is not judged.
_ENOUGH_CONNECTIONS = 20
_ONE_SIDED_SHARE = 0.8


@dataclass
class PortWatch:
    """Remembers the warnings given about one port. Times are seconds of a monotonic clock."""

    name: str
    heard_at: float
    said_silent: bool = False
    link: str = "up"
    drops: int = 0
    freezes: int = 0
    said_drops_at: float | None = None

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
        silent_s = now - self.heard_at
        if packets:
            self.heard_at = now
            was_silent, self.said_silent = self.said_silent, False
            return [f"{self.name}: packets again after {silent_s:.0f} s of silence"] if was_silent else []
        if silent_s < SILENT_S or self.said_silent:
            return []
        self.said_silent = True
        return [
            f"{self.name}: SILENT, no packet for {silent_s:.0f} s; check the mirror session and the cable"
        ]

    def _drops(self, now: float, drops: int, freezes: int) -> list[str]:
        self.drops += drops
        self.freezes += freezes
        recently = self.said_drops_at is not None and now - self.said_drops_at < DROPS_EVERY_S
        if not self.drops or recently:
            return []
        line = f"{self.name}: DROPS, the kernel dropped {self.drops:,} packets"
        if self.freezes:
            line += f" (ring full {self.freezes:,} times)"
        self.said_drops_at, self.drops, self.freezes = now, 0, 0
        return [f"{line}; try a larger --ring-mb, or --exclude what need not be seen"]


@dataclass
class SidesWatch:
    """Watches whether both directions of connections are seen, on all ports together (legs of a TAP have one
    each)."""

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


def about_offloads(name: str, offloads: str | None) -> list[str]:
    """A warning if the card joins frames before we see them: then their number and wire bytes are too low."""
    if offloads is None:
        return [f"{name}: whether GRO or LRO is on is unknown (the driver does not say)"]
    if not offloads:
        return []
    return [
        f"{name}: {offloads} on: frames are joined before they are counted, so packets and wire bytes read "
        f"too low; try: ethtool -K {name} gro off lro off"
    ]
