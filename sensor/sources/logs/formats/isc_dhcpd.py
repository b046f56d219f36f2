r"""ISC dhcpd: its lease file, and what it logs.

    lease 10.1.0.7 { starts 0 2026/11/22 10:00:00; ends 0 2026/11/22 18:00:00; binding state active; … }
    ia-na "…" { cltt …; iaaddr 2001:db8::7 { binding state active; max-life 7200; ends …; } }
    dhcpd[831]: DHCPACK on 10.1.0.7 to 02:00:00:00:00:0a (ann-pc) via eth0
    dhcpd[831]: DHCPRELEASE of 10.1.0.7 from 02:00:00:00:00:0a (ann-pc) via eth0 (found)
    dhcpd[831]: r-l-e:10.1.0.7,Renewed,ann-pc,02:00:00:00:00:0a,1795341600,1795370400,,$       (Infoblox)

A file's times are UTC (or `epoch N`), `ends never` is open. A block whose state is `free`, `released` or
`expired` is history: the address was held from `starts` to `ends`. Only an acknowledgement gives an address;
the log does not say for how long (Infoblox's does: `lease-duration`, and the lease events it can log beside,
from when to when). `via` may be a relay.
Sources: dhcpd.leases(5); ISC DHCP server/dhcp.c, dhcpv6.c; Infoblox NIOS, "Configuring DHCP lease history".
"""

from __future__ import annotations

import re

import polars as pl

from sensor.sources.logs.lines.framing import JOINT, MultiLine
from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import dhcp, layouts, patterns, stamps
from sensor.sources.logs.text.reasons import LEASE_OF_NOBODY, NO_ADDRESS, NOT_HELD
from sensor.sources.logs.text.words import one_of, said

_V4, _V6 = r"^lease [0-9a-fA-F.:]+ \{", r"^ia-(?:na|ta|pd) \S.*\{"
_MAC = r"(?P<mac>[0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2}){5})"
_IP = r"(?P<ip>[0-9a-fA-F.:]+)"
_NAME = r"(?: \((?P<name>[^()]*)\))?"
_ACK = rf"^DHCPACK on {_IP} to {_MAC}{_NAME}(?: via|$)"
_INFORM = rf"^DHCPACK to {_IP} \({_MAC}\)"
_GIVEN_UP = rf"^DHCP(?:RELEASE of|EXPIRE on|DECLINE of) {_IP} (?:from|to) {_MAC}{_NAME}"
#: Address, what became of it, name, MAC, beginning and end.
_EVENT = (
    rf"^r-l-e:{_IP},(?P<what>Issued|Renewed|Freed),(?P<name>[^,]*),{_MAC}?,"
    r"(?P<begin>\d{10}),(?P<end>\d{10}),"
)
_REPLY = (
    r"^Reply NA: address (?P<ip>[0-9a-fA-F:]+) to client with duid (?P<duid>\S+) .*valid for (?P<s>\d+) sec"
)
_SPOKEN = (
    r"^DHCP(?:(?:DISCOVER|INFORM) from|(?:OFFER|ACK|NAK|EXPIRE) on|REQUEST for|ACK to"
    r"|(?:RELEASE|DECLINE) of) "
    rf"(?:{_IP.replace('ip', 'a')}|{_MAC.replace('mac', 'm')})"
)
_FILE = (
    r"^(?:# The format of this file is documented in the dhcpd\.leases|# This lease file was written by isc-"
    r"dhcp|authoring-byte-order |server-duid )"
)
_ESCAPE = re.compile(r"\\(?:([0-7]{3})|(.))", re.DOTALL)


