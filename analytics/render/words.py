"""Figures as words: the one place that decides how numbers, bytes, shares and small groups read.

Units are decimal (1 kB = 1000 bytes) and joined to their number by a narrow no-break space. An
unknown figure reads "unknown", a hidden one "fewer than 5"; neither ever reads 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

THIN = "\u202f"  # narrow no-break space
MINUS = "\u2212"

UNKNOWN = "unknown"
HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Noun:
    """What a count of subjects counts, and the label of their total."""

    one: str
    many: str
    label: str


PEOPLE = Noun("person", "people", "People using AI")
ADDRESSES = Noun("address", "addresses", "Addresses using AI")
#: Where the share tied to a person is not known.
EITHER = Noun("person or address", "people or addresses", "People or addresses")

#: Grade -> (moon, label, what it means).
GRADES = {
    1: ("○", "looked up", "a name was looked up in DNS; that is not use"),
    2: ("◔", "connected", "a connection was opened, too small to show that anything was said"),
    3: ("◑", "exchanged", "data went both ways, beyond what opening a connection takes"),
    4: ("◕", "uploaded", "more was sent than a visit to the service sends without any prompt or file"),
    5: ("●", "confirmed", "a proxy or log recorded the request itself"),
}

#: Status in the policy -> as it reads; in the order of a table.
STATUSES = {
    "sanctioned": "sanctioned",
    "tolerated": "tolerated",
    "under_review": "under review",
    "restricted": "restricted",
    "unsanctioned": "unsanctioned",
    "embedded_watch": "embedded, watched",
    "unreviewed": "not reviewed",
}

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def number(value: int) -> str:
    """1234567 -> '1 234 567' with narrow spaces."""
    return f"{value:,}".replace(",", THIN).replace("-", MINUS)


def rough(value: int) -> str:
    """A count too large to read digit by digit: '4.2 billion'; exact below a million."""
    for size_, name in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if value >= size_:
            tenths = (20 * value + size_) // (2 * size_)
            return f"{number(tenths // 10)}.{tenths % 10}{THIN}{name}"
    return number(value)


def people(value: int | None, hidden: bool | None, k: int) -> str:
    """A count of people or addresses, or why it is not printed."""
    if hidden:
        return f"fewer than {k}"
    return UNKNOWN if value is None else number(value)


def group(value: int | None, hidden: bool | None, noun: Noun) -> str:
    """A count in a sentence: '6 people', '1 address', 'a group not shown' (it need not be small itself)."""
    if hidden:
        return "a group not shown"
    if value is None:
        return f"an unknown number of {noun.many}"
    return plural(value, noun.one, noun.many)


def size(value: int | None, hidden: bool | None = False) -> str:
    """Bytes with at least two significant digits: '412 MB', '1.2 kB'; NULL is unknown or hidden."""
    if value is None:
        return HIDDEN if hidden else UNKNOWN
    amount, unit = _scaled(abs(value))
    return f"{MINUS if value < 0 else ''}{amount}{THIN}{unit}"


def size_range(low: int | None, high: int | None, hidden: bool | None = False) -> str:
    """'214–260 MB' where sensors may have seen different traffic; one figure where they print alike."""
    if low is None or high is None or high <= low:
        return size(low, hidden)
    (low_amount, low_unit), (high_amount, high_unit) = _scaled(low), _scaled(high)
    if (low_amount, low_unit) == (high_amount, high_unit):
        return size(low)
    if low_unit == high_unit:
        return f"{low_amount}–{high_amount}{THIN}{low_unit}"
    return f"{size(low)}–{size(high)}"


def share(part: int, whole: int) -> str:
    """Percent that says 0 % and 100 % only when they are exact."""
    if whole <= 0:
        return UNKNOWN
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


def direction(value: int) -> str:
    """A change in a word, for those who do not see the sign."""
    return "up" if value > 0 else "down" if value < 0 else "unchanged"


def plural(count: int, one: str, many: str | None = None) -> str:
    """'1 service', '2 services'."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def listing(items: Sequence[str], most: int = 3) -> str:
    """'A, B and C', or 'A, B, C and 4 more'."""
    if len(items) <= 1:
        return "".join(items)
    if len(items) <= most:
        return f"{', '.join(items[:-1])} and {items[-1]}"
    return f"{', '.join(items[:most])} and {number(len(items) - most)} more"


def category(value: str | None) -> str:
    """A word of the catalog as it reads: 'model-hub' -> 'model hub', 'api' -> 'API'."""
    if not value:
        return "uncategorised"
    return value.replace("-", " ").replace("_", " ").replace("api", "API")


def week_name(monday: date) -> str:
    """ISO week: '2026-W46'."""
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02d}"


def day_span(first: date, last: date) -> str:
    """'9–15 November 2026', '30 November – 6 December 2026'; month names do not follow the locale."""
    if first.year != last.year:
        return f"{day_name(first)} {first.year} – {day_name(last)} {last.year}"
    if first.month != last.month:
        return f"{day_name(first)} – {day_name(last)} {last.year}"
    return f"{first.day}–{day_name(last)} {last.year}"


def day_name(day: date) -> str:
    """'9 November'."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def short_day(day: date) -> str:
    """'Mon 9 Nov'."""
    return f"{WEEKDAYS[day.weekday()][:3]} {day.day} {_MONTHS[day.month - 1][:3]}"


def weekday(day: date) -> str:
    """'Monday'."""
    return WEEKDAYS[day.weekday()]


WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


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
            return f"{tenths // 10}.{tenths % 10}", _UNITS[step]
        whole = (2 * value + unit) // (2 * unit)
        if whole < 1000:
            return str(whole), _UNITS[step]
    return number((2 * value + 1000**power) // (2 * 1000**power)), _UNITS[power]
