"""The product as its users run it: commands, and queries on what they wrote."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from datetime import datetime
from functools import cache
from io import BytesIO, TextIOWrapper
from pathlib import Path
from unittest.mock import patch

import pytest

from analytics.lake import open_views
from analytics.publish import _of_process
from sensor.catalog.cache import stamp
from sensor.catalog.load import BUILT_IN, load
from sensor.cli import main
from sensor.decode.kernels import jit
from sensor.sources.logs import known_formats

ROOT = Path(__file__).parents[1]


def compiled_once(state: Path) -> Path:
    """A new state folder that has what takes seconds to make: kernels, the built-in catalog, empty views."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    (state / "kernels").symlink_to(jit.use().parent)
    catalog = _catalog()
    shutil.copytree(catalog, state / "catalog" / catalog.name)
    (state / "views").symlink_to(_of_process())
    return state


@cache
def _catalog() -> Path:
    """Where the compiled form of the built-in catalog lies: of this process alone, as a cache keeps one."""
    folder = Path(tempfile.mkdtemp(prefix="shadowai-catalog-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    load(cache=folder)
    return folder / stamp([BUILT_IN]).digest


def shadowai(folder: Path, *words: object, ok: bool = True, **settings: str) -> str:
    """Run a command on the folder's lake and state; what it printed. `settings` become SHADOWAI_*."""
    environment = {"SHADOWAI_LAKE": str(folder / "lake"), "SHADOWAI_STATE": str(folder / "state")}
    if not (folder / "state").exists():
        compiled_once(folder / "state")
    environment |= {f"SHADOWAI_{name.upper()}": value for name, value in settings.items()}
    done = run_here(folder, *words, **environment)
    assert (done.returncode == 0) == ok, done.stderr
    return done.stdout + done.stderr


def run_here(
    folder: Path, *words: object, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`, at home there, in this process: a new one spends a second on imports. Its
    environment is `environment` alone."""
    jit.use()  # the first in a process decides: kernels are kept for all, not in the home of this command
    out, err = _Captured(), _Captured()
    with ExitStack() as stack:
        stack.callback(_forget_formats, {log_format.name for log_format in known_formats.all_formats()})
        stack.enter_context(chdir(folder))
        home = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
        stack.enter_context(patch.dict(os.environ, home, clear=True))
        stack.enter_context(patch.object(sys, "argv", ["shadowai", *map(str, words)]))
        stack.enter_context(patch.object(sys, "stdin", TextIOWrapper(BytesIO(stdin.encode()))))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        ended = stack.enter_context(pytest.raises(SystemExit))
        main.run()
    code = ended.value.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(list(map(str, words)), code, out.text(), err.text())


def _forget_formats(before: set[str]) -> None:
    """What `--custom` added is the command's own, and would claim lines of later ones."""
    for added in {log_format.name for log_format in known_formats.all_formats()} - before:
        known_formats.remove(added)


class _Captured(TextIOWrapper):
    """Standard output or error of a command, bytes and text."""

    def __init__(self) -> None:
        super().__init__(BytesIO(), encoding="utf-8", write_through=True)

    def text(self) -> str:
        """What was written."""
        written = self.buffer
        assert isinstance(written, BytesIO)
        return written.getvalue().decode()


def squid(path: Path, requests: Iterable[tuple[datetime, str, str]], host: str = "chatgpt.com") -> Path:
    """A proxy log of (time, address, account): each uploads 9000 bytes to `host`."""
    lines = [
        f"{at.timestamp():.3f}    900 {address} {account} POST https://{host}/backend-api/conversation "
        f'200 TCP_MISS:HIER_DIRECT 9000 4000 {host} "Mozilla/5.0"\n'
        for at, address, account in requests
    ]
    path.write_text("".join(lines))
    return path


def query(folder: Path, sql: str, *, restricted: bool = True) -> list[tuple[object, ...]]:
    """Rows of a query on the folder's lake."""
    with open_views(folder / "lake", restricted=restricted) as views:
        return views.execute(sql).fetchall()
