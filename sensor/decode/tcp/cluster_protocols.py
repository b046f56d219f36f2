"""Recognises protocols of distributed training and serving by the first bytes of a connection.

The slow path, for connections that `first_bytes` selects. None of these protocols encrypts by itself. Some
are not specific to clusters: see the signatures of category `cluster-support`.

    speaks: nccl          NVIDIA/nccl src/include/socket.h, NCCL_SOCKET_MAGIC
    speaks: torch-store   PyTorch TCPStore: query VALIDATE and its number (TCPStoreBackend.hpp)
    speaks: open-mpi      Open MPI, btl/tcp: the magic identifier of its handshake
    speaks: dask          dask/distributed: the handshake names the pickle protocol
    speaks: dcgm          NVIDIA DCGM host engine: DCGM_PROTO_MAGIC
    speaks: lustre        LNET_PROTO_ACCEPTOR_MAGIC
    speaks: slurm         a length, alone or with protocol version, flags, message type; on Slurm's ports
    speaks: ggml-rpc      llama.cpp RPC: HELLO without payload; on its port
    speaks: nfs           NFS over TCP: a remote call to program 100003, versions 2 to 4 (RFC 5531, RFC 8881)
    speaks: beegfs        NETMSG_PREFIX, after length and flags (BeeGFS NetMessage.h)
    speaks: redis-vectors Redis' answer to HELLO, where it lists a module that searches vectors
    speaks: rdma          RoCE v2: UDP port 4791 and an InfiniBand transport header
"""

from __future__ import annotations

import re

import polars as pl

from sensor.decode.layout import Bytes, Records
from sensor.decode.tcp.first_bytes import ROCE_PORT

_SPOKEN = (
    ("nccl", re.compile(rb"\x6c\x9d\x4b\xfc\xf2\xb9\x4a\x56")),
    ("torch-store", re.compile(rb"\x00\xce\xf7\x85\x3c")),
    ("open-mpi", re.compile(rb".{8}OPAL-TCP-BTL", re.S)),
    ("dcgm", re.compile(rb"\xad\xbc\xbc\xad")),
    ("lustre", re.compile(rb"\xac\xce\x71\x00|\x00\x71\xce\xac")),
    ("dask", re.compile(rb".{4}\0{4}\x01\0{7}.{0,64}pickle-protocol", re.S)),
    # 20.02 is 0x2200, 25.05 is 0x2b00; a connection's first message is of the kinds below 0x3000. Its length
    # comes in a segment of its own from 22.05.
    ("slurm", re.compile(rb"\0\0..(?:\Z|[\x20-\x3f]\0..[\x03-\x2f])", re.S)),
    ("nfs", re.compile(rb"[\x80\0].{3}.{4}\0{4}\0\0\0\x02\0\x01\x86\xa3\0\0\0[\x02-\x04]", re.S)),
    ("beegfs", re.compile(rb".{8}.{4}SFGB", re.S)),
    (
        "redis-vectors",
        re.compile(rb"[%*]\d+\r\n\$6\r\nserver\r\n.*?name\r\n\$\d+\r\n(?:search|vectorset)\r", re.S),
    ),
    ("ggml-rpc", re.compile(rb"\x0e\0{8}\Z")),
)


def spoken(first: bytes) -> str | None:
    """The cluster protocol of a connection with these first bytes; None if unknown."""
    return next((name for name, form in _SPOKEN if form.match(first)), None)


def read(data: Bytes, events: Records, known: pl.DataFrame) -> pl.DataFrame:
    """Labels of the events, whose bytes are in `data`; `known` has serial, ordinal and time of each."""
    software = []
    places = zip(
        events["offset"].tolist(), events["length"].tolist(), events["port"][:, 1].tolist(), strict=True
    )
    for begin, length, port in places:
        name = "rdma" if port == ROCE_PORT else spoken(data[begin : begin + length].tobytes())
        software.append(f"speaks: {name}" if name else None)
    labels = known.with_columns(software=pl.Series(software, dtype=pl.String))
    return labels.filter(pl.col("software").is_not_null())
