"""What follows from the columns of a record, and from the words before them."""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.formats.named_fields.claims import ADDRESS
from sensor.sources.logs.text import lookups, patterns, verdicts
from sensor.sources.logs.text.reasons import ALERT, MAIL, NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.words import one_of

_END = rf"^\s*(?<address>{ADDRESS})(?:[:#/](?<port>\d{{1,5}}))?\s*(?:,.*)?$"
_LAYERS = ("icmp", "icmpv6", "icmp6", "ipv6-icmp", "igmp", "esp", "gre", "ah", "1", "2", "47", "50", "58")
_REFUSED = r"(?i)(?:^|[^a-z])(?:block(?:ed)?|den(?:y|ied)|drop(?:ped)?|reject(?:ed)?)(?:$|[^a-z])"
#: Before the first field, a rule may say what is done: `DROP: IN=eth1 SRC=10.1.2.3`.
_WORDS = r"(?i)^([^={\"]*?)\b(?:src|source|client)[\w .-]*[=:]"
#: Or a text says it: `packet dropped due to policy`. Not a count: `packet dropped=0`.
_DONE = (
    r"(?i)\b(?:packet|connection|session|traffic) (?:was |is |has been )?"
    r"(?:dropped|denied|blocked|rejected|discarded)(?:[ .,;\"']|$)"
)
_NAME = r"^[\w-]+(?:\.[\w-]+)+\.?(?::\d+)?$"
_INWARD = r"(?i)^(?:in(?:bound|gress|coming)?|receive[d]?|accept(?:ed)?)$"
_METHOD = r"^(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|PROPFIND|REPORT|MKCOL|COPY|MOVE)$"


