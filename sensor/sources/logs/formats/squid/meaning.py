"""What follows from what a line says: verdict, volume, and whether it tells of a request at all.

A line is written when the transaction *ends*: `seen_at` is that time minus the elapsed time. The
sizes are what the client exchanged with the proxy, headers included; for a tunnel, everything
sent through it (checked with Squid 5.7: 300,000 bytes sent, `%>st` 300,085). `bytes_up` is NULL
unless the layout logs it.

A CONNECT that `ssl_bump` looks into is logged as NONE_NONE/200 before anything comes of it: set
aside, because its tunnel, its refusal or its requests follow on lines of their own. Only of what
`ssl_bump terminate` ends nothing follows: the mode tells. Where content is intercepted (mode `bump`),
the requests carry the bytes and the tunnel's line keeps none. Lines of an `icap_log` look like native ones.

Apache Traffic Server writes native lines, too, but with the time of the *request* (checked with 9.2). It
names the server where Squid has its address (`DIRECT/chat.example.com`).
"""

from __future__ import annotations

from functools import cache

import polars as pl

from sensor.coded import by_value
from sensor.sources.logs.text.escapes import unescaped
from sensor.sources.logs.text.reasons import INSPECTED, LEFT_EARLY, OWN_REQUEST, UNREADABLE
from sensor.sources.logs.text.words import one_of

#: Hierarchy codes after which stands the origin server itself, not a parent or sibling proxy.
_ORIGIN = ("HIER_DIRECT", "DIRECT", "ORIGINAL_DST", "PINNED")
_SERVER_NAME = r"\.[A-Za-z][A-Za-z0-9-]*$"
#: Results of what Squid answered itself to see a hello.
_OWN_RESULTS = ("NONE", "NONE_NONE", "TAG_NONE")
_LITERAL = r"^(?:[a-z]+://)?(?:[^/@]*@)?(?:\d+(?:\.\d+){3}|\[)"


def told(fields: pl.DataFrame) -> pl.DataFrame:
    """`FIELDS` of what lines say (`COLUMNS`)."""
    fields = fields.with_columns(
        *by_value(fields["result"], _of_result),
        *by_value(fields["hierarchy"], _of_hierarchy),
        *by_value(fields["user"], _of_user),
        *by_value(fields["url"], _of_url),
        *by_value(fields["method"], _of_method),
        *by_value(fields["bump"], _of_mode),
    ).with_columns(reason=_reason())
    keeps_bytes = ~_bumped()
    return fields.select(
        "at",
        "time",
        "reason",
        "client",
        "client_port",
        "method",
        "url",
        *(["url_rest"] if "url_rest" in fields.columns else []),
        at_end=~_stamped_at_request(fields),
        duration_s=pl.col("elapsed_ms") / 1000,
        kind=pl.lit("proxy"),
        action=_action(),
        user_name="user",
        host=pl.when("literal").then(pl.col("sni").cast(pl.String)),
        name_from=pl.lit("sni"),
        status="status",
        user_agent="agent",
        # The origin server's address, never a parent proxy's.
        server=pl.when("is_origin").then("peer"),
        transport=pl.lit("tcp"),
        bytes_up=pl.when(keeps_bytes).then("up"),
        bytes_down=pl.when(keeps_bytes).then("down"),
    )


def _stamped_at_request(fields: pl.DataFrame) -> pl.Expr:
    """Traffic Server's lines."""
    if not fields["direct"].any():
        return pl.lit(False)
    return (pl.col("direct") & pl.col("peer").str.contains(_SERVER_NAME)).fill_null(False)


def _of_result(result: pl.Series) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "denied": result.str.contains("DENIED", literal=True),
            "aborted": result.str.contains("ABORTED", literal=True),
            "redirected": result == "TCP_REDIRECT",
            "cached": result.str.contains("HIT|UNMODIFIED"),
            "own_result": result.is_in(_OWN_RESULTS),
            "adapted": result.str.starts_with("ICAP_"),
        }
    )


def _of_hierarchy(code: pl.Series) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "stayed": code.is_in(["NONE", "HIER_NONE"]),
            "is_origin": code.is_in(_ORIGIN),
            "direct": code == "DIRECT",
        }
    )


def _of_user(name: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"user": unescaped(name, "%")})


def _of_url(url: pl.Series) -> pl.DataFrame:
    # A tunnel to an address: the hello says for whom.
    return pl.DataFrame({"is_error": url.str.starts_with("error:"), "literal": url.str.contains(_LITERAL)})


def _of_method(method: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"connect": method == "CONNECT"})


def _of_mode(mode: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"bumped": mode == "bump", "terminated": mode == "terminate"})


@cache
def _reason() -> pl.Expr:
    """Why a line is no observation; NULL if it is one."""
    return one_of(
        {
            UNREADABLE: pl.col("at").is_null() & pl.col("time").is_null(),
            LEFT_EARLY: pl.col("is_error").fill_null(True),
            OWN_REQUEST: pl.col("adapted"),
            INSPECTED: _looked_into(),
        }
    )


@cache
def _action() -> pl.Expr:
    """Allowed, blocked by the proxy, or never connected.

    A 403 or 503 of the origin server is an answer to an allowed request; one that never left the
    proxy, or that answers a CONNECT, is the proxy's own. So is the 503 of Squid 7 where none came
    (`TCP_MISS_ABORTED`). Where Squid redirects to another page, a helper does not let the client go to the
    one it asked for (squidGuard, ufdbGuard); up to Squid 3.2 the code was that of any other request.
    """
    own = pl.col("stayed").fill_null(True) | pl.col("connect")
    denied = pl.col("denied") | pl.col("terminated").fill_null(False)
    status = pl.col("status").fill_null(0)
    elsewhere = status.is_in([301, 302, 303, 307, 308]) & pl.col("stayed").fill_null(False)
    sent_away = (pl.col("redirected") | (elsewhere & ~pl.col("cached"))).fill_null(False)
    return one_of(
        {
            "blocked": denied | sent_away | (own & (status == 403)),
            "reset": (own | pl.col("aborted")) & (status >= 500),
            "unknown": status == 0,
        },
        otherwise="allowed",
    )


def _looked_into() -> pl.Expr:
    """A CONNECT that `ssl_bump` answered itself to see the hello: the tunnel, refusal or requests follow."""
    answered = pl.col("connect") & pl.col("own_result") & (pl.col("status") == 200)
    return (answered & ~pl.col("terminated").fill_null(False)).fill_null(False)


@cache
def _bumped() -> pl.Expr:
    """A tunnel whose content is logged again, request by request."""
    return (pl.col("connect") & pl.col("bumped")).fill_null(False)
