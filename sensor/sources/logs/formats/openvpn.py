r"""OpenVPN servers: status files of versions 1 to 3, and the log.

    Updated,Sun Nov 22 10:00:00 2026                                                              version 1
    ann,198.51.100.4:51820,1024,4096,Sun Nov 22 09:00:00 2026
    10.8.0.6,ann,198.51.100.4:51820,Sun Nov 22 09:59:00 2026
    TIME,Sun Nov 22 10:00:00 2026,1795341600                                 version 2; 3 with tabs for commas
    HEADER,CLIENT_LIST,Common Name,Real Address,Virtual Address,…,Connected Since (time_t),Username,…
    CLIENT_LIST,ann,198.51.100.4:51820,10.8.0.6,…,1795338000,UNDEF,…
    ann/198.51.100.4:51820 MULTI: Learn: 10.8.0.6 -> ann/198.51.100.4:51820                            the log
    [-] [OVPN 2] OUT: '2026-11-22 10:00:00 ann/198.51.100.4:51820 MULTI: Learn: …'             Access Server
    ann/udp4:198.51.100.4:51820 SIGTERM[soft,remote-exit] received, client-instance exiting          since 2.7
    udp4:198.51.100.4:51820 TLS: Username/Password authentication succeeded for username 'ann'

A status file is a snapshot: a client holds its virtual address from when it connected to when the file was
written, and the next one extends that. In the log, what the server learns is held until the client's instance
exits or restarts. The real address is a public one, outside; networks behind a client are no client.
Sources: OpenVPN management-notes.txt, `--status`; multi.c.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import commas, layouts, patterns, stamps
from sensor.sources.logs.text.held import WORKING_DAY_S
from sensor.sources.logs.text.partial import either
from sensor.sources.logs.text.reasons import NO_ADDRESS
from sensor.sources.logs.text.words import one_of, said

#: Digits of ASCII: those of all scripts compile to three times as much.
_CLOCK = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
_WEEKDAY_FIRST = rf"[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [ 0-9]?[0-9] {_CLOCK} [0-9]{{4}}"
_DATE = rf"{_WEEKDAY_FIRST}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK}"
_BY = r"(?:(?:udp|tcp)[46]?(?:-server)?:)?"
_REAL = rf"{_BY}(?:\[[0-9a-fA-F:]+\]|[0-9.]+)(?::[0-9]+)?"
_TIME = rf"^(?:Updated,(?P<date>{_DATE})|TIME[,\t](?:{_DATE})[,\t](?P<epoch>[0-9]+))\s*$"
_LISTED = r"^CLIENT_LIST[,\t]"
_CLIENT1 = rf"^(?P<name>[^,]+),(?P<real>{_REAL}),[0-9]+,[0-9]+,(?P<since>{_DATE})\s*$"
_ROUTE1 = rf"^(?P<ip>[0-9a-fA-F.:]+)C?,(?P<name>[^,]+),(?P<real>{_REAL}),(?P<seen>{_DATE})\s*$"
_STATUS = (
    r"^(?:TITLE[,\t]OpenVPN |HEADER[,\t](?:CLIENT_LIST|ROUTING_TABLE)[,\t]|ROUTING_TABLE[,\t]"
    r"|GLOBAL_STATS[,\t]|OpenVPN CLIENT LIST\s*$|Max bcast/mcast queue length,[0-9])"
)
#: Access Server quotes what its processes say: `[-] [OVPN 2] OUT: '2026-11-22 10:00:00 ann/…'`.
_QUOTED = r"(?:(?:[0-9]{4}-[0-9-]+[T ]\S+ )?(?:\[[^\]]*\] )?\[?OVPN [0-9]+\]? OUT: ['\"])?"
_AT = rf"^{_QUOTED}(?:(?P<time>{_DATE})(?: us=[0-9]+)? )?"
_PEER = rf"(?P<name>[^/]*)/(?P<real>{_BY}(?:\[[0-9a-fA-F:]+\]|[0-9a-fA-F.:]+):[0-9]+) "
_ACCOUNT = (
    rf"(?:^| )(?P<real>{_BY}(?:\[[0-9a-fA-F:]+\]|[0-9a-fA-F.:]+):[0-9]+) "
    r"TLS: Username/Password authentication succeeded for username '(?P<account>[^']+)'"
)
#: Below `verb 4` or behind a filter only the pool's line or the primary one may be left: all tell the same.
_LEARN = (
    rf"{_AT}{_PEER}(?:MULTI: Learn: (?P<ip>[0-9a-fA-F.:]+) -> "
    r"|(?:MULTI_sva: pool returned IPv4=|MULTI: primary virtual IP for \S+: )(?P<pool>[0-9.]*[0-9]))"
)
_EXIT = (
    rf"{_AT}{_PEER}(?:SIG(?:TERM|USR1|HUP)\[[^\]]*\] received, client-instance|\[[^\]]*\] Inactivity timeout)"
)
_SPOKEN = (
    r"MULTI(?:_sva)?: |VERIFY (?:OK|EKU|KU|ERROR)|TLS: |peer info: IV_|Control Channel: TLS|Data Channel"
    r"|Timers: ping|\[[^\]]*\] Peer Connection Initiated|SENT CONTROL \[|PUSH: Received|Outgoing |Incoming "
    r"|Protocol options: |CC-EEN |Delayed exit |(?:read|write) (?:UDP|TCP)v[46] "
)
_SAID = (
    rf"^(?:(?:{_DATE})(?: us=[0-9]+)? )?(?:[^/]*/)?"
    rf"{_BY}(?:\[[0-9a-fA-F:]+\]|[0-9]+(?:\.[0-9]+){{3}}):[0-9]+ (?:{_SPOKEN})"
)
#: What the server says of itself.
_ITSELF = (
    rf"^(?:{_DATE})(?: us=[0-9]+)? (?:OpenVPN 2\.|library versions: |"
    r"Diffie-Hellman |ROUTE_GATEWAY |net_(?:route|iface|addr)_|"
    r"TUN/TAP |(?:UDP|TCP)v[46]|IFCONFIG POOL|ifconfig_pool|succeeded -> ifconfig_pool|Socket "
    r"Buffers: |MULTI: multi_init|"
    r"Initialization Sequence|SENT CONTROL \[|Could not determine IPv4|event_wait|LDAP bind|ldap_bind|"
    r"DCO version: |MULTI IO: |MANAGEMENT: (?:CMD|Client|TCP) |tun/tap device |Closing tun/tap |"
    r"(?:read|write) (?:UDP|TCP)v[46] |SIG(?:TERM|USR1|HUP)\[[^\]]*\] received, process )"
)
_FIELDS = {
    "name": "Common Name", "user": "Username", "ip": "Virtual Address", "ip6": "Virtual IPv6 Address",
    "since": "Connected Since (time_t)", "date": "Connected Since",
}  # fmt: skip


class OpenvpnFormat(LogFormat):
    """Reads status files and the log of OpenVPN servers."""

    name = "openvpn"
    help = "OpenVPN 2.x servers and Access Server: status files (--status-version 1, 2, 3) and log"
    vantage = "identity"
    proof = ("user",)
    advice = "`verb 3` logs the addresses that clients are given; a status file has who is connected."
    header = r"^HEADER[,\t]CLIENT_LIST[,\t]"
    claims = pl.any_horizontal(
        *(
            pl.col("line").str.contains(one)
            for one in (_TIME, _LISTED, _CLIENT1, _ROUTE1, _STATUS, _LEARN, _EXIT, _SAID, _ITSELF)
        ),
        # On Sophos UTM, messages of this name have that product's own layout.
        pl.col("tag").str.contains(r"^(?:openvpn|ovpn-)").fill_null(False)
        & ~pl.col("line").str.contains(' sub="vpn" ', literal=True),
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One lease per client of a snapshot, and per address the server learns."""
        written = patterns.read(lines["line"], _TIME)
        snapshot = stamps.read(either(written["epoch"], written["date"]), self.zone).forward_fill()
        return layouts.read(
            lines.with_columns(snapshot.alias("snapshot")).with_row_index("place"),
            [
                (_LISTED, self._listed),
                (rf"{_CLIENT1}|^$", layouts.set_aside(NO_ADDRESS)),
                (_ROUTE1, lambda part: self._routes(part, lines["line"])),
                (_LEARN, lambda part: _learned(part, lines["line"])),
                (_EXIT, lambda part: _exits(part, lines["line"])),
                (pl.lit(True), layouts.set_aside(NO_ADDRESS)),
            ],
        )

    def _listed(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Clients of versions 2 and 3, each with its address of either family."""
        tabs = pl.col("line").str.contains(r"^CLIENT_LIST\t")
        parts = []
        with_head = lines.with_row_index("nth").with_columns(
            header=pl.col("header").str.replace(r"^HEADER[,\t]", "")
        )
        for (tabbed,), part in with_head.group_by(tabs, maintain_order=True):
            read = commas.read_headed(part, _FIELDS, separator="\t" if tabbed else ",", quote="\0")
            parts.append(part.select("nth", "snapshot").hstack(read))
        told = pl.concat(parts)
        since = stamps.read(either(told["since"], told["date"]), self.zone)
        user = said("user", "UNDEF")
        rows = told.with_columns(since.alias("begin"), user=pl.coalesce(user, "name"))
        both = rows.with_columns(one=pl.concat_list("ip", "ip6")).explode("one")
        both = both.filter(pl.col("one").is_not_null() | pl.col("ip").is_null())
        return _snapshots(both.drop("row", strict=False).rename({"one": "client", "nth": "row"}), "row")

    def _routes(self, lines: pl.DataFrame, all_lines: pl.Series) -> pl.DataFrame:
        """Routes of version 1, from when their client connected: that stands in the list above."""
        listed = patterns.read(all_lines, _CLIENT1).drop_nulls("real")
        listed = listed.unique(["name", "real"], keep="last")
        found = patterns.read(lines["line"], _ROUTE1).hstack(lines.select("snapshot"))
        both = found.join(listed, on=["name", "real"], how="left", maintain_order="left")
        begin = stamps.read(either(both["since"], both["seen"]), self.zone)
        return _snapshots(both.with_columns(begin.alias("begin"), client="ip", user="name"))


def _snapshots(told: pl.DataFrame, *row: str) -> pl.DataFrame:
    """Leases of clients (client, user, begin, snapshot)."""
    return told.select(
        *row,
        at="begin",
        kind=pl.lit("lease"),
        client="client",
        user_name="user",
        lease_from="begin",
        lease_to="snapshot",
        origin=pl.lit("vpn"),
        reason=one_of({NO_ADDRESS: pl.col("begin").is_null() | pl.col("snapshot").is_null()}),
    )


def _learned(lines: pl.DataFrame, all_lines: pl.Series) -> pl.DataFrame:
    found = patterns.read(lines["line"], _LEARN).hstack(lines.select("place"))
    return _with_account(found, all_lines).select(
        time="time",
        kind=pl.lit("lease"),
        client=pl.coalesce("ip", "pool"),
        user_name=pl.coalesce("account", "name"),
        lease_s=pl.lit(WORKING_DAY_S),
        origin=pl.lit("vpn"),
        confidence=pl.lit(0.8),
    )


def _exits(lines: pl.DataFrame, all_lines: pl.Series) -> pl.DataFrame:
    """The ends of what the client's instance had learned above; set aside where that is not in this block."""
    learned = patterns.read(all_lines, _LEARN).drop("time").with_row_index("place")
    learned = (
        learned.with_columns(ip=pl.coalesce("ip", "pool"))
        .drop("pool")
        .drop_nulls("ip")
        .with_columns(key=pl.concat_str("name", "real", separator="/"))
    )
    found = patterns.read(lines["line"], _EXIT).hstack(lines.select("place"))
    ends = _with_account(found, all_lines).with_row_index("row")
    ends = ends.with_columns(key=pl.concat_str("name", "real", separator="/"))
    parts = []
    for is_v6 in (False, True):
        own = learned.filter(pl.col("ip").str.contains(":") == is_v6).select("place", "key", "ip")
        parts.append(ends.join_asof(own, on="place", by="key", check_sortedness=False))
    told = pl.concat(parts).filter(pl.col("ip").is_not_null() | (pl.int_range(pl.len()) < ends.height))
    return told.select(
        "row",
        time="time",
        kind=pl.lit("lease"),
        client="ip",
        user_name=pl.coalesce("account", "name"),
        lease_s=pl.lit(0.0),
        closes=pl.lit(True),
        origin=pl.lit("vpn"),
        reason=one_of({NO_ADDRESS: pl.col("ip").is_null()}),
    )


def _with_account(told: pl.DataFrame, all_lines: pl.Series) -> pl.DataFrame:
    """`told` (place, real, …) with column `account`: whose password came from there last."""
    given = patterns.read(all_lines, _ACCOUNT).with_row_index("place").drop_nulls("real")
    return told.join_asof(given, on="place", by="real", check_sortedness=False)
