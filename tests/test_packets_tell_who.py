"""A capture alone tells who used what: DHCP and Kerberos beside a hello, from the packets to the hours."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path

import polars as pl
import pytest

from analytics.subject import times
from tests.product import query, shadowai
from tests.sensor.decode.craft import CLIENT_MAC, T0, Frame, Talk, pcap
from tests.sensor.decode.craft.tls import small_hello
from tests.sensor.decode.identity.speakers import (
    CLIENT,
    SERVER,
    accounting,
    asked,
    dhcp,
    given,
    ntlm,
    over_tcp,
    over_udp,
    refused,
    smb2,
)

OTHER = "10.1.0.8"
#: Whoever is planted in clear below, and what must never be kept at all.
NAMES = (b"'ann'", b"pc-ann", b"'bob'", b"corp.example", b"02:00:00:00:00:0a", CLIENT.encode())
SECRETS = (b"secretsecret", b"ntlmssp", b"hunter2")


def visit(client: str, at: float) -> list[Frame]:
    server = "2001:db8::7" if ":" in client else "198.51.100.7"
    talk = Talk(client=client, server=server, now=T0 + at).shake().send(small_hello(b"chatgpt.com"))
    return talk.reply(bytes.fromhex("1703030064") + bytes(100)).close().frames


def morning() -> list[Frame]:
    """Ann's laptop gets an address and she signs in, where Mallory is refused; Bob's answers nobody saw; then
    both use a service."""
    frames = [
        over_udp(dhcp("request", hostname="PC-Ann"), 68, 67, 0, sender="0.0.0.0"),
        over_udp(dhcp("ack", lease_time=7200), 67, 68, 1, sender=SERVER),
        over_udp(given("PC-ANN$"), 88, 50000, 2, sender=SERVER, receiver=CLIENT),
        over_udp(asked("ann"), 50001, 88, 3),
        over_udp(given("ann"), 88, 50001, 3.1, sender=SERVER, receiver=CLIENT),
        over_udp(asked("mallory"), 50002, 88, 3.2),
        over_udp(refused(6), 88, 50002, 3.3, sender=SERVER, receiver=CLIENT),
        over_tcp(smb2(ntlm("bob")), 50000, 445, 4, sender=OTHER),
        over_udp(accounting(1, a1=b"eve", a2=b"hunter2hunter2hu", a8=bytes([10, 1, 0, 9])), 50000, 1813, 5),
    ]
    frames += [*visit(CLIENT, 10), *visit(OTHER, 20), *visit("10.1.0.77", 30)]
    return sorted(frames, key=lambda frame: frame.time)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A scan of the morning at each level that keeps rows about people."""
    made = {level: tmp_path_factory.mktemp(level) for level in ("clear", "pseudonymous")}
    for level, folder in made.items():
        (folder / "morning.pcap").write_bytes(pcap(morning()))
        (folder / "people.csv").write_text("address,user_name,department\n10.9.9.9,ann,research\n")
        shadowai(folder, "scan", "--quiet", "morning.pcap", "--people", "people.csv", privacy=level)
        (folder / "morning.pcap").unlink()
    return made


def test_the_lake_knows_who_held_which_address(folders: dict[str, Path]) -> None:
    rows = query(folders["clear"], f"""
        SELECT origin, user_name, device, mac, confidence FROM leases
        WHERE address = '{CLIENT}' ORDER BY valid_from""")  # fmt: skip
    assert rows == [
        ("dhcp", None, "pc-ann", "02:00:00:00:00:0a", 0.9),
        ("directory", None, "pc-ann", None, 0.8),
        ("directory", "ann", None, None, 0.8),
    ]


def test_use_is_a_persons_where_a_person_signed_in_and_nobodys_where_none_did(
    folders: dict[str, Path],
) -> None:
    rows = query(folders["clear"], """
        SELECT subject_kind, user_name, department FROM usage_hourly
        WHERE app = 'openai/chatgpt' ORDER BY user_name NULLS LAST""")  # fmt: skip
    assert rows == [
        ("user", "ann", "research"),
        ("user", "bob", "unattributed"),
        ("address", None, "unattributed"),
    ]


