"""Directory exports: LDIF (RFC 2849), or CSV with attribute names as header, as `ldifde`, `ldapsearch`,
`csvde` and Active Directory's PowerShell write them.

Of each entry only the account, its other names (user principal name, mail address), department, office and
kind (person, service, machine) are read, and the owner of a computer (`managedBy`). Display names, managers
and everything else are ignored, because no figure needs them. An LDIF value that is a reference
(`attribute:< file://…`) is never followed.

The kind of an entry: Active Directory's userAccountControl (flags 0x800, 0x1000, 0x2000: trust accounts; see
Microsoft, UserAccountControl property flags) and objectClass `computer` mean a machine; managed service
accounts, and users with a servicePrincipalName, are services.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from sensor.identity.tables import Problems, rows, text_of

_TRUST_ACCOUNTS = 0x800 | 0x1000 | 0x2000
_SERVICE_CLASSES = ("msds-groupmanagedserviceaccount", "msds-managedserviceaccount")
_PRINCIPAL_NAMES = ("userprincipalname", "user principal name")
_MAIL = ("mail", "email", "emailaddress", "email address", "primarysmtpaddress")
#: our name → attributes or column headers in order of preference
ATTRIBUTES = {
    "account": (
        "samaccountname", "onpremisessamaccountname", "uid", "account", "user_name", "username", "user",
        "login", *_PRINCIPAL_NAMES, *_MAIL,
    ),
    "upn": _PRINCIPAL_NAMES,
    "mail": _MAIL,
    "department": ("departmentname", "dept", "department number", "departmentnumber"),
    "site": ("physicaldeliveryofficename", "office", "location", "l", "city"),
    "control": ("useraccountcontrol",),
    "class": ("objectclass",),
    "principal": ("serviceprincipalname", "serviceprincipalnames"),
    "owner": ("managedby",),
    "dn": ("distinguishedname",),
    "kind": ("accounttype",),
}  # fmt: skip
COLUMNS = {
    name: pl.String() for name in ("user_name", "device", "mac", "kind", "department", "site", "origin")
} | {"confidence": pl.Float64(), "other_names": pl.List(pl.String)}
#: an owner in a directory is rarely wrong, but may be out of date
OWNER_CONFIDENCE = 0.9
#: Stands in place of several values where PowerShell's Export-Csv does not write them.
_NOT_WRITTEN = re.compile(r"(?:System|Microsoft)(?:\.\w+)+(?:\[\])?")
_NOT_EXPORTED = "PowerShell wrote the name of a list, not what is in it; join its values in Select-Object"
_NO_ACCOUNT = "an entry without an account (sAMAccountName, uid, userPrincipalName)"

Entry = tuple[int, dict[str, list[str]]]


def read(path: Path, problems: Problems) -> pl.DataFrame:
    """The directory in `path` as a frame of COLUMNS, in clear; invalid lines go to `problems`.

    Raises UsageError for a file that cannot be read or has no account column.
    """
    text = text_of(path)
    is_ldif = path.suffix.lower() in (".ldif", ".ldf") or text.lstrip().lower().startswith(
        ("dn:", "version:", "#")
    )
    entries = list(_ldif(text, path, problems) if is_ldif else _csv(path, problems))
    return _as_rows(entries, path, "ldif" if is_ldif else "export", problems)


def _as_rows(entries: list[Entry], path: Path, origin: str, problems: Problems) -> pl.DataFrame:
    accounts = {dn.lower(): _first(e, "account") for _, e in entries for dn in e.get("dn", ())}
    found: list[dict[str, str | float | list[str] | None]] = []
    for line, entry in entries:
        account = _first(entry, "account")
        if account is None:
            problems.add(path, line, _NO_ACCOUNT)
            continue
        kind = _kind(entry, account)
        if kind is None:
            problems.add(path, line, "a userAccountControl that is no number")
            continue
        row: dict[str, str | float | list[str] | None] = {
            "user_name": account, "kind": kind, "origin": origin,
            "department": _first(entry, "department") if kind == "person" else None,
            "site": _first(entry, "site"),
            "other_names": [*entry.get("upn", ()), *entry.get("mail", ())] if kind == "person" else None,
        }  # fmt: skip
        found.append(row)
        if kind != "machine":
            continue
        device = account.rstrip("$")
        # Logs write it with or without the $.
        found.append(row | {"user_name": device if account.endswith("$") else account + "$"})
        managed_by = _first(entry, "owner")
        owner = managed_by and accounts.get(managed_by.lower(), None if "=" in managed_by else managed_by)
        if owner:
            found.append(
                {"user_name": owner, "device": device, "kind": "person", "origin": origin,
                 "confidence": OWNER_CONFIDENCE}
            )  # fmt: skip
    return pl.DataFrame(found, schema=COLUMNS)


def _kind(entry: dict[str, list[str]], account: str) -> str | None:
    """person, service or machine; None if unknown."""
    stated = (_first(entry, "kind") or "").lower()
    if stated in ("person", "service", "machine"):
        return stated
    classes = {word.lower() for value in entry.get("class", ()) for word in value.replace(";", " ").split()}
    control = _first(entry, "control")
    try:
        flags = int(control, 0) if control else 0
    except ValueError:
        return None
    if "computer" in classes or flags & _TRUST_ACCOUNTS or account.endswith("$"):
        return "service" if classes & set(_SERVICE_CLASSES) else "machine"
    return "service" if classes & set(_SERVICE_CLASSES) or _first(entry, "principal") else "person"


def _first(entry: dict[str, list[str]], name: str) -> str | None:
    return next((value.strip() for value in entry.get(name, ()) if value.strip()), None)


def _csv(path: Path, problems: Problems) -> Iterator[Entry]:
    told = False
    for line, row in rows(path, ATTRIBUTES, ("account",), problems):
        written = {name: value for name, value in row.items() if value and not _NOT_WRITTEN.fullmatch(value)}
        if not told and any(value and name not in written for name, value in row.items()):
            problems.add(path, line, _NOT_EXPORTED)
            told = True
        yield line, {name: [value] for name, value in written.items()}


def _ldif(text: str, path: Path, problems: Problems) -> Iterator[Entry]:
    """Entries with known attributes; folded lines, comments and blank lines as in RFC 2849."""
    entry: dict[str, list[str]] = {}
    ranks: dict[str, int] = {}
    begin = 0
    for number, line in _unfolded(text):
        if not line:
            if "dn" in entry:
                yield begin, entry
            entry, ranks = {}, {}
            continue
        name, colon, value = line.partition(":")
        if not colon:
            problems.add(path, number, "neither attribute nor comment (RFC 2849)")
            continue
        known = _OURS.get(name.partition(";")[0].strip().lower(), ())
        if not known or value.startswith("<"):
            continue
        if value.startswith(":"):
            try:
                value = base64.b64decode(value[1:].strip(), validate=True).decode("utf-8")
            except (binascii.Error, UnicodeDecodeError, ValueError):
                problems.add(path, number, "base64 that cannot be read")
                continue
        if not entry:
            begin = number
        for ours, rank in known:
            if rank > ranks.get(ours, rank):
                continue
            if rank < ranks.get(ours, rank):
                entry[ours] = []
            ranks[ours] = rank
            entry.setdefault(ours, []).append(value.strip())
    if "dn" in entry:
        yield begin, entry


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Logical lines with their first line number, without comments, which may be folded, too."""
    held: list[str] = []
    begin = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(" ") and held:
            held.append(line[1:])
            continue
        if held and not held[0].startswith("#"):
            yield begin, "".join(held)
        held, begin = [line], number
        if not line:
            yield number, ""
            held = []
    if held and not held[0].startswith("#"):
        yield begin, "".join(held)


#: attribute, lower case → our names, and its rank of preference for each
_OURS: dict[str, list[tuple[str, int]]] = {}
for _ours, _words in ATTRIBUTES.items():
    for _rank, _word in enumerate((_ours, *_words) if _ours not in ("account", "class", "owner") else _words):
        _OURS.setdefault(_word, []).append((_ours, _rank))
