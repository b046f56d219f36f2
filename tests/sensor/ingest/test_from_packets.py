"""From packets to stored rows: names behind ECH, names of this network, and where the sensor is blind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from sensor.catalog.load import load
from sensor.match.blindness import Blindness
from sensor.sources.interface import Input
from sensor.sources.packets.pcap import PcapSource
from tests.sensor.decode.craft import T0, Frame, Talk, ethernet, file_of, ip, pcap, totals, udp
from tests.sensor.decode.craft.dns import (
    ASKER,
    POINTER,
    answer,
    ech_config,
    ech_list,
    message,
    name,
    question,
    service,
)
from tests.sensor.decode.craft.quic import crypto, seal
from tests.sensor.decode.craft.tls import hello, record, small_hello, sni
from tests.sensor.ingest.pipelines import pipeline_in, tables_of

COVER, HIDDEN, EDGE = "cover.example", "chatgpt.com", "198.51.100.7"


def stored(frames: list[Frame], folder: Path, batch_bytes: int = 1 << 26) -> dict[str, pl.DataFrame]:
    """What a capture of these frames leaves in the store."""
    content = pcap(sorted(frames, key=lambda frame: frame.time))
    batches = list(PcapSource(batch_bytes=batch_bytes).read(Input((file_of(content),), "input")))
    return tables_of(pipeline_in(folder, Blindness(load().blind_spots)), batches)


def outer(number: int, cover: str = COVER) -> bytes:
    """A hello with an ECH extension (RFC 9849 §5) that uses configuration `number`."""
    ech = b"\0\0\x01\0\x01" + bytes([number]) + b"\0\x20" + bytes(32) + b"\0\x10" + bytes(16)
    return hello({0: sni(cover.encode()), 0xFE0D: ech, 43: bytes.fromhex("020304")})


def told(number: int) -> list[Frame]:
    """A client asks for a name's HTTPS record, which carries ECH, and for its address."""
    configuration = (POINTER, 65, service(ech_list(ech_config(number, COVER.encode()))))
    address = (POINTER, 1, bytes(int(part) for part in EDGE.split(".")))
    asked = name(HIDDEN)
    return [
        question(message(asked, ident=1, kind=65)),
        answer(message(asked, ident=1, kind=65, answers=[configuration])),
        question(message(asked, ident=2), 0.02),
        answer(message(asked, ident=2, answers=[address]), 0.03),
    ]


def over_tcp(first: bytes, at: float, port: int = 40000, server: str = EDGE) -> list[Frame]:
    talk = Talk(client=ASKER, server=server, port=port, now=T0 + at).shake()
    return talk.send(record(first)).reply(bytes.fromhex("170303000a") + bytes(10)).frames


def over_quic(first: bytes, at: float, port: int = 40000, server: str = EDGE) -> list[Frame]:
    datagram = udp(port, 443, seal(crypto(0, first), 1))
    return [Frame(ethernet(ip(ASKER, server, 17, datagram)), T0 + at)]


@pytest.mark.parametrize("over", [over_tcp, over_quic])
@pytest.mark.parametrize("batch_bytes", [1 << 26, 300])
def test_a_hello_behind_ech_is_named_by_what_was_asked_for(
    over: Callable[..., list[Frame]], batch_bytes: int, tmp_path: Path
) -> None:
    """The outer name and the configuration's number are those of an HTTPS record the client was told."""
    frames = stored(told(7) + over(outer(7), 1), tmp_path, batch_bytes)
    rows = frames["sightings"].filter(pl.col("kind") != "dns")
    assert rows.select("host", "name_from", "app").rows() == [(HIDDEN, "ech_dns", "openai/chatgpt")]
    assert totals(frames["coverage"])["ech"] == 1
    assert COVER not in frames["names"]["host"]


@pytest.mark.parametrize("over", [over_tcp, over_quic])
def test_grease_keeps_its_own_name(over: Callable[..., list[Frame]], tmp_path: Path) -> None:
    """A hello whose name stands for itself, with an extension that only looks like ECH (RFC 9849 §6.2)."""
    frames = stored(told(7) + over(outer(7, "claude.ai"), 1), tmp_path)
    rows = frames["sightings"].filter(pl.col("kind") != "dns")
    assert rows.select("host", "name_from").rows() == [
        ("claude.ai", "sni" if over is over_tcp else "quic_sni")
    ]
    assert totals(frames["coverage"])["ech"] == 0


def test_another_configuration_is_not_the_one_that_was_told(tmp_path: Path) -> None:
    frames = stored(told(7) + over_tcp(outer(8), 1), tmp_path)
    assert frames["sightings"].filter(pl.col("kind") != "dns").is_empty()
    assert totals(frames["coverage"])["ech"] == 0


def local(port: int, host: str, *, source: int = 0) -> Frame:
    """A question for a name of this network, to the group that answers it."""
    group = "224.0.0.251" if port == 5353 else "224.0.0.252"
    return Frame(ethernet(ip(ASKER, group, 17, udp(source or port, port, message(name(host))))), T0)


def test_names_of_this_network_are_counted_and_are_neither_connections_nor_lookups(tmp_path: Path) -> None:
    """mDNS (RFC 6762) and LLMNR (RFC 4795)."""
    frames = stored([local(5353, "printer.local"), local(5355, "chatgpt.com", source=50000)], tmp_path)
    counted = totals(frames["coverage"])
    assert (counted["packets"], counted["decoded"], counted["local_names"]) == (2, 2, 2)
    assert (counted["flows"], frames["sightings"].height, frames["names"].height) == (0, 0, 0)


def wireguard(at: float) -> list[Frame]:
    """A handshake initiation (148 bytes, type 1)."""
    return [Frame(ethernet(ip(ASKER, EDGE, 17, udp(51820, 51820, b"\1\0\0\0" + bytes(144)))), T0 + at)]


def dot(at: float) -> list[Frame]:
    return (
        Talk(client=ASKER, server=EDGE, server_port=853, now=T0 + at)
        .shake()
        .send(small_hello(b"r.example"))
        .frames
    )


def doq(at: float) -> list[Frame]:
    datagram = udp(40001, 853, seal(crypto(0, small_hello(b"r.example")[5:]), 1))
    return [Frame(ethernet(ip(ASKER, EDGE, 17, datagram)), T0 + at)]


def doh(at: float) -> list[Frame]:
    return over_tcp(small_hello(b"dns.google")[5:], at)


def doh_by_address(at: float) -> list[Frame]:
    return Talk(client=ASKER, server="8.8.8.8", now=T0 + at).shake().send(b"\x17\x03\x03\0\x02ab").frames


def nordvpn(at: float) -> list[Frame]:
    return over_tcp(small_hello(b"de1234.nordvpn.com")[5:], at, port=40002)


BLIND = {
    "dot": (dot, "encrypted_dns"),
    "doq": (doq, "encrypted_dns"),
    "doh": (doh, "encrypted_dns"),
    "doh by address": (doh_by_address, "encrypted_dns"),
    "wireguard": (wireguard, "vpn_relay"),
    "nordvpn": (nordvpn, "vpn_relay"),
}


@pytest.mark.parametrize("where", BLIND)
def test_a_connection_to_a_blind_spot_is_counted_once(where: str, tmp_path: Path) -> None:
    made, column = BLIND[where]
    frames = stored([*made(0), *[Frame(f.data, f.time + 40) for f in made(0)[-1:]]], tmp_path)
    counted = totals(frames["coverage"])
    assert (counted["flows"], counted[column]) == (1, 1)
    assert counted["encrypted_dns"] + counted["vpn_relay"] == 1
