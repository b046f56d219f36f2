"""Products without a format of their own, whose records name both ends: JSON, CSV with titles, key=value.

    {"src_ip": "10.1.2.3", "dstPort": 443, "destination": {"ip": "192.0.2.7"}, "action": "allow", …}
    srcIP=10.1.2.3; dstIP=192.0.2.7; dst-port=443; status=blocked; …
    client_ip,username,url,http_status,timestamp                              (a CSV's titles)

What a field holds follows from its name alone, in any case, with or without separators (`_NAMES`). Only
names that mean one thing are known: `bytes_in` and `bytes_out` are opposite things at different products,
`hostname` is often the machine that logged, `domain` often that of an account. Where the client, or what
it asked for, is under no such name, the line remains unread. A record without a stamp has that of its
envelope, never that of the file. Log Analytics adds the type to a name (`srcip_s`), and tells times in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import layouts, lookups, objects, pairs, paths, patterns, verdicts
from sensor.sources.logs.text.patterns import ascii_only
from sensor.sources.logs.text.reasons import ALERT, MAIL, NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.words import one_of

#: What a field holds, and the names it has: words, between which may be nothing, a space, `_`, `-` or `.`.
#: The first name that a record has counts. In JSON a word may be the key of an object around the value.
_NAMES: dict[str, tuple[str, ...]] = {
    "client": (
        "src ip", "source ip", "src addr", "source addr", "src address", "source address", "src ip addr",
        "source ip address", "src ip address", "src ipv4", "src ipv6", "source ipv4", "client ip",
        "client addr", "client address", "client ip address", "client ip addr", "s addr", "c ip", "orig h",
        "caller ip", "caller ip address", "source ip port", "computer ip", "endpoint ip", "workstation ip",
        "consumer address", "consumer ip", "client", "forwarded for", "x forwarded for", "fwd",
        "internal ip", "internal ip address", "ip source",
    ),
    # Beside the other end; else often who sent the log.
    "source": ("src", "source"),
    "client_port": (
        "src port", "source port", "client port", "client src port", "s port", "spt", "orig p",
        "src port number", "consumer port",
    ),
    "client_mac": ("src mac", "source mac", "client mac", "src mac address", "source mac address"),
    "server": (
        "dst ip", "dest ip", "destination ip", "dst addr", "dest addr", "destination addr", "dst address",
        "dest address", "destination address", "dst ip addr", "destination ip address", "dest ip address",
        "dst ip address", "dst ipv4", "dst ipv6", "destination ipv4", "server ip", "server addr",
        "server address", "server ip address", "provider address", "provider ip", "d addr", "resp h",
        "target ip", "target address", "dst", "dest", "destination",
    ),
    "server_port": (
        "dst port", "dest port", "destination port", "server port", "target port", "d port", "dpt",
        "resp p", "dst port number", "provider port", "ds port",
    ),
    "local": ("local ip", "local addr", "local address", "local ip address", "l addr ip", "l addr"),
    "local_port": ("local port", "l addr port", "l port"),
    "remote": ("remote ip", "remote addr", "remote address", "remote ip address", "r addr ip", "r addr"),
    "remote_port": ("remote port", "r addr port", "r port"),
    "remote_host": ("remote host", "remote host name", "remote domain", "remote dns name"),
    # Beside a method and a path: what served the request tells who asked.
    "asker": (
        "real ip", "x real ip", "ip", "ip addr", "ip address", "user ip", "peer ip", "peer addr",
        "peer address", "requester ip", "requestor ip",
    ),
    "way": ("direction", "network direction", "connection direction", "traffic direction"),
    "transport": (
        "proto", "protocol", "ip proto", "ip protocol", "l4 proto", "l4 protocol", "transport",
        "transport protocol", "network transport", "protocol name", "network protocol", "ip proto name",
    ),
    "user_name": (
        "user name", "src user", "source user", "src user name", "source user name", "client user",
        "client user name", "user email", "user", "account name", "login name", "user principal name",
        "upn", "auth user", "suser", "cs user name",
    ),
    "device": (
        "src host", "src host name", "source host", "source host name", "client host", "client host name",
        "src device", "source device", "src name", "client name", "source name",
    ),
    "url": (
        "url", "request url", "full url", "url full", "url original", "http url", "uri", "request uri",
        "dest url", "target url", "client request uri",
    ),
    "web_host": (
        "http host", "host header", "request host", "http host name", "headers host", "authority",
        "url host", "url domain", "url host name", "cs host", "client request host", "request host name",
    ),
    # Of a request, or with a port, the one that was asked; else often the machine that logged.
    "any_host": ("host",),
    "request": ("request", "request line", "http request"),
    "sni": (
        "sni", "tls sni", "ssl sni", "tls server name", "ssl server name", "requested server name",
        "server name indication", "client hello server name", "tls client server name", "server name sni",
        "ndpi hostname",
    ),
    "named": (
        "dst host", "dest host", "destination host", "dst host name", "dest host name",
        "destination host name", "dst domain", "dest domain", "destination domain", "dst fqdn",
        "destination fqdn", "dst name", "dest name", "destination name", "server host name", "target host",
        "target host name", "target domain",
    ),
    "question": (
        "query", "q name", "dns query", "query name", "question name", "dns question", "dns question name",
        "dns query name", "domain", "domain name", "fqdn", "question",
    ),
    "type": (
        "q type", "query type", "q type name", "record type", "dns type", "question type", "dns qtype",
        "dns query type", "rr type", "dns question type",
    ),
    "rcode": (
        "r code", "r code name", "response code name", "dns rcode", "dns response code", "reply code",
    ),
    "path": (
        "uri path", "url path", "request path", "http path", "uri stem", "cs uri stem",
        "client request path", "req path",
    ),
    # Of a request; else often a program's.
    "any_path": ("path",),
    "method": (
        "http method", "request method", "method", "verb", "http request method", "cs method",
        "client request method",
    ),
    "status": (
        "http status", "status code", "response code", "http status code", "response status", "status",
        "http response code", "http code", "sc status", "edge response status", "rsp code", "resp code",
    ),
    "agent": (
        "user agent", "http user agent", "headers user agent", "request user agent", "cs user agent",
        "client request user agent", "ua",
    ),
    "action": (
        "action", "act", "verdict", "disposition", "decision", "policy action", "rule action", "fw action",
        "firewall action", "device action", "filter action", "reaction",
        "enforcement action",
    ),
    # Of a lookup: `Blocked`, else where its answer came from.
    "answered": ("response type", "result", "query result"),
    "blocked": ("blocked", "is blocked"),
    "let_through": ("allowed", "is allowed"),
    "up": (
        "src bytes", "source bytes", "bytes src", "orig bytes", "bytes to server", "bytes toserver",
        "client bytes", "bytes from client", "c2s bytes", "bytes c2s", "src2dst bytes", "c to s bytes",
        "client to server bytes", "bytes client to server", "fwd bytes", "forward bytes", "upload bytes",
        "bytes up", "up bytes", "bytes uploaded", "uploaded bytes", "request size", "request bytes",
        "request length", "bytes written to server", "originator bytes", "s bytes", "cs bytes",
        "client request bytes", "req size", "req bytes", "req length",
    ),
    "down": (
        "dst bytes", "dest bytes", "destination bytes", "bytes dst", "resp bytes", "bytes to client",
        "bytes toclient", "server bytes", "bytes from server", "s2c bytes", "bytes s2c", "dst2src bytes",
        "s to c bytes", "server to client bytes", "bytes server to client", "bwd bytes", "backward bytes",
        "rev bytes", "download bytes", "bytes down", "down bytes", "bytes downloaded", "downloaded bytes",
        "response size", "response bytes", "response length", "bytes written to client", "responder bytes",
        "d bytes", "body bytes sent", "sc bytes", "edge response bytes", "response body size", "rsp size",
        "rsp bytes", "resp size", "resp length",
    ),
    # Of a connection the client's view; of a request some servers mean their own.
    "sent": ("sent bytes", "bytes sent", "sent byte", "send bytes"),
    "received": ("received bytes", "bytes received", "rcvd bytes", "rcvd byte", "recv bytes", "bytes recv"),
    "time": (
        "edge start timestamp", "start time", "timestamp start", "flow start", "session start",
        "start timestamp", "begin time", "started at", "event start", "first seen",
        "bidirectional first seen ms", "flow first seen", "time start", "event time", "timestamp",
        "time stamp", "@timestamp", "datetime", "date time", "utc time", "event timestamp", "log time",
        "generated time", "time generated", "event date", "created at", "time created", "created", "ts",
        "time", "event ts", "request time", "last blocked", "s time", "start", "receive time",
        "received time", "log timestamp", "t",
    ),
    "day": ("date", "log date"),
    "mail": (
        "recipient", "recipients", "sender envelope", "envelope from", "mail from", "rcpt to", "email from",
        "email sender", "email recipient", "email subject", "header from", "recipient address",
    ),
    "attack": (
        "attack", "attack name", "attack type", "signature", "signature id", "signature name", "alert name",
        "threat name", "malware", "virus", "virus name", "cve", "alarm id", "alarm name", "alarm type",
    ),
}  # fmt: skip
_SEPARATORS = r"[ _.\-]"
#: An object of such a name tells of other ends: addresses after translation, or who observed.
_OTHERS = "x?nat|nated|translated|trans|xlate|mapped|observer"
_OTHER = re.compile(rf"(?i)(?:^|[_.-])(?:{_OTHERS}|(?<!user[_.-])agent)(?:$|[_.-])")
#: Whose account, where it is told, is none of the client's.
_SERVER = "dst|dest|destination|server|target"
#: Under other objects, `ip` is of anything.
_OF_REQUEST = "request|req|http|access|context|payload|jsonpayload|data|event|fields|properties|record"
#: So many keys of nested objects may form a name.
_MOST_WORDS = 3
_ADDRESS = r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[?[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]+\]?)"
_END = rf"^\s*(?<address>{_ADDRESS})(?:[:#/](?<port>\d{{1,5}}))?\s*(?:,.*)?$"
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


def _spelled(*fields: str) -> str:
    """A regular expression of the names of `fields`, without regard to case."""
    return _one_of_names(name for field in fields for name in _NAMES[field])


def _one_of_names(names: Iterable[str]) -> str:
    longest_first = sorted(names, key=len, reverse=True)
    return "(?:" + "|".join(name.replace(" ", f"{_SEPARATORS}?") for name in longest_first) + ")"


#: What Log Analytics adds to names, and what those put before them that make one level of several.
_SUFFIX = r"(?i)(?:_[sdgbt])?(?: \[utc\])?$"
_LEVELS = r"(?:(?:json)?payload|data|events?|fields|properties|record|result|connection|attributes|details)_"
#: Between a name and its value: in JSON, or an equals sign or colon.
_IS = r"(?:_[sdgbt])?\"?\s*[=:]\s*(?:\[\s*)?\"?"
_BEFORE = rf"(?i)(?:^|[\s,;:|\[({{\".])(?:_|{_LEVELS})?"
#: A name may be of any script. To fold the case of all takes forty times as long as the rest.
_LABEL = r"(?-i:[\w\x{80}-\x{10FFFF}-]+)"
_HOST = rf"{_LABEL}(?:\.{_LABEL})+"
_HAS_CLIENT = (
    rf"{_BEFORE}(?:{_spelled('client', 'local')}{_IS}{_ADDRESS}(?:[^\w.]|$)|"
    rf"(?:src|source|client)\"\s*:\s*\{{[^}}]*\"(?:ip|addr|address)\"\s*:\s*(?:\[\s*)?\"{_ADDRESS})"
)
_ADDRESSED = rf"{_spelled('server', 'remote')}{_IS}{_ADDRESS}(?:[^\w.]|$)"
_NAMED = rf"{_spelled('server')}{_IS}{_HOST}:\d"
_HAS_SOURCE = rf"{_BEFORE}{_spelled('source')}{_IS}{_ADDRESS}(?:[^\w.]|$)"
_HAS_SERVER = (
    rf"{_BEFORE}(?:{_ADDRESSED}|"
    rf"(?:dst|dest|destination)\"\s*:\s*\{{[^}}]*\"(?:ip|addr|address)\"\s*:\s*(?:\[\s*)?\"{_ADDRESS}|"
    rf"{_spelled('url', 'web_host', 'sni', 'named', 'server')}{_IS}(?:https?://)?{_HOST})"
)
_HAS_QUESTION = (
    rf"{_BEFORE}(?:{_spelled('question')}{_IS}|question\"\s*:\s*\{{[^}}]*\"q?name\"\s*:\s*\"){_HOST}"
)
_HAS_TYPE = rf"{_BEFORE}{_spelled('type', 'rcode')}{_IS}\w|\"question\"\s*:\s*\{{|(?i:\bdns)"
_HAS_ANY_HOST = rf"{_BEFORE}host{_IS}{_HOST}:\d|{_BEFORE}{_spelled('method', 'request')}{_IS}[A-Z]{{3}}"
_METHODS = "GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH"
_SERVED = (
    rf"{_BEFORE}{_spelled('remote', 'asker')}{_IS}{_ADDRESS}(?:[^\w.]|$)",
    rf"{_BEFORE}{_spelled('method')}{_IS}(?-i:{_METHODS})\b",
    rf"{_BEFORE}{_spelled('url', 'path', 'any_path')}{_IS}/",
)


class OtherProductsFormat(LogFormat):
    """Reads records of unknown products by the names of their fields."""

    name = "other-products"
    help = "JSON, CSV with titles and key=value of any other product, where the fields name both ends"
    vantage = "mixed"
    generic = True
    fallback = True
    proof = ("host", "path", "user", "device", "bytes_up", "bytes_down", "action", "user_agent")
    advice = (
        "Fields are known by common names (src_ip, dst_ip, url, user …) only: a custom format can name "
        "the others, such as those of bytes."
    )
    marks = ("src", "source", "client", "addr", "ip", "orig", "forwarded", "fwd")
    claims = (
        (
            pl.col("line").str.contains(ascii_only(_HAS_CLIENT))
            & (
                pl.col("line").str.contains(ascii_only(f"{_HAS_SERVER}|{_HAS_ANY_HOST}"))
                | (
                    pl.col("line").str.contains(ascii_only(_HAS_QUESTION))
                    & pl.col("line").str.contains(ascii_only(_HAS_TYPE))
                )
            )
        )
        | (
            pl.col("line").str.contains(ascii_only(_HAS_SOURCE))
            & pl.col("line").str.contains(ascii_only(f"{_BEFORE}(?:{_ADDRESSED}|{_NAMED})"))
        )
        | pl.all_horizontal(pl.col("line").str.contains(ascii_only(part)) for part in _SERVED)
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per record."""
        return layouts.read(
            lines,
            [
                (r"^\s*\{", lambda part: _rows(_of_objects(part["line"]), part)),
                (pl.lit(True), lambda part: _rows(_of_pairs(part["line"]), part)),
            ],
        )


