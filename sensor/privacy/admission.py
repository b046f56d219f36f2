"""Refuses rows that must not be stored: of excluded networks, of epochs whose key was shredded, and leases of
an origin that the settings do not accept.

This is the first step of the pipeline. Refused rows are not named, matched or stored, only counted by reason
as set aside. On a live interface, excluded networks are dropped even before packets are decoded
(`decode/capture/ring.py`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

import polars as pl

from sensor import schema
from sensor.privacy.keys import Keys

EXCLUDED = "set aside: an excluded network"
SHREDDED = "set aside: its week is closed, or its key was shredded"

#: frames of a batch that contain identities: columns of time, client and server
_ABOUT = {
    "observations": ("seen_at", "client", "server"),
    "answers": ("answered_at", "client", None),
    "leases": ("valid_from", "address", None),
}
#: origin of identities in usage records themselves
LOG = "log"
Net = ipaddress.IPv4Network | ipaddress.IPv6Network


class Admission:
    """Filters the batches of one input."""

    def __init__(
        self,
        keys: Keys,
        exclude: Sequence[str] = (),
        only: Sequence[str] = (),
        *,
        origins: Sequence[str] = (),
        leases: bool = True,
    ) -> None:
        """`exclude` and `only` are networks (CIDR): rows with a side in `exclude`, or a client outside of
        `only` (if not empty), are refused. `origins` are the accepted origins of leases (empty: all).
        `leases`: whether leases of this input are accepted at all."""
        self._keys = keys
        self._origins, self._leases = tuple(origins), leases
        self._exclude, self._only = _networks(exclude), _networks(only)

    def admit(self, frames: Mapping[str, pl.DataFrame], position: int) -> dict[str, pl.DataFrame]:
        """`frames` without refused rows, plus rejects that count these at `position`."""
        admitted, counts = self._of_accepted_origins(frames), {EXCLUDED: 0, SHREDDED: 0}
        for name, (time, client, server) in _ABOUT.items():
            frame = admitted.get(name)
            if frame is None or frame.is_empty() or time not in frame.columns:
                continue
            allowed = self._allowed(frame, client, server)
            living = self._living(allowed, time)
            admitted[name] = living
            if name == "observations":
                counts[EXCLUDED] += frame.height - allowed.height
                counts[SHREDDED] += allowed.height - living.height
        refused = [
            {"place": str(position), "reason": reason, "count": count}
            for reason, count in counts.items()
            if count
        ]
        if refused:
            known = schema.REJECTS.conform(admitted.get("rejects", schema.REJECTS.empty()))
            admitted["rejects"] = pl.concat([known, schema.REJECTS.conform(pl.DataFrame(refused))])
        return admitted

    def _of_accepted_origins(self, frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        """The frames without identities from origins that are not accepted."""
        out = dict(frames)
        if "leases" in out and not self._leases:
            out["leases"] = out["leases"].clear()
        if not self._origins:
            return out
        if "leases" in out:
            out["leases"] = out["leases"].filter(pl.col("origin").is_in(self._origins).fill_null(False))
        if "observations" in out and LOG not in self._origins:
            names = [name for name in ("user_name", "device") if name in out["observations"].columns]
            out["observations"] = out["observations"].with_columns(
                pl.lit(None, dtype=pl.String).alias(name) for name in names
            )
        return out

    def _allowed(self, frame: pl.DataFrame, client: str, server: str | None) -> pl.DataFrame:
        if self._exclude:
            for column in (client, server):
                if column in frame.columns:
                    denied = _within(frame[column], self._exclude)
                    frame = frame.filter(~pl.col(column).is_in(denied).fill_null(False))
        if self._only and client in frame.columns:
            frame = frame.filter(pl.col(client).is_in(_within(frame[client], self._only)).fill_null(False))
        return frame

    def _living(self, frame: pl.DataFrame, time: str) -> pl.DataFrame:
        gone = [epoch for epoch in self._keys.epochs_in(frame[time]) if self._keys.is_shredded(epoch)]
        if not gone:
            return frame
        epoch = self._keys.epoch_of(pl.col(time).cast(schema.TIME))
        return frame.filter(~epoch.is_in(gone).fill_null(False))


def _networks(texts: Sequence[str]) -> tuple[Net, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _within(values: pl.Series, networks: tuple[Net, ...]) -> list[str]:
    """The unique values that are addresses in one of the networks."""
    return [value for value in values.drop_nulls().unique() if _is_within(value, networks)]


def _is_within(text: str, networks: tuple[Net, ...]) -> bool:
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address.version == net.version and address in net for net in networks)
