"""Grades the evidence of each hit, from a lookup to a confirmed upload.

    1 lookup      a DNS query, an attempt that was blocked or reset, a ClientHello without an answer, a path
                  of self-hosted software on a server that has no such path
    2 connected   the server answered; nothing beyond a handshake is known to have passed
    3 exchanged   application data passed in both directions
    4 uploaded    exchanged, and more was sent than a visit without any prompt sends
    5 confirmed   a decrypted request that carries content and was accepted

The byte counts are those of the connection so far (`total_bytes_*`), so the grade of a session is the maximum
of its slices. Unknown (NULL) counts prove nothing: such rows stay at 2, unless the HTTP status proves an
exchange, or the server sent what only an answer can be.

In TLS and QUIC only the range of a handshake's size is known. A side that sent more than the largest
handshake sent application data. Since these protocols are request and response, the other side then needs to
have sent only more than the smallest handshake. So a short request with a long response and a long request
with a short response both count as an exchange, and a speculative connection of a browser does not.

Many proxies (Squid's own formats, HAProxy) log only what the server sent. A long response alone is an
exchange, too: servers do not speak without a request. A long request alone is not: nobody may have answered.
"""

from __future__ import annotations

import polars as pl

#: Upper bound of what a client sends over TCP without a request. Recorded from Chromium 156 (pcaps/): 1,980
#: to 2,080 bytes on speculative connections (a hello with a post-quantum key share, Finished, HTTP/2's
#: preface and settings), 2,500 on the smallest with a request; a resumption ticket adds up to about 300.
TLS_MOST_UP = 2_450
#: Programs send smaller hellos (520 to 1,550 bytes, the latter post-quantum), then Finished and HTTP/2
#: settings (about 170), and do not connect ahead of a request.
PROGRAM_MOST_UP = 1_800
#: Most a server sends without an answer: its hello with a post-quantum share, two or three classical
#: certificates (3 to 5 KB), session tickets, HTTP/2 settings.
TLS_MOST_DOWN = 6_500
#: Least of a handshake: a resumed one (RFC 8446 §2.2), hello and Finished on either side.
TLS_LEAST_UP, TLS_LEAST_DOWN = 500, 200
#: QUIC pads each client datagram that holds an Initial to 1,200 bytes or more (RFC 9000 §14.1): two
#: for the hello, one or two acknowledging; then Finished and HTTP/3's settings.
QUIC_MOST_UP, QUIC_LEAST_UP = 5_200, 1_200
#: A server sends three times what it got before the client's address is validated (RFC 9000 §8.1),
#: then the rest of its certificates.
QUIC_MOST_DOWN, QUIC_LEAST_DOWN = 9_000, 1_200

#: Methods with a request body.
UPLOADING = ("POST", "PUT", "PATCH")
#: A proxy generates these itself when it requires credentials or cannot reach the server.
PROXY_OWN_STATUS = (407, 502, 503, 504)
#: The server has nothing at this path, or does not take this method there. Scanners ask every web server for
#: the paths of self-hosted software; where the path alone tells the product, it is not there.
NOTHING_THERE_STATUS = (301, 302, 303, 307, 308, 404, 405, 410, 501)

#: Columns that determine the grade.
GRADED: dict[str, type[pl.DataType]] = {
    "kind": pl.String, "action": pl.String, "method": pl.String, "status": pl.Int64, "role": pl.String,
    "client_class": pl.String, "name_from": pl.String, "packets_down": pl.Int64, "total_bytes_up": pl.Int64,
    "total_bytes_down": pl.Int64, "upload_baseline_bytes": pl.Int64,
}  # fmt: skip
_up, _down, _status = pl.col("total_bytes_up"), pl.col("total_bytes_down"), pl.col("status")


def grade(frame: pl.DataFrame) -> pl.Series:
    """The grade (Int16, 1 to 5) of each row of `frame`, the result of `match`; columns may be missing.

    A condition that is unknown (NULL) does not hold. None is negated, so this may be decided at the end.
    """
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in GRADED.items() if name not in frame.columns]
    evidence = frame.with_columns(missing).select(
        attempted=_attempted(), exchanged=_exchanged(), uploaded=_uploaded(), confirmed=_confirmed()
    )
    exchanged, uploaded = pl.col("exchanged"), pl.col("uploaded")
    return evidence.select(
        grade=pl.when("attempted")
        .then(1)
        .when("confirmed")
        .then(5)
        .when(exchanged & uploaded)
        .then(4)
        .when(exchanged)
        .then(3)
        .otherwise(2)
        .cast(pl.Int16)
    )["grade"]


def _decrypted() -> pl.Expr:
    """The row is a request itself, not a CONNECT tunnel."""
    return pl.col("kind").is_in(["http", "proxy"]) & (pl.col("method") != "CONNECT")


def _accepted() -> pl.Expr:
    """The server fulfilled the request: 2xx, 304 Not Modified, or 101 (WebSocket)."""
    return _status.is_between(200, 299) | _status.is_in([101, 304])


def _attempted() -> pl.Expr:
    """A DNS query, a connection that failed, or a request for software that is not there."""
    refused_tunnel = (pl.col("method") == "CONNECT") & (_status >= 400)
    refused_by_proxy = (pl.col("kind") == "proxy") & _status.is_in(PROXY_OWN_STATUS)
    nothing_there = (pl.col("name_from") == "path") & _status.is_in(NOTHING_THERE_STATUS)
    unanswered = (pl.col("packets_down") == 0) & (_up.fill_null(0) <= _most_up())
    return (
        (pl.col("kind") == "dns")
        | pl.col("action").is_in(["blocked", "reset"])
        | refused_tunnel
        | refused_by_proxy
        | nothing_there
        | unanswered
    )


def _most_up() -> pl.Expr:
    return (
        pl.when(pl.col("kind") == "quic")
        .then(QUIC_MOST_UP)
        .when(pl.col("client_class") == "program")
        .then(PROGRAM_MOST_UP)
        .otherwise(TLS_MOST_UP)
    )


def _exchanged() -> pl.Expr:
    """Application data passed in both directions, according to the status or to the byte counts."""
    quic = pl.col("kind") == "quic"
    most_down = pl.when(quic).then(QUIC_MOST_DOWN).otherwise(TLS_MOST_DOWN)
    least_up = pl.when(quic).then(QUIC_LEAST_UP).otherwise(TLS_LEAST_UP)
    least_down = pl.when(quic).then(QUIC_LEAST_DOWN).otherwise(TLS_LEAST_DOWN)
    long_call = (_up > _most_up()) & (_down > least_down)
    long_answer = (_down > most_down) & (_up.is_null() | (_up > least_up))
    answered = _accepted() | ((_up > 0) & (_down > 0))
    # A cleartext protocol, recognised by its first bytes: all it sends is application data.
    in_clear = _decrypted() | ((pl.col("kind") == "flow") & (pl.col("name_from") == "banner"))
    return (in_clear & answered) | long_call | long_answer


def _uploaded() -> pl.Expr:
    return _up > pl.col("upload_baseline_bytes")


def _confirmed() -> pl.Expr:
    """A decrypted request with content, accepted by a host that counts as use."""
    hands_over = pl.col("method").is_in(UPLOADING) & _status.is_between(200, 299)
    return _decrypted() & hands_over & (pl.col("role") == "use")
