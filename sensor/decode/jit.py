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
from typing import Any, TypeVar, cast

import numpy as np

from sensor.errors import UsageError

#: The state folder by the environment, as in the settings; kernels are kept in its `kernels`.
STATE_VARIABLE = "SHADOWAI_STATE"

#: Flags of every kernel. `boundscheck` is the last net under the packet-bounded reads. Without Numba's
#: runtime no kernel can allocate, and none counts references to the arrays it is handed: the atomic
#: additions of that, several at each call, took half the time of a packet.
FLAGS: dict[str, Any] = {"boundscheck": True, "nogil": True, "error_model": "numpy", "_nrt": False}

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


def step(function: Kernel) -> Kernel:
    """A kernel that becomes part of its caller: what every packet needs, and is called in one place."""
    return _compiled(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)


def entry(function: Kernel) -> Kernel:
    """Compile `function` and all kernels below it on first call; kept on disk."""
    return _compiled(function, cache=True, no_cfunc_wrapper=True)


def big_endian_load(bits: int) -> Callable[[Any, int], Any]:
    """An unchecked read of `bits` bits of a byte array at an offset, most significant byte first (uint64).

    One machine instruction or two, where reading byte by byte costs a bounds check each. Only
    `sensor/decode/read.py` may use it: every caller there has checked the offset itself.
    """
    if interpreted():
        return lambda data, at: np.uint64(int.from_bytes(data[at : at + bits // 8].tobytes(), "big"))
    from llvmlite import ir

    types, cgutils, intrinsic = _extending()

    def load(typing_context: Any, data: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            number = ir.IntType(bits)
            address = builder.gep(array.data, [arguments[1]])
            value = builder.load(builder.bitcast(address, number.as_pointer()), align=1)
            if bits > 8:
                swap = cgutils.get_or_insert_function(
                    builder.module, ir.FunctionType(number, [number]), f"llvm.bswap.i{bits}"
                )
                value = builder.call(swap, [value])
            return value if bits == 64 else builder.zext(value, ir.IntType(64))

        return types.uint64(data, types.int64), generate

    return cast(Callable[[Any, int], Any], intrinsic(load))


def copy_bytes() -> Callable[[Any, int, int, Any, int], Any]:
    """An unchecked copy of `size` bytes from data[at:] to target[to:], for `sensor/decode/read.py`."""
    if interpreted():
        return lambda data, at, size, target, to: target.__setitem__(
            slice(to, to + size), data[at : at + size]
        )
    types, cgutils, intrinsic = _extending()

    def copy(typing_context: Any, data: Any, at: Any, size: Any, target: Any, to: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            first, second = (
                context.make_array(signature.args[i])(context, builder, arguments[i]).data for i in (0, 3)
            )
            source = builder.gep(first, [arguments[1]])
            cgutils.raw_memmove(builder, builder.gep(second, [arguments[4]]), source, arguments[2], 1)
            return context.get_dummy_value()

        return types.void(data, types.int64, types.int64, target, types.int64), generate

    return cast(Callable[[Any, int, int, Any, int], Any], intrinsic(copy))


def prefetching() -> Callable[[Any, int], Any]:
    """Ask the processor to fetch data[at] into its caches, for `sensor/decode/read.py`; changes nothing."""
    if interpreted():
        return lambda data, at: None
    from llvmlite import ir

    types, cgutils, intrinsic = _extending()

    def prefetch(typing_context: Any, data: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
            fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
            address = builder.gep(builder.bitcast(array.data, pointer), [arguments[1]])
            builder.call(fetch, [address, number(0), number(3), number(1)])  # read, keep, data
            return context.get_dummy_value()

        return types.void(data, types.int64), generate

    return cast(Callable[[Any, int], Any], intrinsic(prefetch))


def _extending() -> tuple[Any, Any, Any]:
    """What Numba offers to those who extend it: types, code generation, the decorator."""
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    return types, cgutils, intrinsic


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


def warm(*parts: str) -> None:
    """Compile the kernels of all `rehearsal.PARTS`, or of those named, or load them from the cache."""
    from sensor.decode import rehearsal

    for part in parts or rehearsal.PARTS:
        (rehearsal.PARTS | rehearsal.EXTRA)[part]()


def _numba() -> Any:
    """Numba, imported on first use; its own types are of no help to mypy."""
    import numba

    return numba


def warm_apart() -> None:
    """Compile every kernel in processes of their own, side by side: what the compiler needs (200 MB each)
    goes away with them."""
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); "
        "from sensor.decode import jit; jit.use(Path(sys.argv[2]), exact=True); jit.warm(sys.argv[3])"
    )
    words = [sys.executable, "-c", program, str(Path(__file__).parents[2]), str(use())]
    running = [subprocess.Popen([*words, part]) for part in ("frames", "messages")]
    for process in running:
        process.wait()


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
