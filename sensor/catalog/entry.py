"""Entries: the common form of services, bulk lists and self-hosted products. Pure.

The rest of the product does not know the forms of files. An `Entry` is one service, and its `Claim`s are what
it is recognised by, each with its place in the file.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product

from sensor.catalog.document import Place
from sensor.catalog.model import (
    LABEL,
    PORT_PATH,
    SOFTWARE,
    Affected,
    Amendment,
    Attribute,
    Bulk,
    Event,
    Product,
    Reclassification,
    Service,
    Vendor,
    VersionAnswer,
)

#: Confidence of a hit on a site of a bulk list, which was not examined by itself, and of one on a port with a
#: path.
BULK_FACTOR = 0.7
PRODUCT_FACTOR = 0.8


@dataclass(frozen=True)
class Claim:
    """One indicator of an entry: its kind, and the value to match."""

    kind: str
    value: str
    access: str
    shared: bool
    certainty: str
    reference: str
    checked: datetime.date
    #: its place in the file
    place: Place


@dataclass(frozen=True)
class Entry:
    """One service with its id, in the form that lints, index and lake use."""

    app: str
    name: str
    category: str
    claims: tuple[Claim, ...]
    vendor: Vendor | None = None
    homepage: str | None = None
    experimental: bool = False
    upload_baseline_bytes: int | None = None
    #: confidence of its hits, which is multiplied by that of each claim's certainty
    factor: float = 1.0
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    #: the organisation's own risk score in place of the rubric's
    risk: int | None = None
    hits: tuple[Event, ...] = ()
    misses: tuple[Event, ...] = ()
    affected: tuple[Affected, ...] = ()
    tells_version: tuple[VersionAnswer, ...] = ()


def of_service(app: str, service: Service, vendor: Vendor | None) -> Entry:
    """The entry of a file below `vendors/`."""
    claims = tuple(
        Claim(
            i.kind, i.value, i.access, i.shared, i.certainty, i.reference, i.checked, ("indicators", position)
        )
        for position, i in enumerate(service.indicators)
    )
    return Entry(
        app=app,
        name=service.name,
        category=service.category,
        claims=claims,
        vendor=vendor,
        homepage=service.homepage or (vendor.homepage if vendor else None),
        experimental=service.experimental,
        upload_baseline_bytes=service.upload_baseline_bytes,
        attributes=service.attributes,
        hits=service.hits,
        misses=service.misses,
    )


def of_bulk(app: str, bulk: Bulk) -> Entry:
    """The entry of a file below `bulk/`: one service of many domains or add-ons."""
    found: list[tuple[str, str, Place]] = [
        (kind, value, (field_name, position))
        for kind, field_name in (("suffix", "suffixes"), ("url", "urls"))
        for position, value in enumerate(getattr(bulk, field_name))
    ]
    found += [("extension_id", id_, ("extensions", id_)) for id_ in bulk.extensions]
    return Entry(
        app=app,
        name=bulk.name,
        category=bulk.category,
        claims=_alike(found, bulk, shared=bulk.shared),
        experimental=bulk.experimental,
        factor=BULK_FACTOR,
        hits=bulk.hits,
        misses=bulk.misses,
    )


def of_product(app: str, software: Product) -> Entry:
    """The entry of a file below `behaviours/`.

    Its claims are every port with every path, what servers say they run, and labels of hosts; everything else
    becomes attributes.
    """
    pairs = product(software.ports or ("",), enumerate(software.paths))
    found: list[tuple[str, str, Place]] = [
        (PORT_PATH, f"{port}{path}", ("paths", position)) for port, (position, path) in pairs
    ]
    found += [(SOFTWARE, text, ("software", position)) for position, text in enumerate(software.software)]
    found += [(LABEL, text, ("labels", position)) for position, text in enumerate(software.labels)]
    return Entry(
        app=app,
        name=software.name,
        category=software.category,
        claims=_alike(found, software, shared=False),
        homepage=software.homepage,
        experimental=software.experimental,
        factor=PRODUCT_FACTOR,
        attributes=dict(_manners(software)),
        hits=software.hits,
        misses=software.misses,
        affected=software.affected,
        tells_version=software.tells_version,
    )


def _alike(
    found: Iterable[tuple[str, str, Place]], file: Bulk | Product, *, shared: bool
) -> tuple[Claim, ...]:
    """Claims from kinds, values and places, with the access and the evidence that the whole file has."""
    return tuple(
        Claim(kind, value, file.access, shared, file.certainty, file.reference, file.checked, place)
        for kind, value, place in found
    )


def amended(entry: Entry, amendment: Amendment, is_door: Mapping[str, bool]) -> Entry | None:
    """`entry` as amended by the organisation; None if it retires it.

    `is_door` says, by access class, whether the class is a door to the service.
    """
    change = amendment.reclassify
    if change is None:
        return None
    claims = entry.claims
    if change.shared is not None:
        claims = tuple(
            replace(claim, shared=change.shared) if is_door.get(claim.access) else claim for claim in claims
        )
    replaced = {name: getattr(change, name) for name in _REPLACED if getattr(change, name) is not None}
    return replace(entry, claims=claims, attributes={**entry.attributes, **change.attributes}, **replaced)


#: Fields of a `Reclassification` that replace the entry's own.
_REPLACED = tuple(
    name for name in Reclassification.model_fields if name not in ("reason", "shared", "attributes")
)


def _manners(software: Product) -> Iterator[tuple[str, Attribute]]:
    for name in ("default_auth", "default_bind", "markers", "advisories"):
        value = getattr(software, name)
        if value is not None and value != ():
            yield (
                name,
                Attribute(value=value, reference=software.reference, checked=software.checked),
            )
    if software.ports:
        ports = tuple(str(port) for port in software.ports)
        yield "ports", Attribute(value=ports, reference=software.reference, checked=software.checked)