def told(read: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """`FIELDS` of columns of `NAMES`, and of the other words of `lines`."""
    line = lines["line"]
    said = pl.concat_str(
        pl.lit(lines["tag"]), pl.lit(line.str.extract(_WORDS)), separator=" ", ignore_nulls=True
    )
    asked = pl.col("question").str.contains(_NAME)
    of_dns = pl.any_horizontal(pl.col("type", "rcode").is_not_null()) | pl.lit(
        line.str.contains(r"(?i)\bdns")
    )
    read = _of_computers(_with_asker(_with_ends(_with_request(read))))
    record = read.with_columns(
        said=said,
        done=pl.lit(line.str.contains(_DONE)),
        # The first is Log Analytics' name, which tells times in UTC.
        in_utc=pl.lit(line.str.contains(r"TimeGenerated|(?i)\butc[ _]?time")),
        is_dns=(asked & (of_dns | (pl.col("server_port") == "53"))).fill_null(False),
        is_web=pl.any_horizontal(pl.col("url", "web_host", "method").is_not_null()),
    )
    action = _action(verdicts.of(record["action"]))
    return record.select(**_when(), **_who(), **_what(), **_volume(), action=action, reason=_reason())


def _with_request(read: pl.DataFrame) -> pl.DataFrame:
    """`read` with what a request's line says: `GET /v1 HTTP/1.1`; `method` is one of HTTP's, or NULL."""
    line = patterns.read(read["request"], r"^(?<method>[A-Z]{3,10}) (?<target>\S+)(?: HTTP/|$)")
    method = pl.coalesce(pl.lit(line["method"]), pl.col("method").str.to_uppercase())
    method = pl.when(method.str.contains(_METHOD)).then(method)
    of_request = method.is_not_null() | pl.col("any_host").str.contains(r":\d+$")
    whole = pl.when(pl.col("request").str.contains("^https?://")).then("request")
    return read.with_columns(
        method=method,
        url=pl.coalesce("url", whole, pl.lit(line["target"])),
        web_host=pl.coalesce("web_host", pl.when(of_request).then("any_host")),
    )


def _with_ends(read: pl.DataFrame) -> pl.DataFrame:
    """`read` with addresses and ports apart: `10.1.2.3:50000`."""
    beside = pl.coalesce("client", pl.when(pl.col("server").is_not_null()).then("source"))
    # A name where an address is looked for, if a port shows that it is no file's or other thing's.
    name = pl.col("server").str.extract(r"^((?:[\w-]+\.)+[A-Za-z][\w-]+)(?::\d{1,5})?$")
    has_port = pl.col("server_port").is_not_null() | pl.col("server").str.contains(r":\d{1,5}$")
    read = read.with_columns(client=beside, named=pl.coalesce("named", pl.when(has_port).then(name)))
    every = ("client", "server", "local", "remote", "asker")
    ends = {end: patterns.read(read[end], _END) for end in every}
    return read.with_columns(
        *(pl.lit(found["address"]).alias(end) for end, found in ends.items()),
        *(
            pl.coalesce(f"{end}_port", pl.lit(found["port"])).alias(f"{end}_port")
            for end, found in ends.items()
            if end != "asker"
        ),
    )


def _with_asker(read: pl.DataFrame) -> pl.DataFrame:
    """`read` with the client that a server tells of a request as the remote end, or as the only address.

    An address beside that of the server is the client's, too.
    """
    path = pl.coalesce("url", "path", "any_path").str.starts_with("/")
    no_end = pl.all_horizontal(pl.col(end).is_null() for end in ("client", "server", "local"))
    requested = pl.col("method").is_not_null() & path
    served = no_end & requested
    sent = pl.col("client").is_null() & pl.col("local").is_null() & pl.col("server").is_not_null() & requested
    return read.with_columns(
        client=pl.when(served)
        .then(pl.coalesce("remote", "asker"))
        .when(sent)
        .then("asker")
        .otherwise("client"),
        client_port=pl.when(served).then("remote_port").otherwise("client_port"),
    )


def _of_computers(read: pl.DataFrame) -> pl.DataFrame:
    """`read` with client and server where it tells the computer's own end and the other one."""
    remote, local = (pl.col(name).cast(pl.Int64, strict=False) for name in ("remote_port", "local_port"))
    # Where nothing else tells, the lower port is the server's.
    inward = pl.coalesce(pl.col("way").str.contains(_INWARD), local < remote).fill_null(False)
    own = pl.col("client").is_null() & pl.col("server").is_null() & pl.col("local").is_not_null()
    ends = {
        f"{end}{of}": pl.when(own)
        .then(pl.when(inward).then(f"{there}{of}").otherwise(f"{here}{of}"))
        .otherwise(f"{end}{of}")
        for end, here, there in (("client", "local", "remote"), ("server", "remote", "local"))
        for of in ("", "_port")
    }
    return read.with_columns(**ends, named=pl.coalesce("named", pl.when(own & ~inward).then("remote_host")))


def _when() -> dict[str, pl.Expr]:
    day, time = pl.col("day"), pl.col("time")
    whole = time.str.contains(r"\d[T ,]+\d\d?:?\d\d|\d \d\d:|^\d{9,19}(?:\.\d+)?$")
    both = pl.concat_str(day, time, separator=" ", ignore_nulls=True)
    stamp = pl.when(whole).then(time).when(day.is_not_null()).then(both)
    # A text that is no stamp keeps the record from having the time of the file.
    return {"time": pl.coalesce(stamp, pl.lit("tells no time")), "zone": one_of({"UTC": pl.col("in_utc")})}


def _who() -> dict[str, pl.Expr]:
    return {name: pl.col(name) for name in ("client", "client_port", "client_mac", "device")} | {
        # A number is an identifier of the product's own.
        "user_name": pl.when(~pl.col("user_name").str.contains(r"^\d+$")).then("user_name"),
        "server": pl.when(~pl.col("is_dns") | (pl.col("server_port") == "53")).then("server"),
        "server_port": pl.col("server_port"),
        "transport": pl.col("transport").str.to_lowercase(),
    }


def _what() -> dict[str, pl.Expr]:
    dns, web, url = pl.col("is_dns"), pl.col("is_web"), pl.col("url")
    is_path = url.str.starts_with("/")
    # A URL tells its host itself.
    named = pl.when(pl.col("named").str.contains(_NAME) & (url.is_null() | is_path)).then("named")
    return {
        "kind": one_of({"dns": dns, "http": web, "tls": pl.col("sni").is_not_null()}, otherwise="flow"),
        "qtype": pl.col("type"),
        "url": pl.when(~dns & ~is_path).then(pl.coalesce(url, "web_host")),
        "host": pl.when(dns).then("question").otherwise(pl.coalesce("web_host", "sni", named)),
        "name_from": one_of(
            {
                "url": web & pl.col("web_host").is_not_null(),
                "sni": ~dns & pl.col("sni").is_not_null(),
                "dns_answer": ~dns & named.is_not_null(),
            }
        ),
        "path": pl.when(~dns).then(
            pl.coalesce(
                pl.when(is_path).then(url), "path", pl.when(pl.col("method").is_not_null()).then("any_path")
            )
        ),
        "method": pl.when(web).then(pl.col("method").str.to_uppercase()),
        "status": pl.when(web).then(pl.col("status").str.extract(r"^([1-5]\d\d)$")),
        "user_agent": pl.col("agent"),
    }


def _volume() -> dict[str, pl.Expr]:
    """Sizes of lookups are no traffic to the service."""
    both = pl.col("sent").is_not_null() & pl.col("received").is_not_null() & ~pl.col("is_web")
    return {
        ours: pl.when(~pl.col("is_dns")).then(pl.coalesce(sure, pl.when(both).then(seen)))
        for ours, sure, seen in (("bytes_up", "up", "sent"), ("bytes_down", "down", "received"))
    }


def _action(verdict: pl.Series) -> pl.Expr:
    # A server's record may name what its program did: `action=index` (Rails).
    word = one_of({"blocked": _refuses("action")}, otherwise=pl.lit(verdict))
    known = pl.when(word != "unknown").then(word)
    refused = (
        pl.col("blocked").str.to_lowercase().is_in(["true", "1", "yes"])
        | pl.col("let_through").str.to_lowercase().is_in(["false", "0", "no"])
        | _refuses("status")
        | _refuses("answered")
        | (pl.col("action").is_null() & (_refuses("said") | pl.col("done")))
    )
    answered = pl.when(pl.col("is_dns")).then(lookups.verdict(pl.col("rcode")))
    served = one_of({"allowed": pl.col("is_web") & pl.col("status").str.contains(r"^[23]\d\d$")})
    return one_of({"blocked": refused}, otherwise=pl.coalesce(known, answered, served, word))


def _refuses(name: str) -> pl.Expr:
    """Is it a refusal in words: `Policy denied`, `site_blocked`? Not `not blocked`, nor `drops=0`."""
    text = pl.col(name)
    return text.str.contains(_REFUSED) & ~text.str.contains(
        r"(?i)(?:^|[^a-z])(?:not?|un|never)(?:[^a-z]|$)|="
    )


def _reason() -> pl.Expr:
    nowhere = pl.all_horizontal(
        pl.col(name).is_null() for name in ("server", "url", "web_host", "sni", "named")
    )
    nameless = pl.all_horizontal(pl.col(name).is_null() for name in ("url", "web_host", "sni"))
    attacked, mailed = (
        ~pl.col(name).str.to_lowercase().is_in(["", "-", "none", "n/a", "null", "0"])
        for name in ("attack", "mail")
    )
    return one_of(
        {
            NO_PORTS: pl.col("transport").str.to_lowercase().is_in(_LAYERS),
            # Links of a message: nobody has followed them.
            MAIL: mailed,
            ALERT: attacked & nameless & ~pl.col("is_dns"),
            NO_CONNECTION: nowhere & ~pl.col("is_dns"),
        },
    )
