"""Compiles or loads kernels before they are needed, in parts, and in other processes if they are not
cached."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from sensor.decode.kernels import jit

#: Parts that are compiled in parallel (warmup_calls.py), longest first, with the kernel each caches last.
PARTS = {
    "frames": "datapath.flush",
    "messages": "kernels.strings._lines",
    "lines": "text.json_fields.fields",
    "fields": "text.delimited.join_texts",
}
#: parts that packet decoding needs
PACKETS = ("frames", "messages")
#: Polling interval for finished compilations, in seconds.
_POLL_S = 0.05


def missing(*parts: str) -> list[str]:
    """The parts that are not cached completely, and so take a while to compile."""
    return [part for part in parts if not jit.is_cached(PARTS[part])]


def warm(*parts: str) -> None:
    """Compile or load the kernels of the named parts; by default those that packet decoding needs."""
    from sensor.decode import warmup_calls  # imports every decoder

    for part in parts or PACKETS:
        warmup_calls.PARTS[part]()


def warm_apart(*parts: str) -> None:
    """Compile the kernels of these parts in child processes, one per processor, longest first."""
    waiting = [part for part in PARTS if part in parts]
    running: list[subprocess.Popen[bytes]] = []
    try:
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                running.append(begin(waiting.pop(0)))
            # Polars installs a signal handler that restarts blocking calls; only a sleep ends at Ctrl-C.
            time.sleep(_POLL_S)
            running = [process for process in running if process.poll() is None]
    finally:
        for process in running:
            process.terminate()


def begin(part: str) -> subprocess.Popen[bytes]:
    """A child process that compiles the kernels of this part.

    The memory of the compiler (300 to 450 MB each) is freed when they end. Linux ends them if this process is
    killed.
    """
    program = (  # rare garbage collection: hardly any compiler object is garbage before the process ends
        "import ctypes, gc, signal, sys\n"
        "if sys.platform == 'linux': ctypes.CDLL(None).prctl(1, signal.SIGTERM)\n"  # PR_SET_PDEATHSIG
        "gc.set_threshold(100_000, 20, 100); "
        "signal.signal(signal.SIGINT, signal.SIG_DFL); "  # Ctrl-C reaches all of them; the parent reports it
        "from pathlib import Path; sys.path.insert(0, sys.argv[1]); "
        "from sensor.decode.kernels import jit; from sensor.decode import warming; "
        "jit.use(Path(sys.argv[2]), exact=True); warming.warm(sys.argv[3])"
    )
    arguments = [sys.executable, "-c", program, str(Path(__file__).parents[2]), str(jit.use())]
    return subprocess.Popen([*arguments, part])