def _bare(name: str) -> str:
    return "".join(sign for sign in re.sub(_SUFFIX, "", name).lower() if sign not in " _-.")


#: Names without separators: what each holds, and its place among the names of that.
_HELD = {_bare(name): (field, rank) for field, names in _NAMES.items() for rank, name in enumerate(names)}


def _held(name: str) -> tuple[str, int] | None:
    """What `name` holds, or what it holds without the name of a level: of `record_type` all is needed."""
    return _HELD.get(_bare(name)) or _HELD.get(_bare(re.sub(rf"^{_LEVELS}", "", name.lower())))


_WANTED = {field: "|".join(_bare(name) for name in names) for field, names in _NAMES.items()}
#: A stamp without a name, before all fields.
_FIRST = (
    r"^[\[(<]?(\d{4}[-/.]\d\d[-/.]\d\d[T ,]+\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?|"
    r"\d{1,2}/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d(?: [+-]\d{4})?|\d{10}(?:\.\d+)?)[\])>]?[\s,;|]"
)
#: A stamp may have a blank in it, without quotes around it.
_STAMP = r"\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d[^\s,;|\])}\"]*"
_VALUE = rf"(?:\"[^\"]*\"|{_STAMP}|[^\s,;|\])}}\"]*)"
#: What may be a name, or the end of one that has blanks in it.
_ANY_NAME = r"[A-Za-z@][\w.@-]*\"?\s?[=:]"


