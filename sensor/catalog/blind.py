"""The model of `resolvers/*.yml`: services behind which the sensor is blind, and how they are recognised.

Encrypted DNS hides which names are looked up; a VPN, relay or proxy hides all traffic. Neither is use of AI.
Connections to them are counted in `coverage`, so that reports can say what other figures miss.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import Field, field_validator, model_validator

from sensor.catalog.model import Strict, Text, is_host

#: What a kind of place is counted as: a column of `coverage`.
COUNTED = {
    "doh": "encrypted_dns", "dot": "encrypted_dns", "doq": "encrypted_dns", "odoh": "encrypted_dns",
    "dnscrypt": "encrypted_dns", "vpn": "vpn_relay", "relay": "vpn_relay", "proxy": "vpn_relay",
    "tunnel": "vpn_relay", "anonymiser": "vpn_relay",
}  # fmt: skip

#: One row per way to recognise a place: `form` is domain, suffix, address or port.
BLIND_SPOTS: dict[str, pl.DataType] = {
    "name": pl.String(),
    "kind": pl.String(),
    "counted": pl.String(),
    "form": pl.String(),
    "value": pl.String(),
    "port": pl.Int64(),
    "transport": pl.String(),
    "certainty": pl.String(),
    "reference": pl.String(),
    "checked": pl.Date(),
}

Port = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}(/(tcp|udp))?$")]


class BlindSpot(Strict):
    """A service or protocol that hides traffic, and how it is recognised.

    `hosts` match by name, `addresses` (networks) only if no name is known; both only on `ports`, if any are
    given. An entry with ports only matches everything on them.
    """

    name: Text
    kind: Literal["doh", "dot", "doq", "odoh", "dnscrypt", "vpn", "relay", "proxy", "tunnel", "anonymiser"]
    hosts: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    certainty: str
    reference: Annotated[str, Field(min_length=5, max_length=300)]
    checked: datetime.date

    @field_validator("hosts", "suffixes")
    @classmethod
    def _hosts(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not is_host(name):
                raise ValueError(f"'{name}' is not a lower-case host name (no port, no final dot, A-labels)")
        return names

    @field_validator("addresses")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for text in networks:
            try:
                written = str(ipaddress.ip_network(text)).removesuffix("/32").removesuffix("/128")
            except ValueError:
                written = ""
            if written != text:
                raise ValueError(f"'{text}' is not an address or network in its shortest form")
        return networks

    @model_validator(mode="after")
    def _is_somewhere(self) -> BlindSpot:
        if not (self.hosts or self.suffixes or self.addresses or self.ports):
            raise ValueError("an entry needs hosts, suffixes, addresses or ports")
        return self


class BlindSpots(Strict):
    """The content of a file in `resolvers/`."""

    meaning: Text
    entries: Annotated[tuple[BlindSpot, ...], Field(min_length=1, max_length=1000)]


def blind_spots(entries: Iterable[BlindSpot]) -> pl.DataFrame:
    """All `entries` as a frame with the columns of `BLIND_SPOTS`, in order."""
    rows = [row for entry in entries for row in _rows(entry)]
    return pl.DataFrame(rows, schema=BLIND_SPOTS, orient="row")


def places(entry: BlindSpot) -> Iterator[tuple[str, str, int | None, str | None]]:
    """Form, value, port and transport of each way to recognise `entry`."""
    ports: list[tuple[int | None, str | None]] = [
        (int(number), transport or None) for number, _, transport in (p.partition("/") for p in entry.ports)
    ]
    values = [
        *(("domain", host) for host in entry.hosts),
        *(("suffix", suffix) for suffix in entry.suffixes),
        *(("address", address) for address in entry.addresses),
    ]
    for (form, value), (port, transport) in product(values or [("port", "")], ports or [(None, None)]):
        yield form, value, port, transport


def _rows(entry: BlindSpot) -> Iterator[tuple[Any, ...]]:
    evidence = (entry.certainty, entry.reference, entry.checked)
    for form, value, port, transport in places(entry):
        yield (entry.name, entry.kind, COUNTED[entry.kind], form, value, port, transport, *evidence)
