"""Ivanti Connect Secure / Pulse Secure VPN: which account got which tunnel address.

    PulseSecure: - - - 2026-10-06 10:00:00 - node1 - [198.51.100.7] ada(REALM)[ROLE] - VPN Tunneling: Session
    started for user (session: …) with IPv4 address 10.9.0.7, hostname ADA-PC
    id=firewall time="2026-10-06 10:00:00" pri=6 fw=… vpn=node1 user=ada realm="…" … src=198.51.100.7 …
    msg="NWC23464: VPN Tunneling: Session started …"
    PulseSecure: - - - {"message_id": "NWC23464", "us_timestamp": "1791280800.5", "source_ip": "198.51.100.7",
    "user": "ada", …, "raw_message": "VPN Tunneling: Session started …"}                             JSON

The bracketed or `src` address is the public one the tunnel came from: only the tunnel's own address is
a lease, for 12 h; `Session ended` closes it. `WebRequest` is a page fetched through the gateway, `Closed
connection to` a connection of a Java applet (whose `bytes read` are of either side).
Logins, host checks and system messages are set aside. The session id is a credential of sorts and is
not read. The text's stamp is local: a syslog head's goes first. Source: Ivanti Connect Secure
Administration Guide, "Log messages" (NWC23464, NWC23465, NWC30477).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, layouts, objects, patterns
from sensor.sources.logs.text.held import HALF_DAY_S
from sensor.sources.logs.text.reasons import NO_ADDRESS
from sensor.sources.logs.text.words import one_of

_STANDARD = (
    r" - - - (?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) - \S+ - \[(?<outside>[^\]]*)\] "
    r"(?<user>.*?)\([^()]*\)(?:\[[^\]]*\])+ - "
    r"(?<text>.*)$"
)
_WELF = {"welf_time": "time", "welf_user": "user", "welf_text": "msg"}
_OBJECT = {
    "stamp": "us_timestamp|timestamp", "outside": "source_ip", "user": "user", "text": "raw_message",
}  # fmt: skip
_ADDRESS = r"(?i)(?:with|using) IP(?:v[46])?(?: address)? ([0-9a-fA-F.:]+[0-9a-fA-F])"
_HOST = r"(?i)\bhostname[ :]+'?([\w.-]*\w)"
_STARTED = (
    r"(?i)VPN Tunneling: (?:Session started|User with IP \S+ connected)|Network Connect: Session started|"
    r"Key Exchange number \d+ occurred for user with NCIP"
)
_ENDED = r"(?i)(?:VPN Tunneling|Network Connect): (?:Session ended|User with IP \S+ disconnected)"
#: A page fetched through the gateway's rewriting.
_PAGE = (
    r"^(?:WebRequest (?<word>\w+) ?:|Access (?:blocked|denied) [^-]*-) Host: \[?(?<host>[^\],]+)\]?,"
    r"(?: Port: \d+,)? Request: (?:(?<method>[A-Z]+) )?(?<path>\S+)"
)
#: The same as of 9: which way `sent` and `received` went is not said, so they are not read.
_FETCHED = r"^WebRequest (?<how>\w+), (?<verb>[A-Z]+) to \[?(?<url>[^\s\]]+)\]? from "
_APPLET = r"^Closed connection to (?<named>\S+) port (?<port>\d+) after "


class PulseFormat(LogFormat):
    """Reads Pulse Secure and Ivanti Connect Secure logs."""

    name = "pulse"
    help = "Pulse Secure 8 to 9, Ivanti Connect Secure 22: VPN tunnels (standard and WELF filter, JSON)"
    vantage = "identity"
    proof = ("user", "device")
    advice = "Send User Access logs, too, with VPN Tunneling events: they have the tunnel addresses."
    marks = (" - [", 'id=firewall time="', '"raw_message"')
    claims = (
        (
            pl.col("line").str.contains(r"- \S+ - \[[0-9A-Fa-f.:]*\] .*\(.*\)\[.*\] - ")
            & (
                pl.col("tag").str.contains("(?i)^(?:PulseSecure|Juniper|ive|Ivanti)").fill_null(False)
                | pl.col("line").str.contains(
                    r"(?:^|\s)(?:PulseSecure|Juniper): |^(?:- )*\d{4}-\d\d-\d\d \S+ - "
                )
            )
        )
        | pl.col("line").str.contains(r'^id=firewall time="[^"]*" pri=\d+ fw=\S+ vpn=\S+ ')
        | objects.having("message_id", "source_ip", "raw_message")
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per message."""
        return layouts.read(
            lines,
            [
                (r"^\s*\{", lambda part: _rows(objects.read(part["line"], _OBJECT), part["sender"])),
                (pl.lit(True), lambda part: _rows(_of_text(part["line"]), part["sender"])),
            ],
        )


def _of_text(lines: pl.Series) -> pl.DataFrame:
    # The envelope may have taken the dashes off.
    line = lines.str.replace(r"^.*?(?:- )*(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - )", " - - - $1")
    read = patterns.read(line, _STANDARD).hstack(keyvalue.read(lines, _WELF))
    return read.with_columns(
        time=pl.coalesce("time", "welf_time"),
        user=pl.coalesce("user", "welf_user"),
        text=pl.coalesce("text", "welf_text"),
    )


def _rows(read: pl.DataFrame, sender: pl.Series) -> pl.DataFrame:
    read = layouts.conformed(read, ("stamp", "time", "outside", "user", "text"))
    text = pl.col("text")
    inside = text.str.extract(r"(?i)(?:User with IP|with NCIP) ([0-9a-fA-F.:]+)")
    started, ended = text.str.contains(_STARTED), text.str.contains(_ENDED)
    address = pl.coalesce(text.str.extract(_ADDRESS), inside)
    page, fetched, applet = (
        text.str.extract_groups(pattern).struct for pattern in (_PAGE, _FETCHED, _APPLET)
    )
    is_page = page.field("host").is_not_null() | fetched.field("url").is_not_null()
    is_applet, named = applet.field("named").is_not_null(), applet.field("named")
    is_asked = is_page | is_applet
    word = pl.coalesce(page.field("word"), fetched.field("how"))
    whole = pl.when(page.field("path").str.contains("^[a-z]+://")).then(page.field("path"))
    # Where a syslog head told the sender, its stamp is no worse, and with an offset better.
    own = pl.when(pl.lit(sender.is_null())).then("time")
    return read.select(
        time=pl.coalesce("stamp", own),
        kind=one_of({"http": is_page, "flow": is_applet}, otherwise="lease"),
        client=pl.when(is_asked).then("outside").otherwise(address),
        # `Default Network::` is the virtual system.
        user_name=pl.col("user").str.replace(r"^[^\\]*::", ""),
        host=pl.coalesce(page.field("host"), named),
        name_from=one_of({"url": is_page, "dns_answer": is_applet}),
        server_port=applet.field("port"),
        url=pl.coalesce(fetched.field("url"), whole),
        method=pl.coalesce(page.field("method"), fetched.field("verb")),
        path=pl.when(whole.is_null()).then(page.field("path")),
        action=one_of(
            {"allowed": is_applet | word.is_in(["ok", "completed"]), "blocked": is_page}, otherwise=None
        ),
        device=text.str.extract(_HOST),
        lease_s=pl.when(ended).then(0.0).otherwise(HALF_DAY_S),
        closes=ended,
        origin=one_of({"vpn": ~is_asked}),
        confidence=pl.lit(0.9),
        reason=one_of({NO_ADDRESS: ~((started | ended) & address.is_not_null() | is_asked).fill_null(False)}),
    )
