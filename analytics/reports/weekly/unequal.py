"""Inequality of use: the share of bytes by those who sent most, in bands of k people or more."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.render import words
from analytics.render.language import say
from analytics.reports.result import Result

#: Least number of bands for a curve; with fewer, the sentence says the same.
_LEAST_BANDS = 4


@dataclass(frozen=True, slots=True)
class Unequal:
    """Cumulative bands, those who sent most first, and the sentence about the first of them."""

    bands: tuple[tuple[int, int], ...]  # people, percent of the bytes
    sentence: str

    @property
    def curve(self) -> tuple[tuple[float, float], ...]:
        """Points (share of people, share of bytes) from (0, 0) to (1, 1), those who sent least first."""
        everyone = self.bands[-1][0]
        ends = [(1 - people / everyone, 1 - percent / 100) for people, percent in self.bands[:-1]]
        return ((0.0, 0.0), *reversed(ends), (1.0, 1.0))


def unequal(result: Result) -> Unequal | None:
    """The curve of the week, or None if it may not be shown."""
    bands = tuple((row["people"], row["bytes_up_percent"]) for row in result.rows("unequal"))
    if len(bands) < _LEAST_BANDS:
        return None
    (first, percent), (everyone, _) = bands[0], bands[-1]
    share = f"{percent}{words.THIN}%"
    return Unequal(bands, say("unequal.sentence", people=first, everyone=everyone, share=share))
