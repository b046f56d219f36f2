"""Month names of other languages in front of syslog lines, as `journalctl` prints them: in English.

Okt 06 10:00:00 host app: text       févr. 15 06:42:00 host app: text       2月 18 22:19:19 host app: text
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.text.partial import either

_ENGLISH = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: glibc's and ICU's short names, January first; those that are English are left out.
_NAMES = (
    ("jän", "jänner", "janv", "ene", "gen", "oca", "sty", "led", "янв", "січ", "1月", "1월"),
    ("févr", "fév", "fev", "febr", "şub", "lut", "úno", "фев", "лют", "2月", "2월"),
    ("mär", "märz", "mars", "mrt", "mrz", "bře", "мар", "бер", "3月", "3월"),
    ("avr", "abr", "nis", "kwi", "dub", "апр", "кві", "4月", "4월"),
    ("mai", "mei", "mag", "maj", "maggio", "kvě", "май", "мая", "тра", "5月", "5월"),
    ("juin", "giu", "haz", "cze", "čen", "июн", "чер", "6月", "6월"),
    ("juil", "lug", "tem", "lip", "čec", "июл", "лип", "7月", "7월"),
    ("août", "aoû", "ago", "ağu", "sie", "srp", "авг", "сер", "8月", "8월"),
    ("sept", "set", "eyl", "wrz", "zář", "сен", "вер", "9月", "9월"),
    ("okt", "out", "ott", "eki", "paź", "říj", "окт", "жов", "10月", "10월"),
    ("kas", "lis", "ноя", "лис", "11月", "11월"),
    ("dez", "déc", "dic", "ara", "gru", "pro", "дек", "гру", "12月", "12월"),
)
_IN_ENGLISH = {name: month for month, names in zip(_ENGLISH, _NAMES, strict=True) for name in names}
#: A month's name, a day and a clock.
_HEAD = r"^(\p{L}{3,8}|\d{1,2}[月월])\.?( +\d{1,2} \d\d:\d\d:\d\d)"
#: How such a line begins: with a letter that no English month of a log begins with, or the like.
PATTERN = r"\p{L}{3,8}\.? {1,2}\d{1,2} \d\d:|\d{1,2}[月월] "


def translated(lines: pl.Series) -> pl.Series:
    """`lines` with the English name where they begin with a month of another language."""
    if not (lines.str.contains(_HEAD)).any():
        return lines
    month = lines.str.extract(_HEAD).str.to_lowercase()
    english = month.replace_strict(_IN_ENGLISH, default=None, return_dtype=pl.String)
    if english.null_count() == len(english):
        return lines
    rest = lines.str.replace(_HEAD, "$2")
    return either(english + rest, lines)