def _of_objects(lines: pl.Series) -> pl.DataFrame:
    """Columns of `_NAMES` of JSON lines."""
    under: dict[str, list[tuple[int, str]]] = {field: [] for field in _NAMES}
    for keys in paths.scalars(lines):
        if any(_OTHER.search(key) for key in keys):
            continue
        parts = ".".join(keys).split(".")
        ends = ("".join(parts[-count:]) for count in range(1, _MOST_WORDS + 1))
        elsewhere = len(parts) > 1 and not re.fullmatch(f"(?i){_OF_REQUEST}", parts[-2])
        of_server = any(re.fullmatch(f"(?i){_SERVER}", part) for part in parts[:-1])
        for field, rank in {held for end in ends if (held := _held(end))}:
            if not (field == "user_name" and of_server) and not (field == "asker" and elsewhere):
                under[field].append((rank, ".".join(keys)))
    wanted = {
        field: "|".join(path for _, path in sorted(some, key=lambda one: one[0]))
        for field, some in under.items()
        if some
    }
    # A frame without any column would have no height.
    read = layouts.conformed(objects.read(lines, wanted or {"client": "client"}), _NAMES)
    listed = pl.all().str.starts_with("[")
    return read.with_columns(
        pl.when(listed).then(pl.all().str.extract(r'^\[\s*"?([^",\]]*)')).otherwise(pl.all())
    )


