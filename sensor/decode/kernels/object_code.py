"""Caches compiled kernels as object code, and runs them without Numba, whose import takes half a second.

A file has the same content as in Numba's own cache: machine code whose entry point is a C function for
CPython. Running it requires LLVM's loader and two helper modules of Numba, which are loaded by path, because
`import numba._helperlib` would import all of Numba. The symbols are those that Numba's `core/base.py`
registers (`_load_global_helpers`); the environment is set as in `core/codegen.py`.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import hashlib
import importlib.machinery
import importlib.util
import json
import mmap
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

_DIGEST_BYTES = 32

#: Memory mappings of LLVM in this process, and whether it was used since they were last released.
_LIBRARY = "/libllvmlite.so"
_in_use = False


@dataclass(frozen=True)
class Names:
    """Symbols of a kernel in its object code."""

    #: C function that receives the Python arguments
    function: str
    #: variable for the address of its Environment
    environment: str


def write(path: Path, names: Names, code: bytes) -> None:
    """Cache a kernel atomically; does nothing if the folder cannot be written."""
    body = json.dumps(asdict(names)).encode() + b"\n" + code
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with contextlib.suppress(OSError):
        try:
            temporary.write_bytes(hashlib.sha256(body).digest() + body)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def load(path: Path) -> Callable[..., Any] | None:
    """The kernel cached in `path` as a Python function; None if missing or damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    body = content[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != content[:_DIGEST_BYTES]:
        return None
    head, _, code = body.partition(b"\n")
    return _linked(Names(**json.loads(head)), code)


def rest() -> None:
    """Release the 30 MB of memory of LLVM's code until another kernel is loaded.

    The pages are file-backed and unmodified, so the system reloads them on demand.
    """
    global _in_use
    if not _in_use:
        return
    _in_use = False
    libc = ctypes.CDLL(None)
    with contextlib.suppress(OSError), Path("/proc/self/maps").open() as mappings:
        for line in mappings:
            place, permissions, *_, name = line.split(maxsplit=5)
            if permissions == "r-xp" and name.strip().endswith(_LIBRARY):
                begin, end = (int(address, 16) for address in place.split("-"))
                libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), mmap.MADV_DONTNEED)


def _linked(names: Names, code: bytes) -> Callable[..., Any]:
    from llvmlite import binding

    global _in_use
    _in_use = True
    engine, helpers = _engine(), _helper("_dynfunc")
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    environment = helpers.Environment({})
    place = engine.get_global_value_address(names.environment)
    ctypes.c_void_p.from_address(place).value = id(environment)
    address = engine.get_function_address(names.function)
    linked: Callable[..., Any] = helpers.make_function(
        sys.modules[__name__], names.function, "", address, environment, (engine, environment)
    )
    return linked


@cache
def _engine() -> Any:
    """LLVM's loader with the symbols that kernels call: CPython, its exceptions, Numba's helpers."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    binding.add_symbol("_Py_NoneStruct", id(None))
    for module in ("_helperlib", "_dynfunc"):
        for name, address in _helper(module).c_helpers.items():
            binding.add_symbol(f"numba_{name}", address)
    for name, value in vars(builtins).items():
        if isinstance(value, type) and issubclass(value, BaseException):
            binding.add_symbol(f"PyExc_{name}", id(value))
    machine = binding.Target.from_default_triple().create_target_machine(jit=True)
    return binding.create_mcjit_compiler(binding.parse_assembly(""), machine)


@cache
def _helper(name: str) -> Any:
    """A C extension module of Numba."""
    if loaded := sys.modules.get(f"numba.{name}"):
        return loaded
    package = importlib.util.find_spec("numba")
    folders = (package.submodule_search_locations if package else None) or []
    finder = importlib.machinery.FileFinder(
        folders[0], (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES)
    )
    spec = finder.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"numba.{name}", name=f"numba.{name}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
