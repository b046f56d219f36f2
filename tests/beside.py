"""What lies beside the checkout and is never copied into it: samples of other projects, and tables of facts.

Tests that need one of these folders are skipped where it is absent.
"""

import os
from pathlib import Path

SHARED = Path(os.environ.get("SHADOWAI_TEST_SHARED", Path(__file__).parents[2] / "shared"))
#: a folder per product: its log lines, and what is true of each
LOG_SAMPLES = SHARED / "log-formats" / "samples"
#: sizes and times of packets, measured
FIELD_DATA = SHARED / "field-notes" / "data"
CATALOG_FACTS = SHARED / "catalog-facts"
