"""python -m tests.fuzz TARGET --executions N [--seed S]: fuzz one decoder, or `all`.

Targets in compiled code: frame, stream, dns, tcp-dns, fragment, quic, container; in Python, guided by
coverage: quic-datagram, first-time, http2, certificate. What breaks a promise is written to
`fuzz-findings/` and ends the run with 1.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

from sensor.decode import warming
from tests.fuzz import corpus, guided, targets

FINDINGS = Path("fuzz-findings")


def compiled(target: str, executions: int, seed: int) -> str:
    """Run batches until there were enough executions; one line about it. Raises Broken."""
    done, before = 0, 0.0
    for number in range(-(-executions // targets.BATCH[target])):
        inputs = targets.batch(target, number, seed)
        if first := targets.breaks(target, inputs, number):
            few, broken = targets.smallest(target, inputs, number, first)
            raise targets.Broken(f"batch {number}, {len(few)} inputs: {broken}", broken.capture)
        done += len(inputs)
        if number == 0:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        elif (grown := targets.grown_mb(before)) > targets.GROWTH_MB:
            raise targets.Broken(f"grown by {grown:.0f} MB after {done:,} executions", b"")
    return f"{done:,} executions, grown by {targets.grown_mb(before):.0f} MB"


def main() -> int:
    """Fuzz; 1 if something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("target", nargs="?", default="all", choices=["all", *targets.BATCH, *guided.PARSERS])
    parser.add_argument("--executions", type=int, default=100_000, help="of each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--make-corpus", action="store_true", help="write the seeds anew and stop")
    options = parser.parse_args()
    if options.make_corpus:
        corpus.make()
        return 0
    warming.warm()  # compiling counts for nobody's time limit
    names = [*targets.BATCH, *guided.PARSERS] if options.target == "all" else [options.target]
    found = 0
    for name in names:
        began = time.monotonic()
        try:
            if name in guided.PARSERS:
                lines, seeds = guided.fuzz(name, options.executions, options.seed)
                told = f"{options.executions:,} executions, {lines} lines reached, {seeds} seeds"
            else:
                told = compiled(name, options.executions, options.seed)
        except targets.Broken as broken:
            FINDINGS.mkdir(exist_ok=True)
            path = FINDINGS / f"{name}-{options.seed}.bin"
            path.write_bytes(broken.capture)
            told, found = f"FOUND {broken}; input in {path}", found + 1
        print(f"{name}: {told}, {time.monotonic() - began:.0f} s", flush=True)
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
