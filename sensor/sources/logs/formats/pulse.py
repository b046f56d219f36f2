"""Ivanti Connect Secure / Pulse Secure VPN: which account got which tunnel address.

    PulseSecure: - - - 2026-10-06 10:00:00 - node1 - [198.51.100.7] ada(REALM)[ROLE] - VPN Tunneling: Session
    started for user (session: …) with IPv4 address 10.9.0.7, hostname ADA-PC
    id=firewall time="2026-10-06 10:00:00" pri=6 fw=… vpn=node1 user=ada realm="…" … src=198.51.100.7 …
    msg="NWC23464: VPN Tunneling: Session started …"

The bracketed or `src` address is the public one the tunnel came from: only the tunnel's own address is
a lease, for 12 h; `Session ended` closes it. `WebRequest` is a page fetched through the gateway.
Logins, host checks and system messages are set aside. The session id is a credential of sorts and is
not read. The text's stamp is local: a syslog head's goes first. Source: Ivanti Connect Secure
Administration Guide, "Log messages" (NWC23464, NWC23465, NWC30477).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, patterns
from sensor.sources.logs.text.held import HALF_DAY_S
from sensor.sources.logs.text.reasons import NO_ADDRESS
from sensor.sources.logs.text.words import one_of

_STANDARD = (
    r" - - - (?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) - \S+ - \[(?<outside>[^\]]*)\] "
    r"(?<user>.*?)\([^()]*\)(?:\[[^\]]*\])+ - "
    r"(?<text>.*)$"
)
_WELF = {"welf_time": "time", "welf_user": "user", "welf_text": "msg"}
_ADDRESS = r"(?i)(?:with|using) IP(?:v[46])?(?: address)? ([0-9a-fA-F.:]+[0-9a-fA-F])"
_HOST = r"(?i)\bhostname[ :]+'?([\w.-]*\w)"
_STARTED = (
    r"(?i)VPN Tunneling: (?:Session started|User with IP \S+ connected)|Network Connect: Session started|"
    r"Key Exchange number \d+ occurred for user with NCIP"
)
_ENDED = r"(?i)(?:VPN Tunneling|Network Connect): (?:Session ended|User with IP \S+ disconnected)"
#: A page fetched through the gateway's rewriting.
_PAGE = r"^WebRequest (?<word>\w+) ?: Host: \[?(?<host>[^\],]+)\]?, Request: (?<method>[A-Z]+) (?<path>\S+)"
#: The same as of 9: which way `sent` and `received` went is not said, so they are not read.
_FETCHED = r"^WebRequest (?<how>\w+), (?<verb>[A-Z]+) to (?<url>\S+) from "


class PulseFormat(LogFormat):
    """Reads Pulse Secure and Ivanti Connect Secure logs."""

    name = "pulse"
    help = "Pulse Secure 8 to 9, Ivanti Connect Secure 22: VPN tunnels (standard and WELF filter)"
    vantage = "identity"
    proof = ("user", "device")
    advice = "Send User Access logs, too, with VPN Tunneling events: they have the tunnel addresses."
    marks = (" - [", 'id=firewall time="')
    claims = (
        pl.col("line").str.contains(r"- \S+ - \[[0-9A-Fa-f.:]*\] .*\(.*\)\[.*\] - ")
        & (
            pl.col("tag").str.contains("(?i)^(?:PulseSecure|Juniper|ive|Ivanti)").fill_null(False)
            | pl.col("line").str.contains(r"(?:^|\s)(?:PulseSecure|Juniper): |^(?:- )*\d{4}-\d\d-\d\d \S+ - ")
        )
    ) | pl.col("line").str.contains(r'^id=firewall time="[^"]*" pri=\d+ fw=\S+ vpn=\S+ ')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per message."""
        # The envelope may have taken the dashes off.
        line = lines["line"].str.replace(r"^.*?(?:- )*(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - )", " - - - $1")
        read = patterns.read(line, _STANDARD)
        read = read.hstack(keyvalue.read(lines["line"], _WELF))
        text = pl.coalesce("text", "welf_text")
        inside = text.str.extract(r"(?i)(?:User with IP|with NCIP) ([0-9a-fA-F.:]+)")
        started, ended = text.str.contains(_STARTED), text.str.contains(_ENDED)
        address = pl.coalesce(text.str.extract(_ADDRESS), inside)
        page = text.str.extract_groups(_PAGE).struct
        fetched = text.str.extract_groups(_FETCHED).struct
        is_page = page.field("host").is_not_null() | fetched.field("url").is_not_null()
        word = pl.coalesce(page.field("word"), fetched.field("how"))
        return read.select(
            # Where a syslog head told the sender, its stamp is no worse, and with an offset better.
            time=pl.when(lines["sender"].is_null()).then(pl.coalesce("time", "welf_time")),
            kind=one_of({"http": is_page}, otherwise="lease"),
            client=pl.when(is_page).then("outside").otherwise(address),
            # `Default Network::` is the virtual system.
            user_name=pl.coalesce("user", "welf_user").str.replace(r"^[^\\]*::", ""),
            host=page.field("host"),
            url=fetched.field("url"),
            method=pl.coalesce(page.field("method"), fetched.field("verb")),
            path=page.field("path"),
            action=pl.when(is_page).then(
                one_of({"allowed": word.is_in(["ok", "completed"])}, otherwise="blocked")
            ),
            device=text.str.extract(_HOST),
            lease_s=pl.when(ended).then(0.0).otherwise(HALF_DAY_S),
            closes=ended,
            origin=one_of({"vpn": ~is_page}),
            confidence=pl.lit(0.9),
            reason=one_of(
                {NO_ADDRESS: ~((started | ended) & address.is_not_null() | is_page).fill_null(False)}
            ),
        )
