"""What every format of a report is made from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from analytics.reports.result import Result
from analytics.reports.sheet import Sheet
from analytics.reports.weekly.page import Page


class ExtraMissing(Exception):
    """A format needs a package that is not installed; the message says how to install it."""


@dataclass(frozen=True, slots=True)
class Document:
    """A report that ran: its figures and what its page says."""

    name: str
    period: str
    about: str  # the app, department or token asked for, '' for none
    result: Result
    page: Page | Sheet
    template: str  # Jinja2 source of its HTML page

    @staticmethod
    def digest(content: bytes) -> str:
        """SHA-256 in hex."""
        return hashlib.sha256(content).hexdigest()
