r"""Log format strings of nginx, Apache, Squid, HAProxy and Envoy, as they stand in those programs' settings.

    '$remote_addr - $remote_user [$time_local] "$request" $status $request_length $bytes_sent'      nginx
    %h %l %u %t "%r" %>s %I %O "%{Host}i" "%{User-Agent}i"                                          Apache
    %ts.%03tu %6tr %>a %Ss/%03>Hs %<st %>st %rm %ru %[un %Sh/%<a %mt %ssl::>sni                     Squid
    %ci:%cp [%tr] %ft %b/%s %ST %B %U %tsc %[ssl_fc_sni] %{+Q}r                                     HAProxy
    [%START_TIME%] "%REQ(:METHOD)% %REQ(:PATH)%" %RESPONSE_CODE% %BYTES_RECEIVED% …                 Envoy

The whole directive may be pasted (`log_format main '…' '…';`, `LogFormat "…" name`, `logformat name …`,
`log-format "…"`). Each placeholder becomes a group of one regular expression; `_MEANINGS` says of what.
Sources: nginx ngx_http_core_module, ngx_stream_log_module; Apache mod_log_config, mod_logio; Squid cf.data
`logformat`; HAProxy Configuration Manual 8.2.6; Envoy "Access logging".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Dialect = Literal["nginx", "apache", "squid", "haproxy", "envoy"]

#: How a placeholder looks.
_PLACEHOLDERS: dict[Dialect, str] = {
    "nginx": r"\$(?:\{(?P<braced>\w+)\}|(?P<bare>\w+))",
    "apache": r"%[!\d,]*[<>]?(?:\{(?P<of>[^}]*)\})?[<>]?(?P<bare>\^?[A-Za-z]{1,2})",
    "squid": r"%[\"\[#'/]?-?\d*(?:\.\d+)?(?:\{(?P<of>[^}]*)\})?"
    r"(?P<bare>(?:\w+::)?[<>]?[A-Za-z_]+)(?:\{(?P<after>[^}]*)\})?",
    "haproxy": r"%(?:\{[^}]*\})?(?:\[(?P<sample>(?:[^\]\\]|\\.)*)\]|(?P<bare>[A-Za-z]+))",
    "envoy": r"%(?P<bare>[A-Z0-9_]+)(?:\((?P<of>[^)]*)\))?(?::\d+)?%",
}
#: What a placeholder means, in the words of `requests.py`; in braces and parentheses lower case. Others are
#: read and left alone.
_MEANINGS: dict[Dialect, dict[str, str]] = {
    "nginx": {
        "remote_addr": "client", "realip_remote_addr": "client", "proxy_protocol_addr": "client",
        "remote_port": "client_port", "http_x_forwarded_for": "forwarded", "remote_user": "user",
        "proxy_add_x_forwarded_for": "forwarded", "time_local": "time", "time_iso8601": "time",
        "msec": "time", "request": "request", "request_method": "method", "request_uri": "target",
        "uri": "target", "host": "host", "http_host": "host", "proxy_host": "host", "connect_host": "host",
        "connect_port": "server_port", "connect_addr": "server", "ssl_preread_server_name": "sni",
        "ssl_server_name": "sni", "status": "status", "request_length": "up", "bytes_received": "up",
        "bytes_sent": "down", "body_bytes_sent": "body_down", "http_user_agent": "agent",
        "request_time": "seconds", "session_time": "seconds", "upstream_addr": "server",
        "protocol": "transport",
    },
    "apache": {
        "h": "client", "a": "client", "u": "user", "t": "time", "r": "request", "m": "method", "U": "target",
        "s": "status", "b": "body_down", "B": "body_down", "O": "down", "I": "up", "D": "micros",
        "T": "seconds", "v": "host", "V": "host", "{host}i": "host", "{user-agent}i": "agent",
        "{x-forwarded-for}i": "forwarded", "{ssl_tls_sni}x": "sni", "{ms}T": "millis", "{us}T": "micros",
        "{s}T": "seconds", "{remote}p": "client_port",
    },
    "squid": {
        ">a": "client", ">p": "client_port", ">eui": "mac", "un": "user", "ul": "user", "ui": "user",
        "ue": "user", "us": "user", "tl": "time", "tg": "time", "ts": "time", "tr": "millis", "Ss": "result",
        ">Hs": "status", "Hs": "status", "<st": "down", ">st": "up", "rm": "method", ">rm": "method",
        "ru": "target", ">ru": "target", "rp": "target", ">rp": "target", ">rd": "host", "rd": "host",
        "ssl::>sni": "sni", "<a": "server", "<p": "server_port", "{user-agent}>h": "agent",
        "{x-forwarded-for}>h": "forwarded", "{host}>h": "host", "{user-agent}>ha": "agent",
    },
    "haproxy": {
        "ci": "client", "cp": "client_port", "tr": "time", "t": "time", "T": "time", "Tl": "time",
        "trl": "time", "trg": "time", "Ts": "time", "r": "request", "HM": "method", "HU": "target",
        "HP": "target", "HPO": "target", "ST": "status", "B": "down", "U": "up", "Ta": "millis",
        "Tt": "millis", "si": "server", "sp": "server_port", "tsc": "flags", "ts": "flags",
    },
    "envoy": {
        "START_TIME": "time", "REQ(:method)": "method", "REQ(:path)": "target",
        "REQ(x-envoy-original-path?:path)": "target", "REQ(:authority)": "host", "REQ(host)": "host",
        "REQ(x-forwarded-for)": "forwarded", "REQ(user-agent)": "agent", "RESPONSE_CODE": "status",
        "RESPONSE_FLAGS": "flags", "BYTES_RECEIVED": "up", "BYTES_SENT": "down", "DURATION": "millis",
        "UPSTREAM_HOST": "server", "UPSTREAM_REMOTE_ADDRESS": "server", "DOWNSTREAM_REMOTE_ADDRESS": "client",
        "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": "client", "DOWNSTREAM_DIRECT_REMOTE_ADDRESS": "client",
        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": "client", "DOWNSTREAM_REMOTE_PORT": "client_port",
        "REQUESTED_SERVER_NAME": "sni",
    },
}  # fmt: skip
#: What a sample expression of HAProxy gives, by a word in it; the first that fits.
_SAMPLES = {
    "sni": "sni", "user-agent": "agent", "forwarded": "forwarded", "host": "host", "src_port": "client_port",
    "src": "client", "path": "target", "url": "target", "method": "method",
}  # fmt: skip
#: Programs that write a line when it ends; the others stamp the beginning.
STAMPS_THE_END: tuple[Dialect, ...] = ("nginx", "squid")
#: Captured headers of HAProxy: where there are none, nothing is written, and no blank behind it.
_CAPTURED = ("hr", "hs", "hrl", "hsl")
#: How a program escapes the bytes of account names.
ESCAPES: dict[Dialect, Literal["%", r"\x"]] = {"nginx": r"\x", "apache": r"\x", "squid": "%"}
_DIRECTIVE = re.compile(
    r"^\s*(?:log_format\s+\S+(?:\s+escape=\w+)?|logformat\s+\S+|LogFormat|(?:error-)?log-format(?:-sd)?)\s+(?=\S)"
)
_PIECES = re.compile(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
_LOCAL = r"\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4})?"
MAX_PLACEHOLDERS = 100


@dataclass(frozen=True)
class FormatString:
    """A format string as a regular expression with groups `g0`, `g1` …"""

    dialect: Dialect
    pattern: str
    #: group to what it means (`requests.py`) …
    meanings: Mapping[str, str]
    #: … and the placeholder's own name to its group, for those who want another one
    names: Mapping[str, str]


def read(text: str, dialect: Dialect | None = None) -> FormatString:
    """`text` understood. Raises ValueError where it holds no placeholder that names a client or host."""
    text = _bare(text)
    dialect = dialect or _dialect(text)
    if dialect == "squid":
        text = re.sub(r"%ts\.%0?3?tu", "%tl", text)  # one stamp, in two placeholders
    pieces: list[str] = []
    meanings: dict[str, str] = {}
    names: dict[str, str] = {}
    end, is_captured = 0, False
    for number, found in enumerate(re.finditer(_PLACEHOLDERS[dialect], text)):
        group, name = f"g{number}", _name(dialect, found)
        meaning = _meaning(dialect, name)
        around = (text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1])
        literal = _literal(text[end : found.start()])
        pieces.append(literal.replace(r"\s+", r"\s*", 1) if is_captured else literal)
        value = f"(?P<{group}>{_value(dialect, name, meaning, *around)})"
        pieces.append(f'"?{value}"?' if dialect == "haproxy" and "+Q" in found[0] else value)
        is_captured = dialect == "haproxy" and name in _CAPTURED
        if meaning and meaning not in meanings.values():
            meanings[group] = meaning
        names.setdefault(name, group)
        end = found.end()
        if number >= MAX_PLACEHOLDERS:
            raise ValueError(f"more than {MAX_PLACEHOLDERS} placeholders")
    pieces.append(_literal(text[end:].removesuffix("\\n").rstrip()))
    if not {"client", "forwarded", "host", "sni", "request", "target"} & set(meanings.values()):
        raise ValueError(f"no placeholder of {dialect} here that tells who asked or for what")
    return FormatString(dialect, rf"^\s*{''.join(pieces)}\s*$", meanings, names)


def _bare(text: str) -> str:
    """Without the directive around it, its pieces joined."""
    text = text.strip().removesuffix(";").rstrip()
    head = _DIRECTIVE.match(text)
    if head is None and not (text.startswith("'") and text.endswith("'")):
        return text
    rest = text[head.end() :] if head else text
    if rest[:1] not in "'\"":
        return rest.replace("\\ ", " ")
    pieces = [single or re.sub(r'\\(["\\])', r"\1", double) for single, double in _PIECES.findall(rest)]
    # Apache's and HAProxy's are one string, what follows is a name; nginx joins all pieces.
    return "".join(pieces) if text.lstrip().startswith(("log_format", "'")) else pieces[0]


def _dialect(text: str) -> Dialect:
    if re.search(r"%[A-Z_]{3,}(?:\([^)]*\))?(?::\d+)?%", text):
        return "envoy"
    if re.search(r"\$\{?[a-z_]{3,}", text):
        return "nginx"
    if re.search(r"%>a|%ts\b|%Ss|%\[?un\b|%<st|%>st", text):
        return "squid"
    if re.search(r"%ci\b|%\[|%\{\+?[QEX],?\S*\}|%HM\b|%ST\b|%ft\b", text):
        return "haproxy"
    return "apache"


def _name(dialect: Dialect, found: re.Match[str]) -> str:
    """`remote_addr`, `{host}i`, `>a`, `[ssl_fc_sni]`, `REQ(:path)`."""
    parts = found.groupdict()
    if parts.get("sample"):
        return f"[{parts['sample']}]"
    name = parts.get("braced") or parts.get("bare") or ""
    of = (parts.get("of") or parts.get("after") or "").lower()
    if not of or name == "START_TIME":
        return name
    return f"{name}({of})" if dialect == "envoy" else f"{{{of}}}{name}"


def _meaning(dialect: Dialect, name: str) -> str:
    if name.startswith("["):
        return next((role for word, role in _SAMPLES.items() if word in name.lower()), "")
    if dialect == "apache" and name.endswith("}t"):
        return "time"
    return _MEANINGS[dialect].get(name, "")


def _literal(text: str) -> str:
    """Literal text; blanks may be padded."""
    text = text.replace("\\t", "\t").replace('\\"', '"').replace("%%", "%")
    return "".join(
        r"\s+" if piece.isspace() else re.escape(piece) for piece in re.split(r"(\s+)", text) if piece
    )


def _value(dialect: Dialect, name: str, meaning: str, before: str, after: str) -> str:
    """What may stand for a placeholder, by its neighbours."""
    if dialect == "apache" and name == "t":
        return rf"\[{_LOCAL}\]"
    if '"' in (before, after):
        return r"(?:[^\"\\]|\\.)*?"
    if after == "]":
        return r"[^\]]*?"
    if meaning in ("client_port", "server_port"):
        return r"\d+|-?"
    if after == ":":
        return r"\S*"  # an IPv6 address has more of them
    if name == "time_local":
        return _LOCAL
    if dialect == "haproxy" and name in _CAPTURED:
        return r"(?:\{[^}]*\}|\S*?)"
    if meaning in ("request", "agent", "time", "forwarded", "user"):
        return r".*?"
    return r"\S*?"
