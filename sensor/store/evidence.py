"""Sealed files: blocks of bytes that only who has the key can read, in files that know when they expire.

    <lake>/restricted/evidence/<hour it was begun>-until-<hour it expires>-<input>.sealed     mode 0600

A file is blocks: length (32 bits, little-endian), nonce (96 bits), AES-256-GCM. File name and number of the
block are authenticated, so that blocks cannot change places, nor files be made to live longer.
"""

from __future__ import annotations

import os
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sensor.durable import explained

_SUFFIX = ".sealed"
_HOUR = "%Y%m%dT%H"
_LENGTH = struct.Struct("<I")
_NONCE_BYTES = 12
#: No block is longer: what waits to be sealed is bounded.
MAX_BLOCK = 256 << 20
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Bounds:
    """How much evidence may lie on disk, and for how long."""

    megabytes: int = 100
    days: int = 7


class SealedFiles:
    """The files of one input, an hour each."""

    def __init__(self, lake: Path, key: bytes, source: str, bounds: Bounds) -> None:
        """`source` is the identity of the input, in no other process."""
        self._lake, self._source, self._bounds = lake, source, bounds
        self._seal = AESGCM(key)
        self._name, self._block = "", 0

    def append(self, content: bytes, now: datetime) -> None:
        """One more block in the file of this hour. Raises LakeError."""
        until = now + timedelta(days=self._bounds.days, hours=1)
        name = f"{now:{_HOUR}}-until-{until:{_HOUR}}-{self._source}{_SUFFIX}"
        if name != self._name:
            self._name, self._block = name, 0
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._seal.encrypt(nonce, content, _bound_to(name, self._block))
        with explained(self._lake):
            folder(self._lake).mkdir(mode=0o700, exist_ok=True)
            handle = os.open(folder(self._lake) / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "ab") as file:
                file.write(_LENGTH.pack(len(sealed)) + sealed)
                file.flush()
                os.fsync(file.fileno())
        self._block += 1

    def expire(self, now: datetime) -> None:
        """Delete what is beyond the bounds. Raises LakeError."""
        expire(self._lake, now, self._bounds.megabytes * _MEGABYTE)


def folder(lake: Path) -> Path:
    """Where a lake keeps evidence."""
    return lake / "restricted" / "evidence"


def files(lake: Path) -> list[Path]:
    """The sealed files of a lake, the oldest first."""
    return sorted(folder(lake).glob(f"*{_SUFFIX}"))


def expire(lake: Path, now: datetime, most_bytes: int | None = None) -> None:
    """Delete files whose time is over and, if more than `most_bytes` are left, the oldest of them.

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
    """What is in a file's blocks, up to the first that is damaged or of another key: then a line more in
    `problems`. Raises OSError."""
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
    """The block behind its length; nothing for a length that cannot be."""
    size = int(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else 0
    return stream.read(size) if size <= MAX_BLOCK else b""


def _expires(file: Path) -> datetime:
    """The hour in a file's name; one without is none of ours, and over."""
    try:
        text = file.name.split("-until-")[1].split("-")[0]
        return datetime.strptime(text, _HOUR).replace(tzinfo=UTC)
    except (IndexError, ValueError):
        return datetime.min.replace(tzinfo=UTC)


def _bound_to(name: str, block: int) -> bytes:
    return f"{name}|{block}".encode()
