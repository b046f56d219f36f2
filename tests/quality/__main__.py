"""Writes docs/detection-quality.md: `python -m tests.quality [--measure]`.

What is worked out from fixed shapes is worked out again each time; what real sockets gave (`--measure`, a few
minutes) stays in results.json until it is measured again, and so does what the shapes of real deployments
gave, where these are not at hand.
"""

from __future__ import annotations

import argparse
import json

from tests.quality import report
from tests.quality.evaluate import by_control, by_deployment, by_spoiling, counted, left_out
from tests.quality.shapes import deployments
from tests.quality.wire import shown


def main() -> None:
    """Work everything out, and write it down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--measure", action="store_true", help="ask the servers on loopback again")
    options = parser.parse_args()
    results = json.loads(report.RESULTS.read_text()) if report.RESULTS.exists() else {}
    results["controls"] = by_control()
    if deployments():
        results |= {"deployments": by_deployment(), "left_out": left_out(), "spoilt": by_spoiling()}
    if options.measure:
        from tests.quality.loopback import measure

        results["loopback"] = {name: counted(shown(found)) for name, found in measure().items()}
    report.RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    report.DOCUMENT.write_text(report.written(results))


if __name__ == "__main__":
    main()
