"""A domain list that FortiOS fetches (config system external-resource, type domain).

One domain a line, simple wildcards, categories 192 to 221:
https://docs.fortinet.com/document/fortigate/7.6.2/administration-guide/9463/external-feeds
"""

from __future__ import annotations

from analytics.exports.interface import NO_COMMENTS, Target
from analytics.exports.targets.edl import domains

TARGET = Target(
    "fortigate-resource",
    "FortiOS external resources (domain)",
    domains,
    notes=(
        "config system external-resource",
        '  edit "shadowai"; set type domain; set category 192; set resource "https://…"; next; end',
        "then block that category in a DNS filter profile",
        NO_COMMENTS,
    ),
)
