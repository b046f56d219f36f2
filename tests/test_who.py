"""Two scripted weeks with a DHCP server, a directory, a proxy and a resolver: who was it, in every session.

Addresses change hands within minutes, a VPN session lies inside a DHCP lease, one person has three
devices, two sites have the same addresses, machines and services have accounts, terminal servers are
shared: the account is the right one for every session, and nobody is named where nobody can be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from sensor import schema
from sensor.privacy.keys import Keys
from sensor.privacy.pseudonyms import token
from tests.product import query, shadowai, squid

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
DAYS = [MONDAY + timedelta(days=n) for n in range(14) if n % 7 < 5]
LDIF = """\
dn: CN=Ada,DC=corp,DC=test
sAMAccountName: ada
department: Legal

dn: CN=Bob,DC=corp,DC=test
sAMAccountName: bob
department: Legal

dn: CN=LAP-ADA,DC=corp,DC=test
objectClass: computer
sAMAccountName: LAP-ADA$
managedBy: CN=Ada,DC=corp,DC=test

dn: CN=LAP-BOB,DC=corp,DC=test
objectClass: computer
sAMAccountName: LAP-BOB$
managedBy: CN=Bob,DC=corp,DC=test
"""
SETTINGS = """\
[networks]
shared = ["10.0.5.1/32"]

[identity]
directory = ["ad.ldif"]
owners = "owners.csv"
service_accounts = ["svc-*"]

[[sensors]]
name = "branch"
site = "branch"
paths = ["branch-*"]
"""


@dataclass(frozen=True)
class Session:
    """One use: `account` is what the proxy logs (None: seen on the wire); `is_` who it was, or its kind."""

    at: datetime
    address: str
    is_: str
    by: str
    account: str | None = None
    site: str = "main"


def _day(day: datetime) -> Iterator[Session]:
    def at(hour: int, minute: int = 30) -> datetime:
        return day + timedelta(hours=hour, minutes=minute)

    yield Session(at(8), "10.0.0.10", "ada", "owner")
    yield Session(at(9), "10.0.0.10", "cy", "vpn")  # a VPN session of ten minutes inside the lease
    yield Session(at(10), "10.0.0.10", "ada", "owner")  # and the laptop returns
    yield Session(at(11), "10.0.0.10", "machine", "machine", "CORP\\\\LAP-ADA$")
    yield Session(at(12, 6), "10.0.0.10", "bob", "owner")  # six minutes after it was ada's
    yield Session(at(13), "10.0.0.11", "ada", "owner")
    yield Session(at(14), "10.0.0.12", "ada", "owner")  # a telephone, known by its hardware address
    yield Session(at(15), "10.0.0.10", "bob", "owner", site="branch")  # the same address elsewhere
    yield Session(at(16), "10.0.5.1", "shared", "shared")  # declared
    yield Session(at(17), "10.0.5.1", "dan", "log", "dan")  # but the proxy knows
    yield Session(at(18), "10.0.7.7", "service", "service", "svc-build")
    yield Session(at(19), "10.0.9.9", "address", "nobody")
    yield Session(at(20), "10.0.0.13", "device", "device")
    for minute, account in enumerate(("ada", "bob", "cy")):
        yield Session(at(21, 10 + minute), "10.0.5.2", account, "log", account)
    yield Session(at(22), "10.0.5.2", "shared", "shared")  # recognised
    yield Session(at(23), "10.0.0.10", "address", "nobody")  # after the last lease


SESSIONS = [session for day in DAYS for session in _day(day)]


def _leases(folder: Path) -> None:
    def block(day: datetime, address: str, hours: tuple[float, float], mac: int, name: str) -> str:
        begin, end = (day + timedelta(hours=hour) for hour in hours)
        host = f'  client-hostname "{name}";\n' if name else ""
        return (
            f"lease {address} {{\n  starts {begin:%w %Y/%m/%d %H:%M:%S};\n"
            f"  ends {end:%w %Y/%m/%d %H:%M:%S};\n"
            f"  binding state free;\n  hardware ethernet 02:00:5e:00:00:{mac:02x};\n{host}}}\n"
        )

    main, branch = [], []
    for day in DAYS:
        main += [
            block(day, "10.0.0.10", (7, 12), 1, "LAP-ADA"),
            block(day, "10.0.0.10", (12.05, 17), 2, "lap-bob.corp.test"),
            block(day, "10.0.0.11", (12.1, 17), 1, "LAP-ADA"),
            block(day, "10.0.0.12", (7, 23), 3, ""),
            block(day, "10.0.0.13", (7, 23), 4, "somebodys-pad"),
        ]
        branch.append(block(day, "10.0.0.10", (7, 17), 2, "LAP-BOB"))
    (folder / "dhcpd.leases").write_text("".join(main))
    (folder / "branch-dhcpd.leases").write_text("".join(branch))
    vpn = [f"10.0.0.10,cy,vpn,{day:%Y-%m-%d} 09:25:00,{day:%Y-%m-%d} 09:35:00" for day in DAYS]
    (folder / "vpn.csv").write_text("\n".join(["address,user_name,origin,valid_from,valid_to", *vpn]) + "\n")


def _nameless(folder: Path, site: str, sessions: list[Session]) -> list[Path]:
    """A resolver's log and a proxy's without accounts: every other session is a lookup."""
    here = [one for one in sessions if one.site == site]
    prefix = "" if site == "main" else f"{site}-"
    asked = [
        f"{one.at:%Y-%m-%dT%H:%M:%S}+00:00 ns dnsmasq[7]: query[A] chatgpt.com from {one.address}\n"
        for one in here[::2]
    ]
    resolver = folder / f"{prefix}dnsmasq.log"
    resolver.write_text("".join(asked))
    return [resolver, squid(folder / f"{prefix}nameless.log", [(o.at, o.address, "-") for o in here[1::2]])]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The logs first, the leases and the directory only afterwards: what came late corrects it all."""
    folder = tmp_path_factory.mktemp("who")
    (folder / "shadowai.toml").write_text(SETTINGS)
    (folder / "ad.ldif").write_text(LDIF)
    (folder / "owners.csv").write_text("user_name,mac\nada,02-00-5E-00-00-03\n")
    seen = [one for one in SESSIONS if one.account is None]
    wire = [file for site in ("main", "branch") for file in _nameless(folder, site, seen)]
    logged = [(one.at, one.address, one.account.replace("\\\\", "\\")) for one in SESSIONS if one.account]
    squid(folder / "access.log", logged)
    shadowai(folder, "scan", folder / "access.log", *wire, "-q")
    before = query(folder, "SELECT count(*) FROM usage_hourly WHERE attributed_by = 'owner'")
    assert before == [(0,)]
    _leases(folder)
    leases = (folder / name for name in ("dhcpd.leases", "branch-dhcpd.leases", "vpn.csv"))
    shadowai(folder, "scan", *leases, "-q")
    return folder


