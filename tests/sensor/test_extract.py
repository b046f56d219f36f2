"""One connection's packets, copied out of captures of every kind."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from sensor.cli.main import app
from sensor.errors import InputError, UsageError
from sensor.extract import Connection, extract
from tests.sensor.decode.adversarial import WRAPS
from tests.sensor.decode.craft import (
    CLIENT,
    SERVER,
    T0,
    Frame,
    Talk,
    block,
    decode,
    ethernet,
    file_of,
    ip,
    pcap,
    section,
    udp,
)
from tests.sensor.decode.craft.fragments import parts as fragments

ASKED = f"{CLIENT}:40001-{SERVER}:443"


def talks(**options: str) -> list[list[Frame]]:
    """Three connections that differ in the client's port."""
    made = [Talk(port=40000 + n, now=T0 + n / 7, **options).shake().send(b"x" * 50).close() for n in range(3)]
    return [talk.frames for talk in made]


def mixed(parts: list[list[Frame]]) -> list[Frame]:
    return sorted((frame for part in parts for frame in part), key=lambda frame: frame.time)


def copied(tmp_path: Path, asked: str, *contents: bytes) -> tuple[int, bytes]:
    """(packets told, the file written)."""
    to = tmp_path / "out.pcap"
    files = [file_of(content, f"{n}.pcap") for n, content in enumerate(contents)]
    told = extract(files, Connection.parse(asked), to)
    return told.packets, to.read_bytes() if to.exists() else b""


@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_pcap_gives_a_pcap_of_its_kind_byte_for_byte(tmp_path: Path, order: str, nano: bool) -> None:
    parts = talks()
    content = pcap(mixed(parts), order=order, nano=nano)
    count, out = copied(tmp_path, ASKED, content)
    assert count == len(parts[1])
    assert out == pcap(parts[1], order=order, nano=nano)


def test_either_end_may_come_first(tmp_path: Path) -> None:
    content = pcap(mixed(talks()))
    turned = f"{SERVER}:443-{CLIENT}:40001/tcp"
    assert copied(tmp_path, turned, content) == copied(tmp_path, ASKED, content)


def test_the_transport_can_be_asked_for(tmp_path: Path) -> None:
    datagram = Frame(ethernet(ip(CLIENT, SERVER, 17, udp(40001, 443, b"quic"))), T0)
    content = pcap([datagram, *mixed(talks())])
    assert copied(tmp_path, f"{ASKED}/udp", content) == (1, pcap([datagram]))
    assert copied(tmp_path, ASKED, content)[0] == 1 + copied(tmp_path, f"{ASKED}/tcp", content)[0]


def test_a_connection_over_ipv6_is_extracted(tmp_path: Path) -> None:
    parts = talks(client="2001:db8::5", server="2001:db8:1::9")
    count, out = copied(tmp_path, "[2001:db8::5]:40001-[2001:DB8:1:0::9]:443", pcap(mixed(parts)))
    assert (count, out) == (len(parts[1]), pcap(parts[1]))


@pytest.mark.parametrize("wrap", WRAPS)
def test_what_is_around_the_connection_is_copied_with_it(tmp_path: Path, wrap: str) -> None:
    parts = [[Frame(WRAPS[wrap](f.data), f.time) for f in part] for part in talks()]
    assert copied(tmp_path, ASKED, pcap(mixed(parts))) == (len(parts[1]), pcap(parts[1]))


def test_every_fragment_belongs_to_its_connection(tmp_path: Path) -> None:
    whole = udp(40001, 443, bytes(range(256)) * 8)
    pieces = [Frame(piece, T0 + n / 1000) for n, piece in enumerate(fragments(whole, 504))]
    assert len(pieces) > 3
    assert copied(tmp_path, ASKED, pcap([*pieces, *mixed(talks())[:3]]))[0] == len(pieces)


def test_cut_frames_keep_their_length(tmp_path: Path) -> None:
    part = [Frame(f.data[:54], f.time, len(f.data)) for f in talks()[1]]
    assert copied(tmp_path, ASKED, pcap(part)) == (len(part), pcap(part))


def test_pcapng_and_a_second_file_become_one_pcap(tmp_path: Path) -> None:
    first, second = talks()[1][:4], talks()[1][4:]
    head = section() + block(1, struct.pack("<HHI", 1, 0, 0))
    for frame in first:
        time = round(frame.time * 1_000_000)
        sizes = (len(frame.data), len(frame.data))
        fields = struct.pack("<5I", 0, time >> 32, time & 0xFFFFFFFF, *sizes)
        head += block(6, fields + frame.data + bytes(-len(frame.data) % 4))
    count, out = copied(tmp_path, ASKED, pcap(second, order=">", nano=True), head)
    assert (count, out) == (len(first) + len(second), pcap([*first, *second]))


def test_what_was_copied_decodes_to_the_same_row(tmp_path: Path) -> None:
    content = pcap(mixed(talks()))
    _, out = copied(tmp_path, ASKED, content)
    (row,) = decode(out)["observations"].to_dicts()
    assert row in decode(content)["observations"].to_dicts()


def test_nothing_found_writes_nothing(tmp_path: Path) -> None:
    assert copied(tmp_path, f"{CLIENT}:1-{SERVER}:2", pcap(mixed(talks()))) == (0, b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["", "a:1-b:2", "10.0.0.1:1", "10.0.0.1:1-10.0.0.2:70000", "2001:db8::1:1-10.0.0.1:2",
             "10.0.0.1:1-10.0.0.2:2/sctp", "[10.0.0.1:1-10.0.0.2:2", "300.0.0.1:1-10.0.0.2:2"],
)  # fmt: skip
def test_what_is_no_connection_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="write it like"):
        Connection.parse(text)


@given(st.ip_addresses(), st.integers(0, 65535), st.ip_addresses(), st.integers(0, 65535))
def test_a_connection_reads_back(source: object, port: int, target: object, other: int) -> None:
    wanted = Connection(str(source), port, str(target), other, "udp")
    if "%" not in str(wanted):
        assert Connection.parse(str(wanted)) == wanted


def test_a_file_that_is_read_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    content = pcap(mixed(talks()))
    path.write_bytes(content)
    done = CliRunner().invoke(app, ["scan", str(path), "--extract", ASKED, "--to", str(path)])
    assert isinstance(done.exception, UsageError)
    assert path.read_bytes() == content


def test_no_capture_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a pcap"):
        extract([file_of(b"text", "notes.txt")], Connection.parse(ASKED), tmp_path / "out.pcap")


def test_the_command_tells_the_count_and_exits_3_where_there_is_none(tmp_path: Path) -> None:
    path, to = tmp_path / "a.pcap", tmp_path / "out.pcap"
    path.write_bytes(pcap(mixed(talks())))
    run = CliRunner()
    done = run.invoke(app, ["scan", str(path), "--extract", ASKED, "--to", str(to)])
    assert done.exit_code == 0
    assert done.stdout == f"{len(talks()[1])} packets of {ASKED} in {to}\n"
    none = run.invoke(app, ["scan", str(path), "--extract", f"{CLIENT}:9-{SERVER}:9", "--to", str(to)])
    assert none.exit_code == 3
    alone = run.invoke(app, ["scan", str(path), "--extract", ASKED])
    assert isinstance(alone.exception, UsageError)


def test_a_folder_is_no_file_to_write_to(tmp_path: Path) -> None:
    for folder in (tmp_path, Path(), Path("/")):
        with pytest.raises(UsageError, match="is a directory"):
            extract([], Connection.parse(ASKED), folder)
