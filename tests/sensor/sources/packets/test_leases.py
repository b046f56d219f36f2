"""Which hardware address held which IP address: said once, and only of what is one machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from sensor import schema
from sensor.sources.packets.leases import SETTLED, PacketLeases

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
LATER = SETTLED / timedelta(minutes=1) + 1
Seen = tuple[float, str | None, str | None]


def told(leases: PacketLeases, *seen: Seen, last: bool = False) -> list[tuple[str, str, float]]:
    """(address, hardware address, minute of its beginning) of the leases after observations (minute, client,
    hardware address)."""
    minutes, clients, macs = zip(*seen, strict=True) if seen else ((), (), ())
    frame = {
        "seen_at": [NOON + timedelta(minutes=at) for at in minutes],
        "client": clients,
        "client_mac": macs,
    }
    types = {"seen_at": schema.TIME, "client": pl.String(), "client_mac": pl.String()}
    made = leases.put(
        {"observations": pl.DataFrame(frame, schema=types), "holders": pl.DataFrame()}, last=last
    )["leases"]
    assert set(made["origin"]) <= {"link"}
    assert set(made["valid_to"]) <= {NOON.replace(hour=0) + timedelta(days=day) for day in (1, 2)}
    rows = made.select("address", "mac", "valid_from").rows()
    return [(address, mac, (begin - NOON) / timedelta(minutes=1)) for address, mac, begin in rows]


def test_the_addresses_of_a_machine_are_told_once_it_is_settled_and_then_at_once() -> None:
    leases = PacketLeases("packets")
    assert told(leases, (0, "10.1.0.5", "m1"), (2, "10.1.0.5", "m1"), (1, "fd00::5", "m1")) == []
    assert told(leases, (LATER, "10.1.0.9", "m2")) == [("10.1.0.5", "m1", 0), ("fd00::5", "m1", 1)]
    assert told(leases, (LATER + 1, "10.1.0.5", "m1"), (LATER + 1, "fd00::6", "m1")) == [
        ("fd00::6", "m1", LATER + 1)
    ]
    assert told(leases, last=True) == [("10.1.0.9", "m2", LATER)]
    assert told(leases, last=True) == []


def test_nothing_is_told_of_what_passes_on_packets_of_others() -> None:
    leases = PacketLeases("packets")
    assert told(leases, (0, "10.1.0.5", "m1"), (1, "10.1.0.6", "m1"), (2, "fd00::5", "m1"), last=True) == []
    # One that shows only later is told no further.
    leases = PacketLeases("packets")
    assert told(leases, (0, "10.1.0.5", "m1"), (LATER, "10.1.0.9", None)) == [("10.1.0.5", "m1", 0)]
    assert told(leases, (LATER + 1, "10.1.0.6", "m1"), (LATER + 2, "fd00::5", "m1"), last=True) == []


def test_each_day_tells_anew_and_addresses_that_are_nobodys_are_left_out() -> None:
    """Those of one link, and what a machine that asks for an address by DHCP sends from."""
    leases = PacketLeases("packets")
    day = 24 * 60
    clients = "0.0.0.0", "10.1.0.5", "fe80::5", "169.254.1.1"
    some = [(at, client, "m1") for at in (0, day) for client in clients]
    assert told(leases, *some, last=True) == [("10.1.0.5", "m1", 0), ("10.1.0.5", "m1", day)]
