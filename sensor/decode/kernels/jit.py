"""The only importer of Numba: decorators for kernels, and the cache of compiled kernels.

The cache is a folder named by a hash of everything that affects the machine code (Numba's own cache detects a
changed source file, but not a changed import, flag or library). If it cannot be written (read-only
installation, no home), a temporary folder replaces it for this process. Cached kernels run without Numba
(`object_code.py`), which is imported only to compile.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import cache, update_wrapper
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from sensor.decode.kernels import object_code
from sensor.errors import UsageError

#: The package of all kernels, and its folder.
_PACKAGE = "sensor.decode"
SOURCES = Path(__file__).parents[1]

#: Environment variable of the state folder, as in the settings. Kernels are cached in its folder `kernels`.
STATE_VARIABLE = "SHADOWAI_STATE"

#: Flags of every kernel. `boundscheck` is a safety net below the packet-bounded reads. Without Numba's
#: runtime (`_nrt`) kernels cannot allocate and do not count references to their arrays; the atomic increments
#: of reference counting took half the time of a packet.
FLAGS: dict[str, Any] = {"boundscheck": True, "nogil": True, "error_model": "numpy", "_nrt": False}

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

#: Cached kernels are named `<module>.<function>.<types of its arguments>` plus this suffix.
_SUFFIX = ".kernel"

_folder: Path | None = None
_fallback: tempfile.TemporaryDirectory[str] | None = None
_compiling = threading.RLock()


def fingerprint(sources: Path = SOURCES) -> str:
    """Hash of everything that affects the machine code of the kernels, whose modules are in `sources`."""
    from llvmlite import binding

    digest = hashlib.sha256()
    for source in sorted(sources.rglob("*.py")):
        digest.update(str(source.relative_to(sources)).encode() + b"\0" + source.read_bytes())
    versions = (version("numba"), version("llvmlite"), version("numpy"), sys.version)
    processor = binding.get_host_cpu_name()
    digest.update(repr((versions, processor, sorted(FLAGS.items()))).encode())
    return digest.hexdigest()[:16]


def state_folder() -> Path:
    """The folder for kernels: below SHADOWAI_STATE, XDG_STATE_HOME, or ~/.local/state."""
    if given := os.environ.get(STATE_VARIABLE):
        return Path(given) / "kernels"
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111 - no home, no error
    return Path(state) / "shadowai" / "kernels"


def use(folder: Path | None = None, *, exact: bool = False) -> Path:
    """Cache compiled kernels under `folder` (default: `state_folder()`); returns the folder in use.

    Only the first call in a process has an effect, and importing any kernel makes one. With `exact`, `folder`
    itself is used, as another process chose it.
    """
    global _folder
    if _folder is None:
        _refuse_unchecked()
        _folder = folder if folder and exact else _writable((folder or state_folder()) / fingerprint())
    return _folder


def is_cached(kernel: str) -> bool:
    """True if the cache holds a compiled form of `kernel` (`module.function`, in this package)."""
    return any(use().glob(f"{_PACKAGE}.{kernel}.*{_SUFFIX}"))


def kernel(function: Kernel) -> Kernel:
    """Compile `function` on first use by another kernel; it cannot be called from Python."""
    return _later(function, forceinline=False)  # explicit: Numba would inherit it from a caller


def step(function: Kernel) -> Kernel:
    """An inlined kernel: for code that runs on every packet and is called in one place."""
    return _later(function, forceinline=True)


def entry(function: Kernel) -> Kernel:
    """Compile `function` and all kernels it calls on first call; cached on disk."""
    return function if interpreted() else cast(Kernel, Entry(function))


def brief(function: Kernel) -> Kernel:
    """An `entry` of a few microseconds that keeps the GIL: reacquiring it would take longer than the call."""
    return function if interpreted() else cast(Kernel, Entry(function, nogil=False))


class Entry:
    """A kernel that Python calls, compiled once per combination of argument types.

    Arguments are numbers, arrays, and NamedTuples of these.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self._function = function
        self._options = options
        self._forms: list[tuple[list[_Type], Callable[..., Any]]] = []
        self._dispatcher: Any = None
        update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        for types, form in self._forms:
            if all(map(_fits, types, arguments)):
                return form(*arguments)
        return self._form(arguments)(*arguments)

    @property
    def signatures(self) -> list[list[_Type]]:
        """The combinations of argument types used so far."""
        return [types for types, _ in self._forms]

    def _form(self, arguments: tuple[Any, ...]) -> Callable[..., Any]:
        """The specialisation for these arguments: from the cache, else compiled and cached."""
        types = [_type_of(argument) for argument in arguments]
        mark = hashlib.sha256(repr(types).encode()).hexdigest()[:16]
        path = use() / f"{self._function.__module__}.{self._function.__name__}.{mark}{_SUFFIX}"
        with _compiling:
            form = object_code.load(path) or self._compile(arguments, path)
        self._forms.append((types, form))
        return form

    def _compile(self, arguments: tuple[Any, ...], path: Path) -> Callable[..., Any]:
        numba = _numba()
        if self._dispatcher is None:
            _make_all()
            self._dispatcher = _dispatcher(
                self._function, pipeline_class=_compilers().outer, no_cfunc_wrapper=True, **self._options
            )
        signature = tuple(numba.typeof(argument) for argument in arguments)
        self._dispatcher.compile(signature)
        made = self._dispatcher.overloads[signature]
        names = object_code.Names(
            made.fndesc.llvm_cpython_wrapper_name, made.target_context.get_env_name(made.fndesc)
        )
        _, _, (code, _) = made.library.serialize_using_object_code()
        object_code.write(path, names, code)
        compiled: Callable[..., Any] = self._dispatcher
        return compiled


