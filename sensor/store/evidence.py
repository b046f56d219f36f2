"""Encrypted evidence files: append blocks, read them with the key, delete files that expired or are too many.

    <lake>/restricted/evidence/<hour it was begun>-until-<hour it expires>-<input>.sealed     mode 0600

A file consists of blocks: length (32 bits, little-endian), nonce (96 bits), AES-256-GCM ciphertext and tag.
The name of the file and the number of the block are authenticated. So blocks cannot be reordered, and a file
cannot be renamed to expire later.
"""

from __future__ import annotations

import os
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sensor.durable import explained, with_room

_SUFFIX = ".sealed"
_HOUR = "%Y%m%dT%H"
_LENGTH = struct.Struct("<I")
_NONCE_BYTES = 12
#: A longer block is damaged: what is sealed at once is bounded (`evidence.MEMORY_BYTES`).
MAX_BLOCK = 256 << 20
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Bounds:
    """How much evidence may be kept on disk (megabytes of 10**6 bytes), and for how many days."""

    megabytes: int = 100
    days: int = 7


class SealedFiles:
    """The evidence files of one input, one per hour."""

    def __init__(self, lake: Path, key: bytes, source: str, bounds: Bounds) -> None:
        """`source` is the identity of the input; no other process may write files of the same one."""
        self._lake, self._source, self._bounds = lake, source, bounds
        self._seal = AESGCM(key)
        #: the file that is written to; its blocks and bytes
        self._name, self._block, self._size = "", 0, 0

    def append(self, content: bytes, now: datetime) -> None:
        """Seal `content` as the next block in the file of the hour `now`. Raises LakeError."""
        until = now + timedelta(days=self._bounds.days, hours=1)
        name = f"{now:{_HOUR}}-until-{until:{_HOUR}}-{self._source}{_SUFFIX}"
        if name != self._name:
            self._name, self._block, self._size = name, 0, 0
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._seal.encrypt(nonce, content, _bound_to(name, self._block))
        block = _LENGTH.pack(len(sealed)) + sealed
        with_room(partial(self._write, block))
        self._block, self._size = self._block + 1, self._size + len(block)

    def _write(self, block: bytes) -> None:
        with explained(self._lake):
            folder(self._lake).mkdir(mode=0o700, exist_ok=True)
            handle = os.open(folder(self._lake) / self._name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "ab") as file:
                file.truncate(self._size)  # without what a full disk took of this block
                file.write(block)
                file.flush()
                os.fsync(file.fileno())

    def expire(self, now: datetime) -> None:
        """Delete the files that exceed the bounds. Raises LakeError."""
        expire(self._lake, now, self._bounds.megabytes * _MEGABYTE)


def folder(lake: Path) -> Path:
    """The folder of a lake's evidence files; it may not exist."""
    return lake / "restricted" / "evidence"


def files(lake: Path) -> list[Path]:
    """The evidence files of a lake, the oldest first."""
    return sorted(folder(lake).glob(f"*{_SUFFIX}"))


def expire(lake: Path, now: datetime, most_bytes: int | None = None) -> None:
    """Delete the files that have expired; then the oldest ones, while the rest exceeds `most_bytes`.

    Raises LakeError.
    """
    with explained(lake):
        there = files(lake)
        living = [file for file in there if _expires(file) > now]
        size = sum(file.stat().st_size for file in living)
        while living and most_bytes is not None and size > most_bytes:
            size -= living.pop(0).stat().st_size
        for file in set(there) - set(living):
            file.unlink(missing_ok=True)


def blocks(file: Path, key: bytes, problems: list[str]) -> Iterator[bytes]:
    """The decrypted blocks of a file.

    Ends at the first block that is damaged or sealed with another key, and appends a line to `problems` then.
    Raises OSError.
    """
    seal, number = AESGCM(key), 0
    with file.open("rb") as stream:
        while head := stream.read(_LENGTH.size):
            sealed = _rest(head, stream)
            try:
                yield seal.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound_to(file.name, number))
            except (InvalidTag, ValueError):
                problems.append(f"{file}: block {number} is damaged, or sealed with another key")
                return
            number += 1


def _rest(head: bytes, stream: BinaryIO) -> bytes:
    """The block after its length `head`; b"" for an impossible length."""
    size = int(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else 0
    return stream.read(size) if size <= MAX_BLOCK else b""


def _expires(file: Path) -> datetime:
    """When a file expires, from its name; a name without a time counts as expired."""
    try:
        text = file.name.split("-until-")[1].split("-")[0]
        return datetime.strptime(text, _HOUR).replace(tzinfo=UTC)
    except (IndexError, ValueError):
        return datetime.min.replace(tzinfo=UTC)


def _bound_to(name: str, block: int) -> bytes:
    return f"{name}|{block}".encode()