class IscDhcpdFormat(LogFormat):
    """Reads lease files and the log of ISC dhcpd."""

    name = "isc-dhcpd"
    help = "ISC dhcpd 3 to 4.4: dhcpd.leases, dhcpd6.leases, syslog (DHCPACK …), as pfSense's and Infoblox's"
    vantage = "identity"
    proof = ("device",)
    advice = "Collect dhcpd's syslog (DHCPACK …), too: its lease file loses history."
    framing = MultiLine(begins=f"{_V4}|{_V6}", ends=r"^\}")
    marks = (
        "lease ", "ia-na ", "ia-ta ", "ia-pd ", "dhcp", "reply na: ", "r-l-e:", "authoring-byte-order ",
        "server-duid ",
    )  # fmt: skip
    claims = pl.col("line").str.contains(f"{_V4}|{_V6}|{_SPOKEN}|{_REPLY}|^r-l-e:|{_FILE}") | (
        pl.col("tag").str.contains(r"^dhcpd6?$").fill_null(False)
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One lease per block or acknowledgement; several for a block of IPv6 addresses."""
        return layouts.read(
            lines,
            [
                (_V4, _block),
                (_V6, _addresses),
                (rf"{_GIVEN_UP}.*\(not found\)", layouts.set_aside(NOT_HELD)),
                (_GIVEN_UP, lambda part: _message(part, _GIVEN_UP).with_columns(closes=pl.lit(True))),
                (_ACK, lambda part: _message(part, _ACK)),
                (_INFORM, lambda part: _message(part, _INFORM)),
                (_EVENT, _event),
                (_REPLY, _reply),
                (pl.lit(True), layouts.set_aside(NO_ADDRESS)),
            ],
        )


def _message(lines: pl.DataFrame, pattern: str) -> pl.DataFrame:
    found = patterns.read(lines["line"], pattern)
    told = dhcp.length(pl.lit(lines["line"].str.extract(r"lease-duration (\d+)")))
    given_up = pattern == _GIVEN_UP
    return found.select(
        kind=pl.lit("lease"),
        client="ip",
        client_mac="mac",
        device=pl.col("name") if "name" in found.columns else pl.lit(None, dtype=pl.String),
        lease_s=pl.lit(0.0) if given_up else told.fill_null(dhcp.ASSUMED_S),
        origin=pl.lit("dhcp"),
        confidence=pl.when(told.is_not_null()).then(dhcp.TOLD).otherwise(dhcp.ASSUMED),
    )


def _event(lines: pl.DataFrame) -> pl.DataFrame:
    found = patterns.read(lines["line"], _EVENT)
    freed = pl.col("what") == "Freed"
    return found.select(
        kind=pl.lit("lease"),
        client="ip",
        client_mac="mac",
        device=said("name"),
        lease_from=pl.lit(stamps.read(found["begin"], "UTC")),
        lease_to=pl.when(~freed).then(pl.lit(stamps.read(found["end"], "UTC"))),
        closes=freed,
        origin=pl.lit("dhcp"),
        confidence=pl.lit(dhcp.TOLD),
    )


def _reply(lines: pl.DataFrame) -> pl.DataFrame:
    found = patterns.read(lines["line"], _REPLY)
    return found.select(
        kind=pl.lit("lease"),
        client="ip",
        client_mac=dhcp.mac_of_duid(pl.col("duid")),
        lease_s=dhcp.length(pl.col("s")),
        origin=pl.lit("dhcp"),
        confidence=pl.lit(dhcp.BY_DUID),
    )


def _moment(text: pl.Series, word: str) -> pl.Series:
    """The time after `word` in each block: `W YYYY/MM/DD HH:MM:SS` in UTC or `epoch N`."""
    said = text.str.extract(rf"[{{;\s\x1f]{word} (?:epoch (?:\d+)|\d \d{{4}}/[\d/]+ [\d:]+)\s*;", 0)
    return stamps.read(said.str.extract(r"(?:epoch |\d )(\d[\d/: ]*)\s*;", 1), "UTC")


def _block(lines: pl.DataFrame) -> pl.DataFrame:
    text = lines["line"]
    state = text.str.extract(r"[{;\s\x1f]binding state (\w+)")
    begin, end = _moment(text, "starts"), _moment(text, "ends")
    never = text.str.contains(r"[{;\s\x1f]ends never")
    device = text.str.extract(rf'[{{;\s\x1f]client-hostname "((?:[^"\\{JOINT}]|\\.)*)"')
    frame = pl.DataFrame(
        {
            "client": text.str.extract(r"^lease ([0-9a-fA-F.:]+)"),
            "client_mac": text.str.extract(rf"[{{;\s\x1f]hardware ethernet {_MAC}"),
            "device": device,
            "lease_from": begin,
            "lease_to": end,
        }
    )
    past = pl.lit(state.is_in(["free", "released", "expired"]))
    return frame.with_columns(
        kind=pl.lit("lease"),
        at="lease_from",
        origin=pl.lit("dhcp"),
        closes=past,
        confidence=pl.lit(dhcp.TOLD),
        reason=one_of(
            {
                LEASE_OF_NOBODY: (pl.lit(state.is_in(["abandoned", "reset"])))
                | (pl.col("client_mac").is_null() & pl.col("device").is_null())
                | (pl.col("lease_to").is_null() & ~pl.lit(never))
            }
        ),
    )


def _addresses(lines: pl.DataFrame) -> pl.DataFrame:
    """The addresses of `ia-na` blocks; the name of a block is four bytes and the client's DUID."""
    each = lines.select("line", one=pl.col("line").str.extract_all(r"iaaddr [0-9a-fA-F:]+ \{[^}]*\}"))
    each = each.with_row_index("row").explode("one").with_columns(pl.col("one").fill_null(""))
    end, begin = _moment(each["one"], "ends"), _moment(each["line"], "cltt")
    state = pl.col("one").str.extract(r"[{;\s\x1f]binding state (\w+)")
    nobody = (pl.col("one") == "") | pl.lit(end).is_null() | state.is_in(["abandoned", "reset"])
    return each.select(
        "row",
        kind=pl.lit("lease"),
        at=pl.lit(begin),
        client=pl.col("one").str.extract(r"iaaddr ([0-9a-fA-F:]+)"),
        client_mac=dhcp.mac_of_duid(
            _octets(pl.col("line").str.extract(r'^ia-\w+ "((?:[^"\\]|\\.)*)"')).str.slice(8)
        ),
        lease_to=pl.lit(end),
        closes=state.is_in(["free", "released", "expired"]),
        origin=pl.lit("dhcp"),
        confidence=pl.lit(dhcp.BY_DUID),
        reason=one_of({LEASE_OF_NOBODY: nobody.fill_null(True)}),
    )


def _octets(quoted: pl.Expr) -> pl.Expr:
    """Text with octal escapes as hexadecimal, once per unique name."""
    return quoted.map_batches(_hexadecimal, return_dtype=pl.String)


def _hexadecimal(names: pl.Series) -> pl.Series:
    known = {name: _bytes(name).hex() for name in names.unique().drop_nulls()}
    return names.replace_strict(known, default=None, return_dtype=pl.String)


def _bytes(name: str) -> bytes:
    """`\\001a\\"` as bytes; what is no escape stands for itself."""
    out, place = bytearray(), 0
    for found in _ESCAPE.finditer(name):
        out += name[place : found.start()].encode()
        octal, plain = found.groups()
        out += bytes([int(octal, 8) & 0xFF]) if octal else plain.encode()
        place = found.end()
    return bytes(out + name[place:].encode())
