"""Selects the first bytes that Python examines: of connections without a known protocol, and of HTTP bodies.

    connections  protocols of distributed training and serving (`cluster_protocols`)
    bodies       of HTTP/1 responses: a model file, or a version (`http/bodies`)

A few comparisons of the first bytes decide. Each side of a connection is examined once, at its beginning.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from sensor.decode.kernels.jit import kernel
from sensor.decode.kernels.packet_bytes import be16, be32, u8
from sensor.decode.layout import Bytes, Records, i64

#: Maximum bytes emitted of a body, and of a connection.
MOST_BODY_BYTES = 512
MOST_BYTES = 1024
#: FLOW.probed of a side whose response body begins in the next segment.
BODY_TO_COME = 253

ROCE_PORT = 4791
_SLURM_PORTS = (6817, 6819)
_GGML_RPC_PORT = 50052

_NCCL, _TORCH_STORE, _OPEN_MPI, _DCGM = 0x6C9D4BFC, 0x00CEF785, 0x4F50414C, 0xADBCBCAD
_LUSTRE, _LUSTRE_SWAPPED = 0xACCE7100, 0x0071CEAC
#: Responses of Redis to HELLO in both protocol versions: number of members, then the size of the first one.
_REDIS, _REDIS_OLD = 0x25370D0A, 0x2A31340D
#: The upper half of the BeeGFS prefix, after length, flags and version; the program number of NFS.
_BEEGFS, _NFS = 0x53464742, 100003
_ZIP, _GGUF, _HDF5, _NUMPY = 0x504B0304, 0x47475546, 0x89484446, 0x934E554D
_VERSION = np.frombuffer(b'ersion"', np.uint8)


@kernel
def may_be_cluster(data: Bytes, packet: Records) -> bool:
    """True if the first TCP payload of a side may begin with a protocol of `cluster_protocols`."""
    at, end = i64(packet["payload"]), i64(packet["end"])
    first, second = be32(data, at, end), be32(data, at + 4, end)
    third, fourth = be32(data, at + 8, end), be32(data, at + 12, end)
    if first in (_NCCL, _TORCH_STORE, _DCGM, _LUSTRE, _LUSTRE_SWAPPED, _REDIS, _REDIS_OLD):
        return True
    if (
        third == _OPEN_MPI
        or fourth == _BEEGFS
        or (third == 0 and fourth == 2 and be32(data, at + 16, end) == _NFS)
    ):
        return True
    if second == 0 and third == 0x01000000 and fourth == 0:
        return True  # Dask: size, and one frame
    source, target = i64(packet["source_port"]), i64(packet["target_port"])
    port = min(source, target)
    if _SLURM_PORTS[0] <= port <= _SLURM_PORTS[1]:
        return first > 0 and be16(data, at, end) == 0 and (u8(data, at + 4, end) >= 0x20 or end - at == 4)
    return (
        (source == _GGML_RPC_PORT or target == _GGML_RPC_PORT) and end - at == 9 and u8(data, at, end) == 14
    )


@kernel
def is_rdma(data: Bytes, packet: Records) -> bool:
    """True for a datagram with an InfiniBand transport header of RoCE v2 (version 0)."""
    if packet["target_port"] != ROCE_PORT:
        return False
    at, end = i64(packet["payload"]), i64(packet["end"])
    return end - at >= 16 and u8(data, at + 1, end) & 0x0F == 0 and u8(data, at + 4, end) == 0


@kernel
def is_body_of_interest(data: Bytes, at: int, end: int) -> bool:
    """True if a body with these first bytes may be a model file or contain a version."""
    first = u8(data, at, end)
    if first == 123:  # {
        for i in range(at, min(end - _VERSION.size, at + MOST_BODY_BYTES - _VERSION.size)):
            if data[i] == 101 and data[i + 1] == 114 and data[i + _VERSION.size - 1] == 34:
                return True
        return False
    if first == 128:  # a pickle: protocol 2 to 5
        return 2 <= u8(data, at + 1, end) <= 5
    start = be32(data, at, end)
    if start in (_ZIP, _GGUF, _HDF5, _NUMPY):
        return True
    if (48 <= first <= 57 or first == 34) and end - at <= 24:
        return True  # a version and nothing else
    # safetensors: the size of its head, its head
    return be32(data, at + 4, end) == 0 and u8(data, at + 8, end) == 123
