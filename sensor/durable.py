"""Writes files so that they are complete or absent, also if the power fails meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sensor.errors import LakeError, reason_of


def write(path: Path, content: bytes, *, mode: int = 0o600, replace: bool = True) -> None:
    """Write a small file. Raises OSError, and leaves nothing behind then.

    Without `replace` an existing file stays as it is: of two writers the first one wins.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            publish(temporary, path)
        else:
            with suppress(FileExistsError):
                os.link(temporary, path)
            sync_folder(path.parent)
    except OSError as error:
        error.filename = error.filename or str(path)  # writing to a full disk names no file
        raise
    finally:
        temporary.unlink(missing_ok=True)


def publish(temporary: Path, path: Path) -> None:
    """Rename `temporary` to `path`, replacing it, and make the rename durable. Raises OSError."""
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """Turn an OSError inside the block into a LakeError with a remedy.

    Its place is the file that the OSError names (of a copy, the one written to), else `place`.
    """
    try:
        yield
    except BrokenPipeError:  # the reader of our output has gone; the disk is fine
        raise
    except OSError as error:
        hint = {
            28: "free space or inodes there; what was committed is safe",
            1: "check the folder's owner",
            13: "check the folder's owner",
            30: "mount it writable",
        }.get(error.errno or 0, "check the folder")
        named = error.filename2 or error.filename or place
        raise LakeError(reason_of(error), place=str(named), hint=hint) from error