def _token(lake: Path, account: str) -> str:
    keys = Keys(lake / "state", "UTC")
    (epoch,) = keys.epochs_in(pl.Series([MONDAY], dtype=schema.TIME))
    return token(keys.of(epoch), epoch, "org", "user", account)


def test_every_session_has_the_right_person_or_none(lake: Path) -> None:
    rows = query(lake, "SELECT DISTINCT hour, subject, subject_kind, attributed_by FROM usage_hourly")
    names = {_token(lake, account): account for account in ("ada", "bob", "cy", "dan")}
    found = sorted(
        (hour, names[str(subject)] if kind == "user" else str(kind), str(by))
        for hour, subject, kind, by in rows
    )
    expected = sorted((one.at.replace(minute=0), one.is_, one.by) for one in SESSIONS)
    assert found == expected


def test_a_person_with_three_devices_is_one_person(lake: Path) -> None:
    (row,) = query(
        lake,
        "SELECT count(DISTINCT subject), count(DISTINCT user_name) FROM usage_hourly "
        f"WHERE user_name = '{_token(lake, 'ada')}'",
    )
    assert row == (1, 1)


def test_who_explains_the_chain_in_tokens_and_is_on_record(lake: Path) -> None:
    told = shadowai(lake, "who", "10.0.0.10", "--at", "2026-11-03T09:30", "--site", "main")
    assert f"person {_token(lake, 'cy')} (vpn 0.90)" in told
    assert "decides: names the user" in told and "overruled: vpn takes precedence" in told
    assert "10.0.0.10" not in told and not re.search(r"\bcy\b", told)  # a token may hold these letters, too
    later = shadowai(lake, "who", "10.0.0.10", "--at", "2026-11-03T12:06")
    assert f"person {_token(lake, 'bob')} (owner 0.81)" in later
    assert "unattributed: no lease" in shadowai(lake, "who", "10.0.9.9", "--at", "2026-11-03T19:30")
    nowhere = shadowai(lake, "who", "10.0.9.9", "--at", "2026-11-03T19:30", "--site", "mian", ok=False)
    assert "no site 'mian' in the lake; branch, main" in nowhere
    shared = shadowai(lake, "who", "10.0.5.2", "--at", "2026-11-03T22:30")
    assert "shared: many accounts within an hour" in shared
    assert shadowai(lake, "audit", "show").count("who") == 4
    wrong = shadowai(lake, "who", "10.0.9", "--at", "2026-11-03", ok=False)
    assert (
        "neither an address nor a token of one; write it like 10.1.2.3" in wrong and "Traceback" not in wrong
    )