def at_card(mac: str, *talks: list[Frame], hops: int | None = None) -> list[Frame]:
    """Frames of connections as they pass with this hardware address, and TTL or hop limit."""
    frames = []
    for frame in chain(*talks):
        data = bytearray(frame.data.replace(CLIENT_MAC, bytes.fromhex(mac.replace(":", ""))))
        if hops is not None:
            data[22 if data[12:14] == b"\x08\x00" else 21] = hops
        frames.append(replace(frame, data=bytes(data)))
    return frames


def test_the_addresses_of_one_machine_are_one_subject(tmp_path: Path) -> None:
    """Ann's laptop has a lease for IPv4, a colleague's has none, and the rest are behind routers."""
    frames = [over_udp(dhcp("ack", hostname="PC-Ann", lease_time=7200), 67, 68, 1, sender=SERVER)]
    frames.append(over_udp(asked("ann"), 50001, 88, 3))
    frames.append(over_udp(given("ann"), 88, 50001, 3.1, sender=SERVER, receiver=CLIENT))
    frames += at_card("02:00:00:00:00:0a", visit(CLIENT, 10), visit("fd00::a1", 20), visit("fd00::a2", 30))
    frames += at_card("02:00:00:00:00:0b", visit("10.1.0.11", 12), visit("fd00::b1", 22))
    behind = visit("10.1.0.12", 14), visit("10.1.0.13", 24), visit("fd00::c1", 34)
    frames += at_card("02:00:00:00:00:0c", *behind)
    frames += at_card("02:00:00:00:00:0d", visit("10.1.0.14", 16), visit("fd00::d1", 26), hops=63)
    (tmp_path / "morning.pcap").write_bytes(pcap(sorted(frames, key=lambda frame: frame.time)))
    shadowai(tmp_path, "scan", "morning.pcap", privacy="clear")
    used = query(tmp_path, """
        SELECT subject_kind, subject, attributed_by, sum(connections) FROM usage_hourly
        WHERE app = 'openai/chatgpt' GROUP BY ALL ORDER BY ALL""")  # fmt: skip
    assert used == [
        *(("address", f"10.1.0.{at} at main", "nobody", 1) for at in (12, 13, 14)),
        *(("address", f"fd00::{at}1 at main", "nobody", 1) for at in "cd"),
        ("device", "02:00:00:00:00:0b", "device", 2),
        ("user", "ann", "directory", 3),
    ]
    told = shadowai(tmp_path, "who", "fd00::a2", "--at", "2027-01-15T08:01Z", privacy="clear")
    assert f"  {CLIENT}, of the same machine: directory 0.80" in told
    assert "person ann (directory 0.80" in told
    # So are a request for information and an erasure.
    assert {address for _, address, *_ in times(tmp_path / "lake", ["ann"]).held} == {
        CLIENT,
        "fd00::a1",
        "fd00::a2",
    }


def test_the_same_person_is_a_token_by_default(folders: dict[str, Path]) -> None:
    held = query(folders["pseudonymous"], "SELECT DISTINCT user_name FROM leases WHERE confidence = 0.8")
    used = query(folders["pseudonymous"], "SELECT user_name FROM usage_hourly WHERE subject_kind = 'user'")
    (ann,) = {name for (name,) in held if name}
    assert (ann,) in used
    assert len(used) == 2


def test_from_packets_false_takes_no_names_from_packets(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "shadowai.toml").write_text("[identity]\nfrom_packets = false\n")
    (tmp_path / "morning.pcap").write_bytes(pcap(morning()))
    shadowai(tmp_path, "scan", "--quiet", "morning.pcap")
    assert query(tmp_path, "SELECT count(*) FROM leases") == [(0,)]
    used = query(tmp_path, "SELECT DISTINCT subject_kind FROM usage_hourly WHERE app = 'openai/chatgpt'")
    assert used == [("address",)]
    sheet = shadowai(tmp_path, "privacy-sheet")
    assert "What packets say about the holders of addresses is not used" in sheet


def test_no_name_of_the_wire_is_in_any_file_and_no_secret_at_any_level(folders: dict[str, Path]) -> None:
    for level, folder in folders.items():
        forbidden = SECRETS + (NAMES if level == "pseudonymous" else ())
        for path in (folder / "lake").rglob("*"):
            content = path.read_bytes().lower() if path.is_file() else b""
            if path.suffix == ".parquet":
                rows = pl.read_parquet(path, hive_partitioning=False).rows()
                content += str(rows).lower().encode()
            assert [text for text in forbidden if text in content] == [], path
