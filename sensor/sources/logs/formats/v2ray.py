r"""V2Ray and Xray: their access log, of HTTP, SOCKS and other inbounds.

    2026/10/06 10:00:00 10.1.2.3:40000 accepted tcp:chat.example.com:443 [in -> direct] email: ada@example.com
    2026/10/06 10:00:00 10.1.2.3:40000 accepted http://a.example.com/p [direct]
    2026/10/06 10:00:00.123456 from tcp:10.1.2.3:40000 accepted //chat.example.com:443 [in >> block]     Xray
    2026/10/06 10:00:00 10.1.2.3:40000 rejected  proxy/vmess/encoding: invalid user

Local time. What is routed to an outbound that is named after a blackhole (`block`) went nowhere. A rejected
connection did not say where to. Source: V2Ray, "Log"; checked with V2Ray 4.34.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import patterns
from sensor.sources.logs.text.reasons import NO_DESTINATION
from sensor.sources.logs.text.words import one_of

_BEGIN = (
    r"^(?<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})?) (?:from )?(?:(?:tcp|udp):)?"
    r"\[?(?<client>[0-9a-fA-F.:]+?)\]?:(?<client_port>\d{1,5}) (?<verdict>accepted|rejected) "
)
_LINE = _BEGIN + (
    r"(?: *(?:(?<transport>tcp|udp):|//)?(?<target>[^\s:]+:\d{1,5}|\[\S+\]:\d{1,5}|[a-z]{2,6}://\S+))?"
    r"(?: \[(?:[^\]]*?(?:->|>>) )?(?<outbound>[^\]]*)\])?(?:.* email: (?<user>\S+))?"
)
_BLACKHOLE = r"(?i)^(?:block|blocked|blackhole|reject|deny)$"


class V2rayFormat(LogFormat):
    """Reads the access log of V2Ray and Xray."""

    name = "v2ray"
    help = "V2Ray and Xray: access log (HTTP, SOCKS and other inbounds)"
    vantage = "proxy"
    is_stateless = True
    proof = ("host", "user", "action")
    advice = "It counts no bytes: add flow logs of the same host."
    marks = (" accepted ", " rejected ")
    claims = pl.col("line").str.contains(_BEGIN)

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per connection (kind proxy)."""
        return patterns.read(lines["line"], _LINE).select(
            *("time", "client", "client_port"),
            user_name="user",
            kind=pl.lit("proxy"),
            url="target",
            transport=pl.col("transport").fill_null("tcp"),
            action=one_of(
                {"blocked": (pl.col("verdict") == "rejected") | pl.col("outbound").str.contains(_BLACKHOLE)},
                otherwise="allowed",
            ),
            reason=one_of({NO_DESTINATION: pl.col("target").is_null()}),
        )
