"""The privacy sheet: what is stored, why, for how long, who can see it, and how much was seen. Pure.

In: facts. Out: Markdown or HTML. Statements about tables come from `sensor/schema.py`, about the organisation
from the settings, about coverage from the lake. The sheet is a basis for a record of processing or an impact
assessment, and makes no claims about the law.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sensor import schema
from sensor.schema import Level, Table

_ACTS = {
    "clear": "as it is",
    "token": "keyed token",
    "internal": "keyed token if it is internal, else as it is",
    "drop": "not stored",
}
_LEVELS = {
    "pseudonymous": "People, devices and addresses are keyed tokens. Keys lie outside the data and change "
    "every 13 weeks; destroying an old key makes its tokens unlinkable. Pseudonymous data is still "
    "personal data.",
    "aggregate": "No row about a person is stored in readable form. Until a week is over and quiet for two "
    "days, what is needed to count it is kept encrypted with a key of its own, which is then destroyed; "
    "only figures about groups remain.",
    "clear": "People, devices and addresses are stored as they are. This was set on purpose, and every "
    "report says so.",
}
#: Field of a derived table → field of `sightings` with another name.
_STANDS_FOR = {"subject": "user_name", "logged_user": "user_name"}
_ZONES = {
    "restricted": "owner and group of the restricted zone (file mode 0640); each query is logged",
    "open": "everybody who may read the lake (file mode 0644)",
}
NEVER = (
    "prompts and answers, request and response bodies",
    "query strings, cookies, Authorization headers, API keys",
    "names of hosts that one person alone asked for, in anything published",
    "URL paths, except the part that matched the catalog",
)


@dataclass(frozen=True)
class Derived:
    """A table made from others (a mart); `period` is day, week or once."""

    name: str
    row: str
    zone: str
    period: str
    #: name, meaning and unit of each
    fields: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True)
class Facts:
    """What the sheet needs beyond the schema."""

    level: Level
    k: int
    zone: str
    retention_days: Mapping[str, int]
    controller: str | None = None
    contact: str | None = None
    legal_basis: str | None = None
    recipients: Sequence[str] = ()
    #: what is sent to whom, according to the settings
    destinations: Sequence[tuple[str, str]] = ()
    #: whether packets of matched connections were ever stored
    evidence: bool = False
    excluded: Sequence[str] = ()
    only: Sequence[str] = ()
    origins: Sequence[str] = ()
    from_packets: bool = True
    names_by_client: bool = False
    count_key: bool = False
    custodians: Mapping[str, str] | None = None
    derived: Sequence[Derived] = ()
    coverage: Sequence[str] = ()
    version: str = ""


@dataclass(frozen=True)
class Part:
    """A section: a heading, sentences, and a table."""

    heading: str
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def parts(facts: Facts) -> Iterator[Part]:
    """The sections of the sheet, in order."""
    unknown = "not stated in the settings ([about])"
    yield Part(
        "Who is responsible",
        (
            f"Controller: {facts.controller or unknown}.",
            f"Contact: {facts.contact or unknown}.",
            f"Legal basis: {facts.legal_basis or unknown}.",
        ),
    )
    yield Part(
        "Purpose",
        (
            "To find out which AI services are used in the network, by which departments, and how much data "
            "goes out to them; not to judge anybody's work.",
            "Passive: it reads copies of traffic and logs that exist already. It decrypts no content and "
            "runs on no employee's device.",
        ),
    )
    yield Part(f"Level in force: {facts.level}", (_LEVELS[facts.level],))
    yield _limits(facts)
    yield _who(facts)
    yield Part("Never stored", tuple(f"{line}." for line in NEVER))
    yield _overview(facts)
    yield _beside(facts)
    for table in (schema.CATALOG, *schema.STORED):
        yield _fields(table, facts.level)
    for one in facts.derived:
        if one.zone == "restricted":
            yield _derived_fields(one, facts.level)
    yield _recipients(facts)
    yield Part("Where it looks, and how much it saw", tuple(facts.coverage) or ("No lake was read.",))


def _limits(facts: Facts) -> Part:
    lines = [
        f"No figure published for a week is about fewer than {facts.k} people who used a service, not even "
        "by subtraction from others of that week, and no one person sent more than 80 % of a published sum. "
        "How many of a larger group did not use a service may follow, even if they are fewer.",
        "The running week is published anew with each compaction: whoever keeps every version sees what was "
        "added between two.",
        f"Weeks and days are those of {facts.zone}.",
    ]
    lines.append(_browsing(facts))
    if facts.count_key:
        lines.append(
            "A count-only key is held, outside the data: by it people are counted over months, quarters and "
            "years, though their tokens change. Figures are rounded down to multiples of the smallest group. "
            "Whoever holds that key and the state folder can recognise accounts over all weeks counted."
        )
    if facts.excluded:
        lines.append(f"Not looked at: {', '.join(facts.excluded)}.")
    if facts.only:
        lines.append(f"Only clients in: {', '.join(facts.only)}.")
    if facts.custodians:
        names = ", ".join(f"{name} ({role})" for name, role in sorted(facts.custodians.items()))
        lines.append(
            f"A token is turned back into a name by two people together: {names}. Each step is on record."
        )
    elif facts.level == "pseudonymous":
        lines.append("Nobody is enrolled to turn tokens back into names: no list of names is kept.")
    return Part("Limits", tuple(lines))


def _browsing(facts: Facts) -> str:
    """Whether names_by_client is on, which stores browsing that does not involve AI."""
    if not facts.names_by_client:
        return "For names that the catalog does not know, it is not stored who visited them."
    return (
        "It is also stored which client was at which name that the catalog does not know (names_by_client is "
        f"on), for {facts.retention_days['names_by_client']} days: everybody's browsing, so that use of a "
        "service is found that the catalog learns meanwhile."
    )


def _who(facts: Facts) -> Part:
    asked = ", ".join(facts.origins) or "every log that names an account or the holder of an address"
    packets = (
        "Packets, too: DHCP, Kerberos, NTLM, RADIUS accounting, names that hosts give themselves, and their "
        "hardware addresses"
        if facts.from_packets
        else "What packets say about the holders of addresses is not used"
    )
    return Part("How people are identified", (f"{asked}.", f"{packets}.", "Files named in the settings."))


def _overview(facts: Facts) -> Part:
    rows: list[tuple[str, ...]] = []
    for table in (schema.CATALOG, *schema.STORED):
        days = facts.retention_days.get(table.kept_with or table.name)
        kept = f"{days} days" if days else "until the lake is deleted"
        if facts.level == "aggregate" and table.zone == "restricted" and table is not schema.ERASURES:
            kept = "not stored; encrypted until its week is closed"
        if table is schema.NAMES_BY_CLIENT and not facts.names_by_client:
            kept = "not stored: names_by_client is off"
        rows.append((table.name, table.row, table.purpose, kept, table.zone))
    rows += [
        (one.name, one.row, "to count and to report", _kept(one, facts), one.zone) for one in facts.derived
    ]
    return Part("What is stored", (), ("table", "a row is", "purpose", "kept for", "zone"), tuple(rows))


def _beside(facts: Facts) -> Part:
    """Data stored outside of tables."""
    rows = [
        (
            "reports (lake)",
            "the published figures of each report that was written",
            "until the lake is deleted",
        ),
        ("log of restricted queries (lake)", "who asked what, and when", "until the lake is deleted"),
        ("keys (state folder)", "what tokens are made with", "until shredded"),
        (
            "leases (state folder)",
            "who holds an address beyond the time of a key, encrypted; tokens of erased people",
            "until the lease ends or the key is shredded",
        ),
        ("record (state folder)", "what was done with personal data; see audit", "until it is deleted"),
    ]
    if facts.level == "aggregate":
        rows.append(
            ("sealed rows (state folder)", "rows of open weeks, encrypted", "until their week is closed")
        )
    if facts.count_key:
        kept = f"{facts.retention_days['published']} days"
        rows.append(("counts (state folder)", "who used what in a week, in second tokens, encrypted", kept))
    if facts.custodians:
        rows.append(
            ("vault (state folder)", "what tokens stand for, encrypted for two roles", "until shredded")
        )
        rows.append(("cases (state folder)", "what was asked for and released, encrypted", "90 days at most"))
    if facts.evidence:
        what = (
            "packets that opened matched connections, with their addresses, encrypted; nothing said in them"
        )
        rows.append(("evidence (lake)", what, "as long as `--evidence-days` said (7)"))
    return Part("What is kept besides the tables", (), ("what", "holds", "kept for"), tuple(rows))


def _kept(one: Derived, facts: Facts) -> str:
    """Retention of derived tables; at level `aggregate` none of them has persons."""
    if one.period == "once":
        return "until a newer one takes its place"
    if facts.level == "aggregate" and one.zone == "restricted":
        return "not stored"
    return f"{facts.retention_days['usage_hourly' if one.zone == 'restricted' else 'published']} days"


def _fields(table: Table, level: Level) -> Part:
    rows = tuple((c.name, c.meaning, c.unit, _ACTS[c.protect.at(level)]) for c in table)
    return Part(f"Fields of {table.name}", (), ("field", "meaning", "unit", "stored"), rows)


def _derived_fields(one: Derived, level: Level) -> Part:
    """The fields of a mart; each is protected like the column of sightings that it contains."""
    protections = {column.name: column.protect for column in schema.SIGHTINGS}
    rows = tuple(
        (name, meaning, unit, _ACTS[protections.get(_STANDS_FOR.get(name, name), schema.CLEAR).at(level)])
        for name, meaning, unit in one.fields
    )
    return Part(f"Fields of {one.name}", (), ("field", "meaning", "unit", "stored"), rows)


def _recipients(facts: Facts) -> Part:
    rows = list(_ZONES.items())
    rows += [("reports and exports", who) for who in facts.recipients]
    rows += facts.destinations
    note = "Nothing is sent anywhere by the product."
    if facts.destinations:
        note = "The product sends published figures only, to the destinations below."
    return Part("Recipients", (note,), ("what", "who"), tuple(rows))


def markdown(facts: Facts) -> str:
    """The sheet as Markdown."""
    out = [f"# Data-protection sheet: Shadow AI Sensor {facts.version}".rstrip(), ""]
    for part in parts(facts):
        out += [f"## {_md(part.heading)}", ""]
        out += [f"- {_md(text)}" for text in part.lines]
        out += [""] if part.lines else []
        if part.rows:
            out.append(f"| {' | '.join(part.columns)} |")
            out.append("|" + "---|" * len(part.columns))
            out += [f"| {' | '.join(_md(cell) for cell in row)} |" for row in part.rows]
            out.append("")
    return "\n".join(out).rstrip() + "\n"


def page(facts: Facts) -> str:
    """The sheet as one HTML page without external resources."""
    title = f"Data-protection sheet: Shadow AI Sensor {facts.version}".rstrip()
    body = [f"<h1>{html.escape(title)}</h1>"]
    for part in parts(facts):
        body.append(f"<h2>{html.escape(part.heading)}</h2>")
        if part.lines:
            body.append("<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in part.lines) + "</ul>")
        if part.rows:
            head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in part.columns)
            rows = "".join(
                "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
                for row in part.rows
            )
            body.append(f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    return _PAGE.format(title=html.escape(title), body="\n".join(body))


def _md(text: str) -> str:
    """`text` escaped for Markdown."""
    for mark in "\\`*_[]<>|#":
        text = text.replace(mark, "\\" + mark)
    return " ".join(text.split())


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.6rem }} h2 {{ font-size: 1.1rem; margin-top: 2rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0 }}
td {{ border-top: 1px solid #ddd }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
