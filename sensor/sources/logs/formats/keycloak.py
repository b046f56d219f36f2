r"""Keycloak (and Red Hat's build of it): events in the server log, as text and JSON; events of the admin API.

    2026-10-06 10:00:00,123 DEBUG [org.keycloak.events] (executor-thread-1) type="LOGIN", realmId="r",
    realmName="acme", clientId="portal", userId="u", sessionId="s", ipAddress="10.1.2.3", …, username="ada"
    10:00:00,123 WARN  [org.keycloak.events] (default task-1) type=LOGIN_ERROR, realmId=acme, …    before 21
    {"time": 1791280800000, "type": "LOGIN", "realmId": "r", "ipAddress": "10.1.2.3", "details":
     {"username": "ada"}, …}                                                                     admin API

Sign-ins are weak leases, since Keycloak mostly stands at the edge. The text's stamp is local time; before
Quarkus it had no date, and only an envelope tells one. Refreshed tokens and codes are the applications' own.
Source: Keycloak, "Auditing user events"; JBossLoggingEventListenerProvider, EventRepresentation.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, layouts, objects, patterns
from sensor.sources.logs.text.held import signed_in
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN, SIGN_IN_OF_A_PROGRAM
from sensor.sources.logs.text.words import one_of

_STAMP = r"^(?P<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d,\d{3})"
_WRITTEN = {"event": "type", "client": "ipAddress", "user": "username"}
_OBJECT = {"time": "time", "event": "type", "client": "ipAddress", "user": "details.username"}
_IS_OBJECT = r"^\s*\{"


class KeycloakFormat(LogFormat):
    """Reads Keycloak's events."""

    name = "keycloak"
    help = "Keycloak 6 to 26: sign-ins of its event log (text, JSON) and admin API"
    vantage = "identity"
    proof = ("user",)
    advice = (
        "Sign-ins that worked are logged at level debug: set the success-level of jboss-logging to info. "
        "Behind a proxy, all sign-ins come from it unless proxy-headers is set."
    )
    marks = ("realmid", "org.keycloak.")
    claims = pl.col("line").str.contains(
        r'^[\d :,.-]{12,} +[A-Z]+ +\[org\.keycloak\.[\w.]+\] |^(?:type|operationType)="?[A-Z_]+"?, realmId='
    ) | (objects.having("realmId", "clientId", "ipAddress", "type"))

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per event."""
        return layouts.read(
            lines,
            [
                (_IS_OBJECT, lambda part: _rows(objects.read(part["line"], _OBJECT))),
                (pl.lit(True), lambda part: _rows(_of_text(part["line"]))),
            ],
        )


def _of_text(lines: pl.Series) -> pl.DataFrame:
    told = keyvalue.read(lines, _WRITTEN, separator=",")
    bare = told.with_columns(pl.all().str.strip_chars("'"))
    return patterns.read(lines, _STAMP).hstack(bare)


def _rows(read: pl.DataFrame) -> pl.DataFrame:
    event = pl.col("event")
    return read.select(
        time=pl.col("time").str.replace(",", ".", literal=True),
        client="client",
        user_name="user",
        **signed_in(),
        reason=one_of(
            {
                FAILED_SIGN_IN: event.str.contains("LOGIN.*_ERROR$"),
                SIGN_IN_OF_A_PROGRAM: event == "CLIENT_LOGIN",
                NO_SIGN_IN: ~event.is_in(["LOGIN", "IDENTITY_PROVIDER_LOGIN"]).fill_null(False),
            }
        ),
    )
