"""Island Enterprise Browser: user events of the audit log, by its API or in Microsoft Sentinel (JSON).

    {"tenantId": …, "email": "ada@example.com", "type": "Navigation", "verdict": "Allowed", "timestamp": …,
     "topLevelUrl": "https://chat.example.com", "submittedUrl": "https://chat.example.com/c", "sourceIp":
     "10.1.2.3", "publicIp": …, "machineName": …, "details": {"file_info_details": {"size_in_bytes": 9}}, …}

`submittedUrl` is the page an event is of, `topLevelUrl` the site in the tab; newer exports write the same
keys with underscores. An upload tells the file's size, other events none. Sources: Elastic, "Island Browser"
integration; Google SecOps, parser ISLAND_BROWSER; Azure Sentinel, Island_UserEvents_V2_CL.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.reasons import NO_PAGE
from sensor.sources.logs.text.words import one_of, said

_FIELDS = {
    "time": "timestamp",
    "type": "type",
    "verdict": "verdict",
    "page": "submittedUrl|submitted_url",
    "site": "topLevelUrl|top_level_url",
    "inside": "sourceIp|source_ip",
    "outside": "publicIp|public_ip",
    "user": "email|userName|user_name",
    "device": "machineName|machine_name",
}
#: `details` is an object, or its text.
_SIZE = r'size_in_bytes\\?"\s*:\s*(\d+)'


class IslandFormat(LogFormat):
    """Reads user events of Island's browser."""

    name = "island"
    help = "Island Enterprise Browser: user events (JSON)"
    vantage = "endpoint"
    is_stateless = True
    proof = ("host", "path", "user", "device", "bytes_up", "action")
    advice = "Only uploads have a size: for other volumes add a firewall's log."
    marks = ('"toplevelurl"', '"top_level_url"')
    claims = objects.having("verdict", "type") & objects.having_any("topLevelUrl", "top_level_url")

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event (kind http)."""
        read = objects.read(lines["line"], _FIELDS)
        url = pl.coalesce("page", "site")
        sent = pl.col("type").str.contains("(?i)upload")
        size = lines["line"].str.extract(_SIZE)
        return read.select(
            "time",
            "device",
            kind=pl.lit("http"),
            client=pl.coalesce(said("inside"), "outside"),
            user_name="user",
            url=url,
            transport=pl.lit("tcp"),
            bytes_up=pl.when(sent).then(pl.lit(size)),
            # Who was warned went on, or may have; who is isolated visits the page all the same.
            action=one_of({"blocked": pl.col("verdict").str.contains("(?i)block|den")}, otherwise="allowed"),
            reason=one_of({NO_PAGE: ~url.str.contains("^https?://").fill_null(False)}),
        )