def _of_pairs(lines: pl.Series) -> pl.DataFrame:
    """Columns of `_NAMES` of `key=value` and `key: value`."""
    there = lines.str.extract_all(_ANY_NAME).explode().drop_nulls().unique()
    # The fewer names are looked for, the faster.
    ends = tuple(_bare(name.rstrip('=: "')) for name in there)
    names = [name for some in _NAMES.values() for name in some if _bare(name).endswith(ends)]
    # `Destination user name` is another name than `user name`.
    other = rf"(?:(?:{_OTHERS}|dst|dest|destination|target){_SEPARATORS})?"
    token = rf"(?i)(?:^|[\s,;:|\[({{\"]){other}{_one_of_names(names)}\"?\s?[=:]\s?{_VALUE}"
    tokens = pairs.numbered(lines.str.extract_all(token))
    halves = tokens["token"].str.extract_groups(r"^\W?([^=:\"]+?)\"?\s?[=:]\s?(.*)$").struct.unnest()
    key = pl.nth(0).str.to_lowercase().str.replace_all(_SEPARATORS, "")
    split = halves.select(key=key, value=pl.nth(1).str.strip_chars('"')).with_columns(tokens["row"])
    read = pairs.columns(split, len(lines), _WANTED)
    first = lines.str.extract(_FIRST)
    return read.with_columns(time=pl.coalesce("time", pl.when(pl.col("day").is_null()).then(first)))


