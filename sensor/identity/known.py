"""Identities from files and settings; the pipeline queries them once per epoch.

Files: people (addresses, departments), directory exports, device owners. Settings: names of service accounts,
and networks with shared addresses. Everything is in clear; the pipeline normalises it and turns it into
tokens.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

import polars as pl

from sensor import schema
from sensor.identity import exports, people
from sensor.identity.scope import parse_address
from sensor.identity.tables import Problems, rows
from sensor.settings import Settings

#: machine accounts in Active Directory end with a dollar sign
_MACHINE = r"\$$|^host/"
_OWNER_HEADS = {
    "user_name": ("user", "owner", "account", "login"),
    "device": ("host", "hostname", "name"),
    "mac": ("mac address",),
}
SETTINGS = "settings"
BY_NAME = "name"


@dataclass(frozen=True)
class Known:
    """The content of the files, and the settings about accounts and networks."""

    people: pl.DataFrame | None = None
    exports: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=exports.COLUMNS))
    service_accounts: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings, problems: Problems) -> Known:
        """Read all files in the settings; invalid lines go to `problems`.

        Raises UsageError for a file that is missing or has another format.
        """
        identity = settings.identity
        directories = [exports.read(path, problems) for path in identity.directory]
        if identity.owners:
            directories.append(_owners(identity.owners, problems))
        return cls(
            people.read(identity.people, problems, settings.zone) if identity.people else None,
            pl.concat([pl.DataFrame(schema=exports.COLUMNS), *directories]),
            tuple(pattern.lower() for pattern in identity.service_accounts),
            settings.networks.shared,
        )

    def leases(self, begin: datetime, end: datetime) -> pl.DataFrame:
        """Rows of the table `leases` from the files, clipped to one epoch [begin, end)."""
        return schema.LEASES.empty() if self.people is None else people.leases(self.people, begin, end)

    def directory(self, begin: datetime, end: datetime) -> pl.DataFrame:
        """Rows of the table `directory` from the files, for one epoch [begin, end)."""
        own = schema.DIRECTORY.empty()
        if self.people is not None:
            own = people.directory(self.people, begin, end)
        return pl.concat([own, _within(self.exports, begin, end)])

    def marks(self, accounts: Iterable[str], begin: datetime, end: datetime) -> pl.DataFrame:
        """Rows of `directory` for the `accounts` whose names mark them as machines or services."""
        seen = pl.DataFrame({"user_name": sorted(set(accounts))}, schema={"user_name": pl.String})
        service = seen["user_name"].map_elements(self._is_service, return_dtype=pl.Boolean)
        machine = seen["user_name"].str.contains(_MACHINE)
        marked = seen.with_columns(
            kind=pl.when(machine).then(pl.lit("machine")).when(service).then(pl.lit("service")),
            origin=pl.when(machine).then(pl.lit(BY_NAME)).otherwise(pl.lit(SETTINGS)),
        )
        return _within(marked.filter(pl.col("kind").is_not_null()), begin, end)

    def sharing(self, addresses: Iterable[str], begin: datetime, end: datetime) -> pl.DataFrame:
        """Rows of `leases` for the `addresses` that are shared according to the settings."""
        nets = [ipaddress.ip_network(text, strict=False) for text in self.shared]
        held = [text for text in set(addresses) if nets and _lies_in(text, nets)]
        frame = pl.DataFrame({"address": sorted(held)}, schema={"address": pl.String})
        return schema.LEASES.conform(
            frame.with_columns(
                valid_from=pl.lit(begin, dtype=schema.TIME), valid_to=pl.lit(end, dtype=schema.TIME),
                origin=pl.lit(SETTINGS), confidence=pl.lit(1.0), shared=pl.lit(True),
            )
        )  # fmt: skip

    def _is_service(self, account: str) -> bool:
        return any(fnmatchcase(account, pattern) for pattern in self.service_accounts)


def _owners(path: Path, problems: Problems) -> pl.DataFrame:
    found = []
    for line, row in rows(path, _OWNER_HEADS, ("user_name",), problems):
        if row["user_name"] is None or (row["device"] is None and row["mac"] is None):
            problems.add(path, line, "an owner without a device or hardware address, or the reverse")
            continue
        found.append({**row, "kind": "person", "origin": "owners", "confidence": exports.OWNER_CONFIDENCE})
    return pl.DataFrame(found, schema=exports.COLUMNS)


def _within(rows_: pl.DataFrame, begin: datetime, end: datetime) -> pl.DataFrame:
    return schema.DIRECTORY.conform(
        rows_.with_columns(
            valid_from=pl.lit(begin, dtype=schema.TIME), valid_to=pl.lit(end, dtype=schema.TIME)
        )
    )


def _lies_in(text: str, nets: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    address = parse_address(text)
    return address is not None and any(address.version == n.version and address in n for n in nets)
