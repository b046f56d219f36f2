"""Google Workspace audit activities (JSON): Chrome's events that name a page or a transfer; sign-ins.

Chrome Enterprise reports unsafe visits, URL filtering and content transfers with the page's URL, the
person and the device; the size of what was uploaded is `CONTENT_SIZE` where `TRIGGER_TYPE` is an upload
or a paste. A sign-in is a weak lease of the address Google saw, nearly always a public one (as of Okta).
Other activities (admin, drive, gemini …) tell what was done inside Google, and name no connection. Source:
Google, "Reports API: Chrome audit activity events", "Login audit activity events".
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import objects
from sensor.sources.logs.text.held import SIGN_IN_CONFIDENCE, SIGN_IN_S
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_PAGE, NO_SIGN_IN
from sensor.sources.logs.text.words import one_of

_FIELDS = {"time": "id.time", "app": "id.applicationName", "client": "ipAddress", "email": "actor.email"}

_SIGN_IN, _FAILED = (rf'"name"\s*:\s*"login_{how}"' for how in ("success", "failure"))


class ChromeAuditFormat(LogFormat):
    """Reads Google Workspace activities."""

    name = "chrome-audit"
    help = "Google Workspace audit activities: Chrome Enterprise's page and transfer events, sign-ins (JSON)"
    vantage = "endpoint"
    proof = ("host", "path", "user", "device", "bytes_up", "action")
    advice = "Switch on Chrome's security event reporting for content transfers and URL filtering."
    marks = ('"admin#reports#activity"',)
    claims = pl.col("line").str.contains(r'"kind"\s*:\s*"admin#reports#activity"')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per activity (kind http)."""
        told = lines.select(
            url=pl.coalesce(_said("TAB_URL"), _said("URL"))
            .str.replace(r"^chrome-extension://\w+/", "")
            .str.replace(r" or /.*$", ""),
            device=_said("DEVICE_NAME"),
            trigger=_said("TRIGGER_TYPE"),
            result=_said("EVENT_RESULT"),
            size=pl.col("line").str.extract(r'"intValue"\s*:\s*"(\d+)"\s*,\s*"name"\s*:\s*"CONTENT_SIZE"'),
            agent=_said("USER_AGENT"),
        )
        read = objects.read(lines["line"], _FIELDS).hstack(told)
        sent = pl.col("trigger").str.contains("UPLOAD|PASTE|WEB_CONTENT").fill_null(False)
        page = (pl.col("app") == "chrome") & pl.col("url").str.contains("^https?://")
        signed_in = (pl.col("app") == "login") & pl.lit(lines["line"]).str.contains(_SIGN_IN)
        blocked = pl.col("result").str.contains("BLOCK").fill_null(False)
        return read.select(
            "time",
            "client",
            "url",
            "device",
            kind=one_of({"lease": signed_in}, otherwise="http"),
            user_name="email",
            user_agent="agent",
            bytes_up=pl.when(sent).then("size"),
            action=pl.when(~signed_in.fill_null(False)).then(
                one_of({"blocked": blocked}, otherwise="allowed")
            ),
            lease_s=pl.when(signed_in).then(SIGN_IN_S),
            confidence=pl.when(signed_in).then(SIGN_IN_CONFIDENCE),
            origin=one_of({"directory": signed_in}),
            reason=one_of(
                {
                    FAILED_SIGN_IN: pl.lit(lines["line"].str.contains(_FAILED)),
                    NO_SIGN_IN: (pl.col("app") == "login") & ~signed_in,
                    NO_PAGE: ~page.fill_null(False) & ~signed_in.fill_null(False),
                }
            ),
        )


def _said(name: str) -> pl.Expr:
    """The value of an event's parameter, whichever of name and value is written first."""
    return pl.coalesce(
        pl.col("line").str.extract(rf'"name"\s*:\s*"{name}"\s*,\s*"value"\s*:\s*"([^"]*)"'),
        pl.col("line").str.extract(rf'"value"\s*:\s*"([^"]*)"\s*,\s*"name"\s*:\s*"{name}"'),
    )
