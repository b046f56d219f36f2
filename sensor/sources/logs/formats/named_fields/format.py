"""The format of products without a format of their own."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.named_fields import json_lines, pair_lines
from sensor.sources.logs.formats.named_fields.claims import CLAIMS
from sensor.sources.logs.formats.named_fields.meaning import told
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts


class OtherProductsFormat(LogFormat):
    """Reads records of unknown products by the names of their fields."""

    name = "other-products"
    help = "JSON, CSV with titles and key=value of any other product, where the fields name both ends"
    vantage = "mixed"
    generic = True
    fallback = True
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "Fields are known by common names (src_ip, dst_ip, url, user …) only: a custom format can name "
        "the others, such as those of bytes."
    )
    marks = ("src", "source", "client", "addr", "ip", "orig", "forwarded", "fwd")
    claims = CLAIMS

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        return layouts.read(
            lines,
            [
                (r"^\s*\{", lambda part: told(json_lines.read(part["line"]), part)),
                (pl.lit(True), lambda part: told(pair_lines.read(part["line"]), part)),
            ],
        )
