"""The few errors a user can meet.

    ShadowAIError            one line to stderr: place, what is wrong, what to try
    ├── UsageError           2   a wrong option, setting or argument
    ├── InputError           3   nothing readable in what was given
    ├── CatalogError         4   the signature catalog has a mistake
    ├── LakeError            5   the lake cannot be read or written (disk full, permissions, lock)
    ├── QueryError           6   the SQL was refused or failed
    ├── DeliveryError        7   a report or alert could not be sent; it waits and is tried again
    ├── PolicyError          8   the policy has a mistake, or does not say what its cases expect
    └── FindingsError        9   there are findings of the level asked for (`policy check --level`)

Exit code 0 means done; 1 is a bug in shadowai (the only case with a traceback, in a file); 130 is Ctrl-C.
A bad *record* is never an error: it is counted, its shape sampled to `rejects`, and reported.
"""

from __future__ import annotations


def reason_of(error: Exception) -> str:
    """What the system, or a parser, says of an error, in lower case and without its number."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8 text"
    return (getattr(error, "strerror", None) or str(error)).lower()


class ShadowAIError(Exception):
    """Something the user can act on: where it is, what is wrong, what to try."""

    exit_code = 1

    def __init__(self, what: str, *, place: str = "", hint: str = "") -> None:
        self.what, self.place, self.hint = what, place, hint
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.place}: {self.what}" if self.place else self.what
        return f"{text}; {self.hint}" if self.hint else text


class UsageError(ShadowAIError):
    """A wrong option, setting or argument."""

    exit_code = 2


class InputError(ShadowAIError):
    """Nothing readable in what was given."""

    exit_code = 3


class CatalogError(ShadowAIError):
    """The signature catalog has a mistake."""

    exit_code = 4


class LakeError(ShadowAIError):
    """The lake cannot be read or written."""

    exit_code = 5


class QueryError(ShadowAIError):
    """The SQL was refused or failed."""

    exit_code = 6


class DeliveryError(ShadowAIError):
    """A report or an alert could not be sent."""

    exit_code = 7


class PolicyError(ShadowAIError):
    """The policy file has a mistake, or does not say what its cases expect."""

    exit_code = 8


class FindingsError(ShadowAIError):
    """There are findings of the level asked for, or nobody can say."""

    exit_code = 9
