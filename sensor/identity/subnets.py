"""Reads subnets from a CSV file, as an addition to `[networks]` of the settings: their segment and kind.

network,segment,kind
10.2.0.0/16,Paris office,
10.9.0.0/24,Citrix farm,shared
"""

from __future__ import annotations

import ipaddress
from itertools import count

from sensor.identity.tables import Problems, rows
from sensor.settings import Settings

_HEADS = {"network": ("subnet", "cidr", "prefix"), "segment": ("name", "description"), "kind": ("type",)}
#: kind in the file → field of `Networks`
_KINDS = {"internal": "internal", "guest": "guest", "proxy": "proxies", "shared": "shared"}


def with_subnets(settings: Settings, problems: Problems) -> Settings:
    """`settings` plus the networks in the file they name; invalid lines go to `problems`.

    Raises UsageError if the file is missing or has no column `network`.
    """
    path = settings.identity.subnets
    if path is None:
        return settings
    networks = settings.networks
    lists = {name: list(getattr(networks, name)) for name in _KINDS.values()}
    segments = dict(networks.segments)
    for line, row in rows(path, _HEADS, ("network",), problems):
        kind = (row["kind"] or "").lower()
        try:
            network = str(ipaddress.ip_network(row["network"] or "", strict=False))
        except ValueError:
            problems.add(path, line, "no network like 10.2.0.0/16")
            continue
        if kind and kind not in _KINDS:
            problems.add(path, line, f"kind is none of {', '.join(_KINDS)}")
            continue
        if kind:
            lists[_KINDS[kind]].append(network)
        if row["segment"]:
            segments[_free(row["segment"], segments)] = network
    more = networks.model_copy(
        update={"segments": segments, **{name: tuple(nets) for name, nets in lists.items()}}
    )
    return settings.model_copy(update={"networks": more})


def _free(name: str, taken: dict[str, str]) -> str:
    """The name, with a number appended if another network of the segment has it already."""
    numbered = (f"{name} {number}" for number in count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)
