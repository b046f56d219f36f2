"""Files that are there whole or not at all, also when the power fails meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sensor.errors import LakeError


def write(path: Path, content: bytes, *, mode: int = 0o600, replace: bool = True) -> None:
    """Write a small file; without `replace` the first of two writers wins. Raises OSError, and leaves
    nothing."""
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
    finally:
        temporary.unlink(missing_ok=True)


def publish(temporary: Path, path: Path) -> None:
    """Rename over `path` and make the rename durable."""
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """Turn an operating system's refusal into one line with a remedy; `place` where it names no file."""
    try:
        yield
    except BrokenPipeError:  # whoever read what was printed has left; the disk is well
        raise
    except OSError as error:
        hint = {
            28: "free space there; what was committed is safe",
            13: "check the folder's owner",
            30: "mount it writable",
        }.get(error.errno or 0, "check the folder")
        raise LakeError(
            (error.strerror or str(error)).lower(), place=str(error.filename or place), hint=hint
        ) from error
