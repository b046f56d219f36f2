"""What a product decided, in one vocabulary: allowed, blocked, reset, unknown."""

from __future__ import annotations

import polars as pl

from sensor.coded import Remembered
from sensor.sources.logs.text.words import one_of

ALLOWED = [
    "allowed",
    "allow",
    "accept",
    "accepted",
    "pass",
    "passed",
    "passthrough",
    "permit",
    "permitted",
    "forwarded",
    "forward",
    "ok",
    "close",
    "closed",
    "end",
    "alert",
    "monitor",
    "monitored",
    "log",
    "logonly",
    "log-only",
    "detect",
    "detected",
    "continue",
    "override",
    "built",
    "teardown",
    "noerror",
    "trust",
    "bypass",
    "bypassed",
    "observed",
    "observe",
    "server-close",
    "client-close",
    "start",
    "open",
    "opened",
    "success",
    "timeout",
    "inspect",
    "decrypt",
    "redirected",
    "redirect",
    "fin",
    "accept-start",
    "accept-close",
    "accept-interim",
    "proxied",
    "tcp_miss",
    "tcp_hit",
    "useralert",
    "coach",
    "authenticated",
    "exempt",
    "intercept",
    "splice",
    "stateless",
    "client-rst",
    "server-rst",
    "tcp-rst-from-client",
    "tcp-rst-from-server",
    "not-blocked",
    "unblocked",
    "transformed",
    "access-forward",
    # Somebody visits the page all the same, in a browser elsewhere.
    "isolate",
    "isolated",
]
BLOCKED = [
    "blocked",
    "block",
    "deny",
    "denied",
    "drop",
    "dropped",
    "reject",
    "rejected",
    "refuse",
    "refused",
    "prevent",
    "prevented",
    "block-url",
    "block-override",
    # Too many wrong passwords on the page of a block-override.
    "override-lockout",
    # Logged when the page is shown; proceeding makes another record.
    "interactive-block",
    "interactive-block-with-reset",
    "implicit-deny",
    "policy-deny",
    "default-deny",
    "block-continue",
    "block-ip",
    "sinkhole",
    "sinkholed",
    "quarantine",
    "quarantined",
    "blocklisted",
    "nxdomain-blocked",
    "reset-both",
    "reset-client",
    "reset-server",
    "deny-all",
    "policy_denied",
    "policy-denied",
    "random-drop",
    "drop-icmp",
    "terminated",
    "ftgd_blk",
    "not-permitted",
    "forbidden",
    "blocked-by-policy",
    "filtered",
    "drop-all",
    "silent-drop",
    "drop_packet",
    "discard",
    "discarded",
    "not-allowed",
    "access-denied",
    "restrictaccess",
    "access-block",
]
# FortiGate's `ip-conn`: the host could not be reached.
RESET = ["ip-conn", "rst", "aborted", "abort", "failed", "error", "reset", "fail"]
_WORDS = dict.fromkeys(ALLOWED, "allowed") | dict.fromkeys(BLOCKED, "blocked") | dict.fromkeys(RESET, "reset")


def of(words: pl.Series) -> pl.Series:
    """`words` as action; `unknown` for a word not known, NULL for none.

    `client-rst` and the like mean a connection that came about and ended rudely: firewalls log them
    for ordinary sessions, with bytes; a format that knows better says so itself.
    """
    return _of(words)["action"]


@Remembered
def _of(words: pl.Series) -> pl.DataFrame:
    lower = words.str.to_lowercase().str.strip_chars(' "').str.replace_all(r"[ _]+", "-")
    loose = lower.replace_strict(
        {w.replace("_", "-"): a for w, a in _WORDS.items()}, default=None, return_dtype=pl.String
    )
    by_start = pl.select(
        one_of(
            {
                "blocked": lower.str.contains(
                    r"^(?:block|deny|den|drop|reject|refus|prevent|quarantin)"
                    r"|-(?:blocked|denied|dropped|rejected)(?:-|$)"
                )
                & ~lower.str.contains(r"(?:^|-)(?:not?|un)-"),
                "allowed": lower.str.contains(r"^(?:allow|accept|permit|pass|monitor|alert|isolat)"),
                "unknown": lower.str.len_chars() > 0,
            }
        )
    ).to_series()
    return pl.select(action=pl.coalesce(loose, by_start))
