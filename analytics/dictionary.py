"""The data dictionary of the views as Markdown: what a row is, columns, types, units and meanings.

It is made from the `.yml` files by which views are published and tested. `shadowai sql --schema` prints it;
docs/views.md is its output. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from analytics.definitions import View

_INTRO = """# The views

Made by `shadowai sql --schema > docs/views.md`; edit `analytics/views/*.yml`, not this page.

**Open** views are in `open.duckdb` and hold no token and no group smaller than k; **restricted** ones are in
`restricted.duckdb` (`shadowai sql --restricted`, every statement is logged), which has the open ones too.
Unknown is NULL, never 0. Names in `snake_case` are the same thing wherever they stand: `app` is a service id
(join views on it), `grade` says how strong the evidence is (1 looked up, 2 connected, 3 exchanged,
4 uploaded, 5 confirmed), and use means grade 3 or more. TIMESTAMPTZ columns are shown in UTC: ask for
`hour AT TIME ZONE 'Europe/Berlin'` to have a site's own clock; DATE columns are days of the report's zone.
`bytes_up` counts once what several sensors saw, `bytes_up_max` adds them all up: the truth lies between. Both
sum what was measured: of a source that cannot know how much was sent (`bytes_known` of `names_weekly`)
nothing is in them. A `…_at_least` or `…_least` is a number that may be larger in truth. Questions with
their SQL: [cookbook.md](cookbook.md).

Under other names elsewhere: what is called *embedded watch* is `embedded`.
"""


def page(views: Sequence[View]) -> str:
    """The whole dictionary: a list of the views by zone, then a table of columns for each."""
    parts = [_INTRO]
    for zone in ("open", "restricted"):
        lines = [f"- [`{view.name}`](#{view.name}): {view.row}" for view in views if view.zone == zone]
        parts.append("\n".join([f"## {zone.capitalize()}\n", *lines, ""]))
    return "\n".join([*parts, *(section(view) for view in views)])


def section(view: View) -> str:
    """The section about one view."""
    lines = [f"### {view.name}\n", f"{view.zone.capitalize()}. A row is {view.row}.\n"]
    lines += ["| column | type | unit | meaning |", "|---|---|---|---|"]
    for name, column in view.columns.items():
        kind = column.type.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
        meaning = column.meaning.replace("|", "\\|")
        lines.append(f"| `{name}` | {kind} | {column.unit} | {meaning} |")
    return "\n".join([*lines, ""])