class _Type(NamedTuple):
    """The type of an argument of a specialisation; for numbers only `kind`."""

    kind: type
    dtype: np.dtype[Any] | None = None
    item_bytes: int = 0
    dimensions: int = 0
    flags: int = 0
    #: types of the fields of a NamedTuple
    fields: tuple[_Type, ...] = ()


#: NumPy flags that make a distinct array type for Numba: C-contiguous, aligned, writeable.
_FLAGS = 0x001 | 0x100 | 0x400


def _type_of(argument: Any) -> _Type:
    if isinstance(argument, tuple):
        return _Type(type(argument), fields=tuple(map(_type_of, argument)))
    if type(argument) is not np.ndarray:
        return _Type(int if isinstance(argument, np.int64) else type(argument))
    dtype = argument.dtype
    return _Type(np.ndarray, dtype, dtype.itemsize, argument.ndim, argument.flags.num & _FLAGS)


def _fits(expected: _Type, argument: Any) -> bool:
    """True if a specialisation accepts this argument. Machine code would misread an array of another type."""
    kind, dtype, _, dimensions, flags, fields = expected
    found: Any = type(argument)
    if found is not kind:
        return kind is int and found is np.int64
    if fields:
        return all(map(_fits, fields, argument))
    if found is not np.ndarray:
        return True
    same = argument.dtype is dtype or argument.dtype == dtype
    return bool(same and argument.ndim == dimensions and argument.flags.num & _FLAGS == flags)


class _Later:
    """A function that Numba wraps only when something is compiled."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None

    def made(self) -> Any:
        """The wrapped function; always the same object, because kernels refer to each other by identity."""
        if self._made is None:
            self._made = self._make()
        return self._made


def _later(function: Kernel, **options: Any) -> Kernel:
    use()
    if interpreted():
        return function
    bare = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # no calls from outside
    return cast(
        Kernel, _Later(lambda: _dispatcher(function, pipeline_class=_compilers().inner, **bare, **options))
    )


def _make_all() -> None:
    """Replace all pending functions in their modules, because kernels call each other by module-level
    names."""
    for name, module in list(sys.modules.items()):
        if name.startswith(_PACKAGE):
            for key, value in list(vars(module).items()):
                if isinstance(value, _Later):
                    setattr(module, key, value.made())


@cache
def _compilers() -> SimpleNamespace:
    """Numba's compiler for kernels that Python calls (`outer`) and for kernels that only kernels call
    (`inner`).

    Inner kernels are linked into their callers and optimised there. Optimising each on its own as well, and
    generating unused machine code, took a third of the time. Kernels need half of Numba's passes; the others
    handle closures, `with`, array expressions and the like, and each iterates over every kernel.
    """
    from llvmlite.binding import Linkage
    from numba.core import codegen, compiler, compiler_machinery, typed_passes, untyped_passes

    libraries, compilers, machinery = cast(Any, codegen), cast(Any, compiler), cast(Any, compiler_machinery)
    untyped, typed = cast(Any, untyped_passes), cast(Any, typed_passes)
    passes = (
        untyped.TranslateByteCode,
        untyped.FixupArgs,
        untyped.IRProcessing,
        untyped.GenericRewrites,
        untyped.ReconstructSSA,
        typed.NopythonTypeInference,
        typed.PreLowerStripPhis,
        typed.NativeLowering,
        typed.NoPythonBackend,
    )

    _lighten()

    class Outer(libraries.JITCodeLibrary):  # type: ignore[misc, name-defined]
        def _optimize_final_module(self) -> None:
            """Optimise once: Numba's first round only merges reference counts, of which there are none."""
            for function in self._final_module.functions:
                if function.linkage == Linkage.linkonce_odr:  # nobody else's: one call of it is its only one
                    function.linkage = Linkage.internal
            manager, builder = self._codegen._module_pass_manager()
            manager.run(self._final_module, builder)

    class Inner(libraries.JITCodeLibrary):  # type: ignore[misc, name-defined]
        codegen = SimpleNamespace(set_env=lambda name, environment: None)

        def get_pointer_to_function(self, name: str) -> int:
            self._ensure_finalized()
            return 0  # as of any function without wrappers

        def _optimize_final_module(self) -> None:
            pass

        def _finalize_final_module(self) -> None:
            self._finalized = True

    def made(library: Any) -> Any:
        class Compiler(compilers.CompilerBase):  # type: ignore[misc, name-defined]
            def define_pipelines(self) -> Any:
                state, pipeline = self.state, machinery.PassManager("kernel")
                state.library = library(state.targetctx.codegen(), state.func_id.func_qualname)
                state.library.enable_object_caching()
                for one in passes:
                    pipeline.add_pass(one, one.__name__)
                pipeline.finalize()
                return [pipeline]

        return Compiler

    return SimpleNamespace(outer=made(Outer), inner=made(Inner))


