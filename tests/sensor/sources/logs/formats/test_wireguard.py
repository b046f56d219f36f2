"""WireGuard dumps: who holds an address, and that no key is left anywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sources.logs.formats.wireguard import WireguardFormat
from sensor.sources.logs.text.reasons import INTERFACE, NETWORK_BEHIND, NO_HANDSHAKE
from tests.sensor.sources.logs.formats.reading import leases_of, read, rows

PRIVATE, PUBLIC, OTHER, SHARED = ("Abc+/"[n % 5] * 42 + str(n) + "=" for n in range(4))
AT = datetime(2026, 11, 22, 10, tzinfo=UTC)


def peer(key: str, allowed: str, handshake: int = 1795341600, psk: str = "(none)") -> str:
    return f"wg0\t{key}\t{psk}\t198.51.100.4:51820\t{allowed}\t{handshake}\t1024\t4096\toff\n"


TEXT = (
    f"wg0\t{PRIVATE}\t{PUBLIC}\t51820\toff\n"
    + peer(OTHER, "10.8.0.2/32,2001:db8::2/128,10.9.0.0/24", psk=SHARED)
    + peer(PUBLIC, "10.8.0.3/32", 0)
)


def test_single_addresses_are_held_from_the_handshake_on() -> None:
    found = read(WireguardFormat, TEXT)
    assert found["reason"].to_list() == [INTERFACE, None, None, NETWORK_BEHIND, NO_HANDSHAKE]
    leases = leases_of(WireguardFormat, TEXT)
    assert leases.select("address", "valid_from", "valid_to", "origin", "user_name").rows() == [
        ("10.8.0.2", AT, AT + timedelta(seconds=180), "vpn", None),
        ("2001:db8::2", AT, AT + timedelta(seconds=180), "vpn", None),
    ]
    (device,) = leases["device"].unique()
    assert device.startswith("wireguard-") and len(device) == 22


def test_a_peer_is_the_same_device_in_every_dump() -> None:
    first, second = (
        read(WireguardFormat, peer(OTHER, "10.8.0.2/32", 1795341600 + n))["device"][0] for n in (0, 99)
    )
    assert first == second != read(WireguardFormat, peer(PUBLIC, "10.8.0.2/32"))["device"][0]


def test_dump_of_one_interface() -> None:
    text = "".join(line.partition("\t")[2] + "\n" for line in TEXT.splitlines())
    assert read(WireguardFormat, text)["reason"].to_list() == [
        INTERFACE,
        None,
        None,
        NETWORK_BEHIND,
        NO_HANDSHAKE,
    ]


def test_no_key_is_kept() -> None:
    broken = f"wg0\t{OTHER}\t{SHARED}\tx\n" + f"wg0\t{PRIVATE}\t{PUBLIC}\tport\n"
    kept = str(read(WireguardFormat, TEXT + broken).rows())
    assert not any(key in kept for key in (PRIVATE, PUBLIC, OTHER, SHARED))


@given(st.integers(0, 300), st.integers(0, 60), st.text(max_size=20))
@settings(max_examples=8, deadline=None)
def test_hostile_text_never_raises(place: int, gone: int, stuffing: str) -> None:
    rows(TEXT[:place] + stuffing + TEXT[place + gone :])
