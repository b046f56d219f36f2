"""Sangfor NGAF, Network Secure: firewall log over syslog, in English or Chinese.

    fwlog: Log type: service control or application control, policy name:…, user: (ada), src IP: 10.1.2.3,
    src port:50000, dst IP: 192.0.2.7, dst port: 443, app category:…, application:…, action:Allow
    fwlog: 所属系统:public, 日志类型:网站访问, 用户:(null), 源IP:10.1.2.3, 目的IP:192.0.2.7, …,
    系统动作:拒绝, URL:http://…

Access control and NAT logs tell connections, website browsing URLs; traffic audit sums up by user and
application and names no destination. Version 8 names the virtual system first.
Source: Sangfor NGAF user manual, "Syslog"; parsers of log managers.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text.reasons import NO_DESTINATION
from sensor.sources.logs.text.words import one_of

_KEYS = {
    "type": "log type|日志类型",
    "user": "user(?: ?name)?|用户",
    "client": "src IP|源IP",
    "client_port": "src port|源端口",
    "server": "dst IP|目的IP",
    "server_port": "dst port|目的端口",
    "action": "action|系统动作",
}
_CONNECTION = "(?i)^(?:service control|application control|NAT log|服务控制|应用控制|NAT日志)"
_REQUEST = "(?i)^(?:website|web ?site access|URL|网站访问)"
#: A URL may have commas in it, and fields behind it.
_BEHIND_URL = r", [^,::/]+[::].*$"
#: What the product calls what it did; `被记录` (logged) is what passed.
_ACTIONS = {"允许": "allowed", "被记录": "allowed", "记录": "allowed", "拒绝": "blocked", "logged": "allowed"}


class SangforFormat(LogFormat):
    """Reads Sangfor's firewall log."""

    name = "sangfor"
    help = "Sangfor NGAF 7 to 8, Network Secure: access control and website log (syslog)"
    vantage = "firewall"
    is_on_site = True
    is_stateless = True
    proof = ("host", "path", "user", "action")
    advice = "Connections are logged without volumes; log website access, which names the hosts."
    marks = ("log type", "日志类型")
    claims = pl.col("line").str.contains(
        r"^(?:fwlog: ?)?(?:[^,::]+[::][^,]*, ?)?(?:(?i:log type)|日志类型)[::]"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event: kind flow or http."""
        url = _said("URL", ".*").str.replace(_BEHIND_URL, "")
        read = lines.select(**{name: _said(keys) for name, keys in _KEYS.items()}, url=url)
        asks = pl.col("type").str.contains(_REQUEST).fill_null(False)
        opens = pl.col("type").str.contains(_CONNECTION).fill_null(False)
        return read.select(
            *("client", "client_port", "server", "server_port"),
            kind=one_of({"http": asks}, otherwise="flow"),
            user_name=pl.col("user").str.strip_chars("()"),
            url=pl.when(asks).then("url"),
            name_from=one_of({"url": asks}),
            action=pl.col("action").str.to_lowercase().replace(_ACTIONS),
            reason=one_of({NO_DESTINATION: ~(asks | opens)}),
        )


def _said(keys: str, value: str = "[^,]*") -> pl.Expr:
    """What stands behind one of the keys, in any case; NULL where nothing does."""
    said = pl.col("line").str.extract(rf"(?:^|[ ,])(?i:{keys})[::] ?({value})").str.strip_chars()
    return pl.when(said != "").then(said)
