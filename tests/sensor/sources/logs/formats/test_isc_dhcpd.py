"""ISC dhcpd: lease files of both families, acknowledgements, what ends a lease."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.sources.logs.formats.isc_dhcpd import IscDhcpdFormat
from sensor.sources.logs.text.reasons import LEASE_OF_NOBODY, NO_ADDRESS, NOT_HELD
from tests.sensor.sources.logs.formats.reading import leases_of, read, rows

MAC = "02:00:00:00:00:0a"
BLOCK = """lease 10.1.0.7 {{
  starts 0 2026/11/22 10:00:00;
  ends {ends};
  cltt 0 2026/11/22 10:00:00;
  binding state {state};
  next binding state free;
  hardware ethernet 02:00:00:00:00:0a;
  uid "\\001\\002\\"}}";
  client-hostname "ann-pc";
}}
"""
V6 = """ia-na "\\001\\000\\000\\000\\000\\001\\000\\001\\001\\002\\003\\004\\002\\000\\000\\000\\000\\012" {
  cltt 0 2026/11/22 10:00:00;
  iaaddr 2001:db8::7 {
    binding state active;
    preferred-life 3600;
    max-life 7200;
    ends 0 2026/11/22 12:00:00;
  }
}
"""


leases = partial(leases_of, IscDhcpdFormat)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 22, hour, minute, tzinfo=UTC)


def log(*messages: str) -> str:
    return "".join(f"<190>Nov 22 10:0{n}:00 dhcpd[831]: {one}\n" for n, one in enumerate(messages))


def test_blocks_are_intervals() -> None:
    text = "# The format of this file is documented in the dhcpd.leases(5) manual page.\n"
    text += BLOCK.format(ends="0 2026/11/22 18:00:00", state="active")
    text += BLOCK.format(ends="epoch 1795348800; # a comment", state="free").replace("10.1.0.7", "10.1.0.8")
    text += BLOCK.format(ends="never", state="active").replace("10.1.0.7", "10.1.0.9")
    found = leases(text)
    assert found.select("address", "mac", "device", "valid_from", "valid_to", "origin").rows() == [
        ("10.1.0.7", MAC, "ann-pc", at(10), at(18), "dhcp"),
        ("10.1.0.8", MAC, "ann-pc", at(10), at(12), "dhcp"),
        ("10.1.0.9", MAC, "ann-pc", at(10), None, "dhcp"),
    ]


def test_a_released_block_ends_the_active_one_before_it() -> None:
    text = BLOCK.format(ends="0 2026/11/22 18:00:00", state="active")
    found = leases(text + BLOCK.format(ends="0 2026/11/22 11:00:00", state="free"))
    assert found.select("valid_from", "valid_to").unique().rows() == [(at(10), at(11))]


def test_blocks_without_indentation() -> None:
    text = BLOCK.format(ends="0 2026/11/22 18:00:00", state="active").replace("\n  ", "\n")
    assert leases(text).select("mac", "device", "valid_to").rows() == [(MAC, "ann-pc", at(18))]


def test_blocks_of_nobody() -> None:
    text = BLOCK.format(ends="0 2026/11/22 18:00:00", state="abandoned")
    text += "lease 10.1.0.8 {\n  starts 0 2026/11/22 10:00:00;\n  binding state backup;\n}\n"
    assert read(IscDhcpdFormat, text)["reason"].to_list() == [LEASE_OF_NOBODY, LEASE_OF_NOBODY]


def test_addresses_of_version_6_are_their_duids() -> None:
    (row,) = leases(V6).rows(named=True)
    assert (row["address"], row["mac"], row["valid_from"], row["valid_to"]) == (
        "2001:db8::7",
        MAC,
        at(10),
        at(12),
    )


def test_only_acknowledgements_give_an_address() -> None:
    text = log(
        f"DHCPDISCOVER from {MAC} via eth0",
        f"DHCPOFFER on 10.1.0.7 to {MAC} (ann-pc) via eth0",
        f"DHCPREQUEST for 10.1.0.7 (10.1.0.1) from {MAC} (ann-pc) via 10.1.0.254",
        f"DHCPACK on 10.1.0.7 to {MAC} (ann-pc) via 10.1.0.254",
        "Listening on LPF/eth0/02:00:00:00:00:01/10.1.0.0/24",
        f"DHCPACK to 10.1.0.8 ({MAC}) via eth0",
        f"DHCPRELEASE of 10.1.0.9 from {MAC} via eth0 (not found)",
    )
    found = read(IscDhcpdFormat, text)
    assert found["reason"].to_list() == [
        NO_ADDRESS,
        NO_ADDRESS,
        NO_ADDRESS,
        None,
        NO_ADDRESS,
        None,
        NOT_HELD,
    ]
    assert leases(text).select("address", "mac", "device", "valid_from", "valid_to", "confidence").rows() == [
        ("10.1.0.7", MAC, "ann-pc", at(10, 3), at(22, 3), 0.8),
        ("10.1.0.8", MAC, None, at(10, 5), at(22, 5), 0.8),
    ]


def test_renewals_extend_and_a_release_ends_all() -> None:
    ack = f"DHCPACK on 10.1.0.7 to {MAC} (ann-pc) via eth0"
    release = f"DHCPRELEASE of 10.1.0.7 from {MAC} (ann-pc) via eth0 (found)"
    found = leases(log(ack, ack + " lease-duration 600", release, ack + " lease-duration 600"))
    assert found.select("valid_from", "valid_to", "confidence").rows() == [
        (at(10), at(10, 2), 0.8),
        (at(10, 1), at(10, 2), 0.9),
        (at(10, 3), at(10, 13), 0.9),
    ]


def test_replies_of_version_6() -> None:
    text = log(
        "Reply NA: address 2001:db8::7 to client with duid 00:03:00:01:02:00:00:00:00:0a iaid = 1 "
        "valid for 3600 seconds"
    )
    assert leases(text).select("address", "mac", "valid_to").rows() == [("2001:db8::7", MAC, at(11))]


@given(st.integers(0, 500), st.integers(0, 60), st.text(max_size=20))
@settings(max_examples=8, deadline=None)
def test_hostile_text_never_raises(place: int, gone: int, stuffing: str) -> None:
    text = BLOCK.format(ends="0 2026/11/22 18:00:00", state="active") + V6
    text += log(f"DHCPACK on 10.1.0.7 to {MAC} (ann-pc) via eth0")
    rows(text[:place] + stuffing + text[place + gone :])


def test_infobloxs_lease_events_say_from_when_to_when() -> None:
    issued = "r-l-e:10.1.0.7,Issued,ann-pc,02:00:00:00:00:0a,1795341600,1795370400,,$"
    freed = "r-l-e:10.1.0.7,Freed,ann-pc,02:00:00:00:00:0a,1795341600,1795341660,,$"
    (row,) = leases(log(issued)).to_dicts()
    assert (row["address"], row["device"], row["mac"]) == ("10.1.0.7", "ann-pc", MAC)
    assert (row["valid_from"], row["valid_to"]) == (at(10), at(18))
    closed = leases(log(issued, freed))
    assert closed["valid_from"].unique().to_list() == [at(10)]
    assert closed["valid_to"].unique().to_list() == [at(10, 1)]
