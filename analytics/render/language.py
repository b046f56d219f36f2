"""The strings of reports in the reader's language: one file per language, `languages/<code>.toml`.

All files have the same keys and placeholders. A string with plural forms is a table of `one` and `other`,
chosen by `n`. English texts in data (rules, categories, the questions of figures) are looked up by themselves
in `[texts]`; without a translation they stay English.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup, escape

THIN = "\u202f"  # narrow no-break space
MINUS = "\u2212"

_FILES = files("analytics.render").joinpath("languages")
_spoken: ContextVar[str] = ContextVar("language", default="en")


@cache
def languages() -> tuple[str, ...]:
    """Codes of the languages there are (ISO 639-1)."""
    return tuple(sorted(f.name.removesuffix(".toml") for f in _FILES.iterdir() if f.name.endswith(".toml")))


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Sets the language of the code inside the block. Raises ValueError for an unknown `code`."""
    if code not in languages():
        raise ValueError(f"no language {code!r}; there are {', '.join(languages())}")
    token = _spoken.set(code)
    try:
        yield
    finally:
        _spoken.reset(token)


def spoken() -> str:
    """Code of the language in force; 'en' unless set by `speaking`."""
    return _spoken.get()


def say(key: str, n: int | None = None, **values: object) -> str:
    """The string `key` ('verdict.blind') with its placeholders filled; `n`, a count, chooses its form."""
    return _form(key, n).format(n="" if n is None else number(n), **values)


def say_markup(key: str, n: int | None = None, **values: object) -> Markup:
    """As `say`, for HTML: values are escaped unless they are markup."""
    return escape(_form(key, n)).format(n="" if n is None else number(n), **values)


def knows(key: str) -> bool:
    """Whether there is such a string."""
    try:
        return bool(_entry(key))
    except KeyError:
        return False


def names(key: str) -> list[str]:
    """The list of words `key`: months, weekdays."""
    words: list[str] = _entry(key)
    return words


def translated(text: str) -> str:
    """`text`, an English text from data, in the language in force; unchanged if it has no translation."""
    return str(strings(spoken())["texts"].get(text, text))


def number(value: int) -> str:
    """1234567 -> '1 234 567' with narrow spaces, as both languages may (ISO 31-0)."""
    return f"{value:,}".replace(",", THIN).replace("-", MINUS)


@cache
def strings(code: str) -> Mapping[str, Any]:
    """The content of a language's file."""
    return tomllib.loads(_FILES.joinpath(f"{code}.toml").read_text(encoding="utf-8"))


def _form(key: str, n: int | None) -> str:
    entry = _entry(key)
    if isinstance(entry, dict):
        return str(entry["one" if n == 1 else "other"])
    return str(entry)


def _entry(key: str) -> Any:
    entry: Any = strings(spoken())
    for part in key.split("."):
        entry = entry[part]
    return entry
