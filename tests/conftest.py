"""For all tests: Ctrl-C is what it is at a terminal. A run in the background ignores it, and so would all
that the tests start. How long an example of a property takes is no part of the property."""

import gc
import shutil
import signal
from collections.abc import Iterable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import settings

from analytics import publish
from sensor.catalog import load, read
from sensor.catalog.files import collect

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("whole", deadline=None, max_examples=50)
settings.load_profile("whole")


#: Catalogs that are kept in memory; most tests have the built-in one, or lay a file or two over it.
MOST = 20


def _once() -> None:
    """What takes a second and depends on nothing but its arguments is done once in a process: compiling a
    catalog of the same files, reading the same catalog file, making the views of a lake without rows."""
    compiled, blank = load.compiled, publish._blank
    known: dict[str, load.Catalog] = {}

    @wraps(compiled)
    def compiled_once(folders: Iterable[Path]) -> load.Catalog:
        folders = tuple(folders)
        content = load._digest(collect(folders))
        if content not in known:
            if len(known) == MOST:
                known.clear()
            known[content] = compiled(folders)
        return known[content]

    @wraps(blank)
    def blank_once(
        connection: duckdb.DuckDBPyConnection, folder: Path, *arguments: Any, **options: Any
    ) -> Path:
        made = blank(connection, publish._of_process(), *arguments, **options)
        if not (folder / made.name).exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(made, folder / made.name)
        return folder / made.name

    load.compiled, publish._blank = compiled_once, blank_once
    read.parse = lru_cache(20_000)(read.parse)


_once()


def pytest_collection_finish() -> None:
    """Ten thousand tests are objects that the garbage collector need not go through again and again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    gc.unfreeze()