def _lighten() -> None:
    """Patch Numba to skip work that it repeats for each of some ten thousand statements.

    Operator overloads are resolved once per combination of types, instead of at each use. Variable lifetimes
    are not recomputed after each pass (only reference counting needs them), and no events are emitted for
    compiler locks. Symbols have a hash of the argument types: written out, the types of a few tables are
    kilobytes, in each name and at each call.
    """
    from numba.core import event, funcdesc, itanium_mangler, postproc, transforms
    from numba.core.types import functions

    builtin, known = cast(Any, functions).BaseFunction, dict[tuple[Any, Any], Any]()
    ask = builtin.get_call_type

    def get_call_type(function: Any, context: Any, arguments: Any, keywords: Any) -> Any:
        if keywords:
            return ask(function, context, arguments, keywords)
        use = (function, arguments)
        if use not in known:
            known[use] = ask(function, context, arguments, keywords)
        return known[use]

    def run(processor: Any, emit_dels: bool = False, extend_lifetimes: bool = False) -> None:
        form = processor.func_ir
        form.blocks = cast(Any, transforms).canonicalize_cfg(form.blocks)
        form.variable_lifetime = cast(Any, postproc).VariableLifetime(form.blocks)  # works it out when asked

    def mangle(name: str, arguments: Any, **options: Any) -> str:
        mark = hashlib.sha256(" ".join(map(str, arguments)).encode()).hexdigest()[:16]
        return str(cast(Any, itanium_mangler).mangle(f"{name}.{mark}", (), **options))

    builtin.get_call_type = get_call_type
    cast(Any, funcdesc).default_mangler = mangle
    cast(Any, postproc).PostProcessor.run = run
    cast(Any, event).start_event = cast(Any, event).end_event = lambda *args, **kwargs: None


def _dispatcher(function: Callable[..., Any], **options: Any) -> Any:
    numba = _numba()
    dispatcher = numba.njit(**(FLAGS | options))(function)
    resolve = dispatcher.get_call_template

    def one_signature(arguments: Any, keywords: Any) -> Any:
        """Keep one signature per kernel: Numba would compile a kernel again for each literal argument."""
        return resolve(tuple(numba.types.unliteral(a) for a in arguments), keywords)

    dispatcher.get_call_template = one_signature
    return dispatcher


def big_endian_load(bits: int) -> Callable[[Any, int], Any]:
    """An unchecked read of `bits` bits of a byte array at an offset, most significant byte first (uint64).

    It takes one or two machine instructions, whereas byte reads take a bounds check each. Only
    `packet_bytes.py` may use it, whose callers check the offset themselves.
    """
    if interpreted():
        return lambda data, at: np.uint64(int.from_bytes(data[at : at + bits // 8].tobytes(), "big"))
    return cast(Callable[[Any, int], Any], _Later(lambda: _load_intrinsic(bits)))


def _load_intrinsic(bits: int) -> Any:
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

    return intrinsic(load)


def copy_bytes() -> Callable[[Any, int, int, Any, int], Any]:
    """An unchecked copy of `size` bytes from data[at:] to target[to:], for `packet_bytes.py`."""
    if interpreted():
        return lambda data, at, size, target, to: target.__setitem__(
            slice(to, to + size), data[at : at + size]
        )
    return cast(Callable[[Any, int, int, Any, int], Any], _Later(_copy_intrinsic))


def _copy_intrinsic() -> Any:
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

    return intrinsic(copy)


def prefetching() -> Callable[[Any, int], Any]:
    """Prefetch data[at] into the CPU caches, for `packet_bytes.py`."""
    if interpreted():
        return lambda data, at: None
    return cast(Callable[[Any, int], Any], _Later(_fetch_intrinsic))


def _fetch_intrinsic() -> Any:
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

    return intrinsic(prefetch)


def _extending() -> tuple[Any, Any, Any]:
    """Numba's extension API: types, code generation, decorator."""
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    return types, cgutils, intrinsic


def interpreted() -> bool:
    """True if kernels run as plain Python (NUMBA_DISABLE_JIT, for tests of agreement)."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def _numba() -> Any:
    """Numba, imported on first use and untyped."""
    import numba

    return numba


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
