"""Handshakes of clusters are told by their first bytes, on any port; what is near them is not."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.decode.tcp.cluster_protocols import spoken
from tests.sensor.decode.craft import Frame, Talk, decode, ethernet, ip, observe, one, pcap, totals, udp

DASK = struct.pack("<QQQ", 58, 1, 42) + b"\x83\xabcompression\xc0\xa6python\x93\x03\x0b\x07\xaf"
DASK += b"pickle-protocol\x05"
#: PyTorch, Ray, Dask, Open MPI, Slurm, NFS, etcd, Redis and llama.cpp are recorded, with real programs
#: (pcaps/). Of DCGM, BeeGFS, Lustre and NCCL neither PyPI nor Debian has a program that runs without their
#: hardware or kernel modules: these bytes are made from the headers their sources publish (signatures:
#: experimental).
FIRST = [
    (bytes.fromhex("6c9d4bfcf2b94a56") + bytes(24), 40000, "nccl"),
    (bytes.fromhex("00cef7853c"), 29500, "torch-store"),
    (bytes.fromhex("01003f5901000000") + b"OPAL-TCP-BTL" + bytes.fromhex("007f0000"), 1024, "open-mpi"),
    (DASK, 8786, "dask"),
    (bytes.fromhex("adbcbcad") + bytes(20), 5555, "dcgm"),
    (bytes.fromhex("acce7100") + bytes(20), 988, "lustre"),
    (bytes.fromhex("0071ceac") + bytes(20), 988, "lustre"),
    (struct.pack(">IHHH", 80, 0x2B00, 0, 0x03E9) + bytes(80), 6817, "slurm"),
    (struct.pack(">I", 48), 6817, "slurm"),
    (struct.pack("<BQ", 14, 0), 50052, "ggml-rpc"),
    (struct.pack(">7I", 0x80000028, 7, 0, 2, 100003, 3, 0) + bytes(16), 2049, "nfs"),
    (struct.pack("<IHBBII", 60, 0, 0, 0, 0, 0x42474653) + bytes(44), 8003, "beegfs"),
]  # fmt: skip
NOT = [
    (struct.pack(">I", 48), 7000),
    (bytes(24), 40000),
    (b"*1\r\n$4\r\nPING\r\n", 6379),
    (struct.pack("<QQ", 58, 1) + bytes(40), 8786),
    (struct.pack(">IHHH", 80, 0x2B00, 0, 0x03E9) + bytes(80), 7000),
    (struct.pack("<BQ", 14, 0), 9000),
    (struct.pack(">7I", 0x80000028, 7, 0, 2, 100000, 3, 0) + bytes(16), 2049),  # the port mapper
    (struct.pack(">7I", 0x80000028, 7, 1, 2, 100003, 3, 0) + bytes(16), 2049),  # an answer
    (struct.pack("<IHBBII", 60, 0, 0, 0, 0, 0x42474654) + bytes(44), 8003),
]


@pytest.mark.parametrize(("first", "port", "name"), FIRST)
def test_told(first: bytes, port: int, name: str) -> None:
    talk = Talk(server_port=port).shake().send(first).reply(bytes(30)).send(bytes(300))
    row = one(talk.close().frames)
    assert (row["kind"], row["software"]) == ("flow", f"speaks: {name}")


@pytest.mark.parametrize(
    ("modules", "name"),
    [
        (["bf", "search"], "speaks: redis-vectors"),
        (["vectorset"], "speaks: redis-vectors"),
        (["timeseries"], None),
    ],
)
def test_redis_by_the_modules_it_has(modules: list[str], name: str | None) -> None:
    told: list[object] = ["server", "redis", "version", "8.2.1", "proto", 3, "id", 4, "mode", "standalone",
                          "role", "master", "modules"]  # fmt: skip

    def resp(value: object) -> bytes:
        text = str(value)
        return b":%d\r\n" % value if isinstance(value, int) else b"$%d\r\n%b\r\n" % (len(text), text.encode())

    answer = b"%7\r\n" + b"".join(map(resp, told)) + b"*%d\r\n" % len(modules)
    for module in modules:
        path = f"/usr/local/lib/redis/modules//{module}.so"
        answer += (
            b"%4\r\n" + b"".join(map(resp, ["name", module, "ver", 80200, "path", path, "args"])) + b"*0\r\n"
        )
    talk = Talk(server_port=6379).shake().send(b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n").reply(answer)
    assert one(talk.close().frames)["software"] == name


def test_told_by_the_server_who_speaks_first() -> None:
    row = one(Talk(server_port=8786).shake().reply(DASK).send(DASK).close().frames)
    assert row["software"] == "speaks: dask"


@pytest.mark.parametrize(("first", "port"), NOT)
def test_not_told(first: bytes, port: int) -> None:
    assert one(Talk(server_port=port).shake().send(first).reply(bytes(30)).close().frames)["software"] is None


def test_not_told_in_the_middle() -> None:
    talk = Talk(server_port=9000).shake().send(b"something else").send(FIRST[0][0])
    assert one(talk.reply(bytes(9)).close().frames)["software"] is None


def test_rdma_over_udp() -> None:
    header = bytes([0x0A, 0x40, 0xFF, 0xFF, 0, 0, 1, 2]) + bytes(200)
    frames = [Frame(ethernet(ip("10.1.0.5", "10.1.0.6", 17, udp(50001, 4791, header)))) for _ in range(3)]
    assert [row["software"] for row in observe(frames)] == ["speaks: rdma"]
    other = [Frame(ethernet(ip("10.1.0.5", "10.1.0.6", 17, udp(50001, 4791, b"\x0a\x47" + bytes(30)))))]
    assert [row["software"] for row in observe(other)] == [None]


def test_rdma_is_no_quic_without_a_name() -> None:
    header = bytes([0x0A, 0x40, 0xFF, 0xFF, 0, 0, 1, 2]) + bytes(200)
    frames = [Frame(ethernet(ip("10.1.0.5", "10.1.0.6", 17, udp(50001, 4791, header))))]
    counted = totals(decode(pcap(frames))["coverage"])
    assert (counted["flows"], counted["quic_unparsed"]) == (1, 0)


@given(st.binary(max_size=128))
def test_anything_is_read_without_an_error(first: bytes) -> None:
    spoken(first)
