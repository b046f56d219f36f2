"""Writes files so that they are complete or absent, also if the power fails meanwhile."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sensor.errors import LakeError, reason_of

#: How often a full disk is tried again.
RETRY_S = 2.0
#: Whom `waiting_for_room` tells, and until when it waits; None outside.
_waiting: tuple[Callable[[str], None], Callable[[], bool]] | None = None


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
            errno.ENOSPC: "free space or inodes there; what was committed is safe",
            errno.EPERM: "check the folder's owner",
            errno.EACCES: "check the folder's owner",
            errno.EROFS: "mount it writable",
        }.get(error.errno or 0, "check the folder")
        named = error.filename2 or error.filename or place
        raise LakeError(reason_of(error), place=str(named), hint=hint) from error


@contextmanager
def waiting_for_room(tell: Callable[[str], None], is_over: Callable[[], bool]) -> Iterator[None]:
    """Inside the block, on all threads, a full disk is like a slow one to `with_room`, until `is_over()`.

    For what cannot be read again once it was received. `tell` is called with lines for the user.
    """
    global _waiting
    _waiting = tell, is_over
    try:
        yield
    finally:
        _waiting = None


def with_room(work: Callable[[], object]) -> None:
    """Call `work`, and inside `waiting_for_room` again for as long as it finds no room.

    Raises what `work` does.
    """
    is_told = False
    while True:
        try:
            work()
        except LakeError as error:
            if _waiting is None or not _is_full(error) or _waiting[1]():
                raise
            if not is_told:
                _waiting[0](f"{error.place}: {error.what}; waiting, what was received is kept in memory")
            is_told = True
            time.sleep(RETRY_S)
        else:
            break
    if is_told and _waiting is not None:
        _waiting[0]("there is room again")


def _is_full(error: LakeError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
