"""How long the kernels take to compile, and how long a start with compiled ones takes.

    python tests/bench/bench_start.py [--runs 5]

A start is a process that loads every kernel and decodes nothing; beside it the same process without our
code, so that Python's own start can be told apart.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.measure import ROOT, measure

_LOAD = "from sensor.decode import warming; warming.warm()"
_IMPORTS = "import llvmlite.binding, polars, numpy"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as state:
        environment = {"SHADOWAI_STATE": state, "PYTHONPATH": str(ROOT)}
        cold = measure([sys.executable, "-c", _LOAD], 1, environment)
        cached = measure([sys.executable, "-c", _LOAD], options.runs, environment)
        bare = measure([sys.executable, "-c", _IMPORTS], options.runs, environment)
    print(f"all kernels compiled from nothing, one process: {cold.processor_s:.1f} s of processor time")
    print(f"start with compiled kernels: {cached.seconds:.2f} s, peak {cached.peak_mb:.0f} MB")
    print(f"of that, importing llvmlite, polars and numpy: {bare.seconds:.2f} s")


if __name__ == "__main__":
    main()
