"""The only importer of Numba: one decorator, and where compiled kernels are kept.

Numba's own cache notices a changed source file but not a changed import, flag or library, so the
cache lies in a folder named by the hash of everything that matters. Where that folder cannot be
written (read-only installation, no home) a temporary folder takes its place for this process.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sensor.errors import UsageError

#: The state folder by the environment, as in the settings; kernels are kept in its `kernels`.
STATE_VARIABLE = "SHADOWAI_STATE"

#: Flags of every kernel. `boundscheck` is the last net under the packet-bounded reads.
FLAGS: dict[str, Any] = {"boundscheck": True, "nogil": True, "error_model": "numpy"}

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_folder: Path | None = None
_fallback: tempfile.TemporaryDirectory[str] | None = None
_was_cold = True


def fingerprint() -> str:
    """Hash of all that decides what the compiled kernels look like."""
    import llvmlite
    import llvmlite.binding
    import numba
    import numpy

    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    versions = (numba.__version__, llvmlite.__version__, numpy.__version__)
    processor = llvmlite.binding.get_host_cpu_name()
    digest.update(repr((versions, processor, sorted(FLAGS.items()))).encode())
    return digest.hexdigest()[:16]


def state_folder() -> Path:
    """The folder for kernels by the environment: SHADOWAI_STATE, XDG_STATE_HOME, or the home's state."""
    if given := os.environ.get(STATE_VARIABLE):
        return Path(given) / "kernels"
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111 - no home, no error
    return Path(state) / "shadowai" / "kernels"


def use(folder: Path | None = None, *, exact: bool = False) -> Path:
    """Keep compiled kernels under `folder` (default: `state_folder()`); returns the folder in use.

    The first call in a process decides, and importing any kernel makes that call. `exact` means the
    folder itself, which another process chose before.
    """
    global _folder, _was_cold
    if _folder is None:
        _refuse_unchecked()
        config = _numba().config

        _folder = folder if folder and exact else _writable((folder or state_folder()) / fingerprint())
        _was_cold = not any(_folder.rglob("*.nbi"))
        config.CACHE_DIR = str(_folder)
    return _folder


def was_cold() -> bool:
    """True if no kernel was in the cache when this process began: compiling takes a while then."""
    use()
    return _was_cold


def kernel(function: Kernel) -> Kernel:
    """Compile `function` on first use by another kernel; it cannot be called from Python."""
    # Without the wrappers that make it callable from Python it compiles faster.
    return _compiled(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def entry(function: Kernel) -> Kernel:
    """Compile `function` and all kernels below it on first call; kept on disk."""
    return _compiled(function, cache=True, no_cfunc_wrapper=True)


def _compiled(function: Kernel, **options: Any) -> Kernel:
    use()
    numba = _numba()
    dispatcher = numba.njit(**FLAGS, **options)(function)
    if interpreted():
        return function
    resolve = dispatcher.get_call_template

    def one_signature(arguments: Any, keywords: Any) -> Any:
        """Numba would compile a kernel again for every constant it is called with."""
        return resolve(tuple(numba.types.unliteral(a) for a in arguments), keywords)

    dispatcher.get_call_template = one_signature
    compiled: Kernel = dispatcher
    return compiled


def interpreted() -> bool:
    """True if kernels run as plain Python (NUMBA_DISABLE_JIT, for tests of agreement)."""
    return bool(_numba().config.DISABLE_JIT)


def warm() -> None:
    """Compile every kernel, or load it from the cache."""
    from sensor.decode import rehearsal

    rehearsal.run()


def _numba() -> Any:
    """Numba, imported on first use; its own types are of no help to mypy."""
    import numba

    return numba


def warm_apart() -> None:
    """Compile every kernel in a process of its own: what the compiler needs (200 MB) goes away with it."""
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); "
        "from sensor.decode import jit; jit.use(Path(sys.argv[2]), exact=True); jit.warm()"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program, str(root), str(use())], check=False)


def _refuse_unchecked() -> None:
    if os.environ.get("NUMBA_BOUNDSCHECK") == "0":
        raise UsageError(
            "would switch off the bounds checks of the decoders",
            place="NUMBA_BOUNDSCHECK=0",
            hint="unset it",
        )


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        global _fallback  # removed when the process ends
        _fallback = tempfile.TemporaryDirectory(prefix="shadowai-kernels-", ignore_cleanup_errors=True)
        return Path(_fallback.name)
