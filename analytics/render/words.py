"""Figures as text: the only place that decides how numbers, bytes, shares and small groups are written.

Units are decimal (1 kB = 1000 bytes) and joined to their number by a narrow no-break space. An
unknown figure reads "unknown", a hidden one "hidden" or "fewer than 5"; neither ever reads 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from analytics.render.language import MINUS as MINUS
from analytics.render.language import THIN as THIN
from analytics.render.language import names, say, translated
from analytics.render.language import number as number


@dataclass(frozen=True, slots=True)
class Noun:
    """What a count of subjects counts."""

    key: str

    @property
    def many(self) -> str:
        """'people'."""
        return say(f"{self.key}.many")

    @property
    def label(self) -> str:
        """The label of their total."""
        return say(f"{self.key}.label")

    @property
    def heading(self) -> str:
        """Over a column of their counts."""
        return say(f"{self.key}.heading")

    @property
    def most(self) -> str:
        """Over a column of the most of them in one week."""
        return say(f"{self.key}.most")

    def count(self, value: int) -> str:
        """'1 person', '6 people'."""
        return say(f"{self.key}.count", value)


PEOPLE = Noun("people")
DEVICES = Noun("devices")
#: The noun if the share tied to a person is unknown.
EITHER = Noun("either")

#: A scope of the policy or a finding that is about everyone.
EVERYONE = "all"

#: Grade -> moon.
MOONS = {1: "○", 2: "◔", 3: "◑", 4: "◕", 5: "●"}

#: Status in the policy, in the order of a table.
STATUSES = (
    "sanctioned", "tolerated", "under_review", "restricted", "unsanctioned", "embedded_watch", "unreviewed",
)  # fmt: skip

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def noun(counted: str | None) -> Noun:
    """What people are in figures, by `counted` of attribution_weekly; both people and addresses if that is
    hidden."""
    return Noun(counted) if counted else EITHER


def unknown() -> str:
    """The text for a figure that could not be measured."""
    return say("figure.unknown")


def hidden() -> str:
    """The text for a figure that is hidden to protect a small group."""
    return say("figure.hidden")


def grade(value: int) -> str:
    """'uploaded'."""
    return say(f"grade.g{value}")


def grades() -> Mapping[int, tuple[str, str, str]]:
    """Grade -> (moon, label, what it means)."""
    return {g: (moon, grade(g), say(f"grade.meaning{g}")) for g, moon in MOONS.items()}


def status(value: str) -> str:
    """The name of a policy status; an unknown status stays as it is."""
    return say(f"status.{value}") if value in STATUSES else value


def scope(value: str) -> str:
    """The scope of a policy line or finding in brackets, ' (department Sales)'; '' for everyone."""
    if value == EVERYONE or value.startswith("policy: "):
        return ""
    kind, _, name = value.replace("=", " ").partition(" ")
    return f" ({translated(kind)} {name})"


def rough(value: int) -> str:
    """A count too large to read digit by digit: '4.2 billion'; exact below a million."""
    for unit, name in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if value >= unit:
            tenths = (20 * value + unit) // (2 * unit)
            return f"{number(tenths // 10)}{say('figure.point')}{tenths % 10}{THIN}{say(f'figure.{name}')}"
    return number(value)


def people(value: int | None, is_hidden: bool | None, k: int) -> str:
    """A count of people or addresses, or why it is not printed."""
    if is_hidden:
        return say("figure.fewer", k=k)
    return unknown() if value is None else number(value)


def group(value: int | None, is_hidden: bool | None, noun: Noun) -> str:
    """A count in a sentence: '6 people', '1 address', 'a group not shown' (it need not be small itself)."""
    if is_hidden:
        return say("figure.group")
    if value is None:
        return say("figure.unknown_number", noun=noun.many)
    return noun.count(value)


def withheld(row: Mapping[str, object]) -> bool | None:
    """Whether bytes of the open zone that are NULL are hidden; None: hidden or unknown, nobody can tell.

    What is received is hidden wherever what is sent is, so where it is known the other was not measured.
    Where nobody used it there is nothing to hide.
    """
    if row["people_hidden"]:
        return True
    if row.get("people") == 0:
        return False
    return None if row.get("bytes_down") is None else False


def size(value: int | None, is_hidden: bool | None = False) -> str:
    """Bytes with at least two significant digits: '412 MB', '1.2 kB'; for NULL, by `withheld`, hidden or
    unknown."""
    if value is None:
        return say("figure.untold") if is_hidden is None else hidden() if is_hidden else unknown()
    amount, unit = _scaled(abs(value))
    return f"{MINUS if value < 0 else ''}{amount}{THIN}{unit}"


def size_range(low: int | None, high: int | None, is_hidden: bool | None = False) -> str:
    """'214–260 MB' if sensors may have seen different traffic; one figure if both are written the same."""
    if low is None or high is None or high <= low:
        return size(low, is_hidden)
    (low_amount, low_unit), (high_amount, high_unit) = _scaled(low), _scaled(high)
    if (low_amount, low_unit) == (high_amount, high_unit):
        return size(low)
    if low_unit == high_unit:
        return f"{low_amount}–{high_amount}{THIN}{low_unit}"
    return f"{size(low)}–{size(high)}"


def share(part: int, whole: int) -> str:
    """A percentage that is 0 % or 100 % only if that is exact."""
    if whole <= 0:
        return unknown()
    percent = (200 * part + whole) // (2 * whole)
    if percent == 0 and part > 0:
        return f"<{THIN}1{THIN}%"
    if percent >= 100 and part < whole:
        return f">{THIN}99{THIN}%"
    return f"{percent}{THIN}%"


def signed(value: int) -> str:
    """+9, −9 or ±0."""
    return f"+{number(value)}" if value > 0 else number(value) if value < 0 else "±0"


def signed_size(value: int) -> str:
    """+61 MB, −61 MB or ±0."""
    return f"+{size(value)}" if value > 0 else size(value) if value < 0 else "±0"


def on_last_week(change: int, amount: str) -> str:
    """A change as text for screen readers: 'up 4 on last week'."""
    way = "up" if change > 0 else "down" if change < 0 else "unchanged"
    return say(f"figure.{way}", amount=amount)


def listing(items: Sequence[str], most: int = 3) -> str:
    """'A, B and C', or 'A, B, C and 4 more'."""
    if len(items) <= 1:
        return "".join(items)
    if len(items) <= most:
        return say("figure.and", first=", ".join(items[:-1]), last=items[-1])
    return say("figure.and_more", len(items) - most, first=", ".join(items[:most]))


def category(value: str | None) -> str:
    """The name of a category or access class: 'model-hub' -> 'model hub', 'api' -> 'API'."""
    if not value:
        return say("figure.uncategorised")
    return translated(value.replace("-", " ").replace("_", " ").replace("api", "API").replace("gpu", "GPU"))


def week_name(monday: date) -> str:
    """ISO week: '2026-W46'."""
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02d}"


def week_days(monday: date, year: int) -> str:
    """Its days, short: '9–15 Nov'; with the year where it ends in another than `year`."""
    sunday = monday + timedelta(days=6)
    begin = (
        f"{say('date.first', day=monday.day)}–"
        if monday.month == sunday.month
        else f"{_short_date(monday)} – "
    )
    told_year = "" if sunday.year == year else f" {sunday.year}"
    return f"{begin}{_short_date(sunday)}{told_year}"


def day_span(first: date, last: date) -> str:
    """'9–15 November 2026', '30 November – 6 December 2026'; month names do not follow the locale."""
    if first.year != last.year:
        return f"{day_name(first)} {first.year} – {day_name(last)} {last.year}"
    if first.month != last.month:
        return f"{day_name(first)} – {day_name(last)} {last.year}"
    return f"{say('date.first', day=first.day)}–{day_name(last)} {last.year}"


def day_name(day: date) -> str:
    """'9 November'."""
    return say("date.day", day=day.day, month=names("date.months")[day.month - 1])


def short_day(day: date) -> str:
    """'Mon 9 Nov'."""
    month = names("date.short_months")[day.month - 1]
    return say("date.short", weekday=weekday(day)[: int(say("date.letters"))], day=day.day, month=month)


def _short_date(day: date) -> str:
    return say("date.day", day=day.day, month=names("date.short_months")[day.month - 1])


def weekday(day: date) -> str:
    """'Monday'."""
    return names("date.weekdays")[day.weekday()]


def _scaled(value: int) -> tuple[str, str]:
    """(amount, unit) with 2 to 3 significant digits, in integer arithmetic, halves rounded up."""
    if value < 1000:
        return str(value), "B"
    power = min((len(str(value)) - 1) // 3, len(_UNITS) - 1)
    for step in (power, power + 1):  # 999 600 rounds up into the next unit
        if step == len(_UNITS):
            break
        unit = 1000**step
        tenths = (20 * value + unit) // (2 * unit)
        if tenths < 100:
            return f"{tenths // 10}{say('figure.point')}{tenths % 10}", _UNITS[step]
        whole = (2 * value + unit) // (2 * unit)
        if whole < 1000:
            return str(whole), _UNITS[step]
    return number((2 * value + 1000**power) // (2 * 1000**power)), _UNITS[power]