def _rows(read: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """`FIELDS` of columns of `_NAMES`, and of the words before them."""
    lines = parts["line"]
    said = pl.concat_str(
        pl.lit(parts["tag"]), pl.lit(lines.str.extract(_WORDS)), separator=" ", ignore_nulls=True
    )
    asked = pl.col("question").str.contains(_NAME)
    of_dns = pl.any_horizontal(pl.col("type", "rcode").is_not_null()) | pl.lit(
        lines.str.contains(r"(?i)\bdns")
    )
    read = _of_computers(_with_asker(_with_ends(_with_request(read))))
    told = read.with_columns(
        said=said,
        done=pl.lit(lines.str.contains(_DONE)),
        in_utc=pl.lit(lines.str.contains("TimeGenerated", literal=True)),
        is_dns=(asked & (of_dns | (pl.col("server_port") == "53"))).fill_null(False),
        is_web=pl.any_horizontal(pl.col("url", "web_host", "method").is_not_null()),
    )
    action = _action(verdicts.of(told["action"]))
    return told.select(**_when(), **_who(), **_what(), **_volume(), action=action, reason=_reason())


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
    """`read` with the client that a server tells of a request as the remote end, or as the only address."""
    path = pl.coalesce("url", "path", "any_path").str.starts_with("/")
    no_end = pl.all_horizontal(pl.col(end).is_null() for end in ("client", "server", "local"))
    served = no_end & pl.col("method").is_not_null() & path
    return read.with_columns(
        client=pl.when(served).then(pl.coalesce("remote", "asker")).otherwise("client"),
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
    named = pl.when(pl.col("named").str.contains(_NAME)).then("named")
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
