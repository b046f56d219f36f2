"""Format strings of five programs, and lines as those programs write them with such a string.

The strings are the documented ones and variations of them: nginx.org/en/docs/http/ngx_http_log_module.html,
httpd.apache.org/docs/current/mod/mod_log_config.html, squid-cache.org/Doc/config/logformat,
docs.haproxy.org (8.2.6 Custom log format), envoyproxy.io (Access logging).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from sensor.errors import UsageError
from sensor.settings import Settings
from sensor.sources.inputs.open import find
from sensor.sources.logs import custom, known_formats
from sensor.sources.logs.text import formatstrings, patterns
from sensor.sources.trial import look

SHOWN = (
    "seen_at", "kind", "client", "client_port", "user_name", "host", "path", "method", "status", "server",
    "server_port", "bytes_up", "bytes_down", "duration_s", "action",
)  # fmt: skip
NGINX = """log_format proxy '$remote_addr - $remote_user [$time_local] '
                 '"$request" $status $request_length $bytes_sent '
                 '$request_time "$http_user_agent" $connect_host:$connect_port';"""
STREAM = "log_format sni '$remote_addr:$remote_port [$time_local] $protocol $status $bytes_received $bytes_sent $session_time \"$ssl_preread_server_name\" $upstream_addr';"
JSON = """log_format j escape=json '{"t":"$time_iso8601","ip":"$remote_addr","h":"$host","u":"$request_uri","m":"$request_method","s":$status,"in":$request_length,"out":$bytes_sent}';"""
APACHE = r'LogFormat "%h %l %u %t \"%r\" %>s %I %O %D \"%{User-Agent}i\" %{Host}i" forward'
SQUID = "logformat site %ts.%03tu %6tr %>a:%>p %Ss/%03>Hs %<st %>st %rm %ru %[un %Sh/%<a %mt %ssl::>sni"
HAPROXY = 'log-format "%ci:%cp [%tr] %ft %b/%s %ST %B %U %tsc %Ta %[ssl_fc_sni] %{+Q}r"'
ENVOY = '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %DOWNSTREAM_REMOTE_ADDRESS% %REQ(:AUTHORITY)% %REQUESTED_SERVER_NAME% %UPSTREAM_HOST%\\n'

CASES = [
    (NGINX, '10.1.0.7 - jane [06/Oct/2026:10:00:02 +0200] "CONNECT claude.ai:443 HTTP/1.1" 200 900 5000 2.000 "Mozilla/5.0 (X11; \\x22a\\x22)" claude.ai:443',
     ("2026-10-06 08:00:00", "proxy", "10.1.0.7", None, "jane", "claude.ai", None, "CONNECT", 200, None, 443, 900, 5000, 2.0, "allowed")),
    (STREAM, '[2001:db8::7]:40000 [06/Oct/2026:10:00:02 +0000] TCP 200 900 5000 2.000 "api.openai.com" 192.0.2.7:443',
     ("2026-10-06 10:00:00", "tls", "2001:db8::7", 40000, None, "api.openai.com", None, None, 200, "192.0.2.7", 443, 900, 5000, 2.0, "allowed")),
    (JSON, '{"t":"2026-10-06T10:00:00+00:00","ip":"2001:db8::7","h":"claude.ai","u":"/new?q=1","m":"POST","s":403,"in":900,"out":10}',
     ("2026-10-06 10:00:00", "proxy", "2001:db8::7", None, None, "claude.ai", "/new", "POST", 403, None, None, 900, 10, None, "allowed")),
    (APACHE, '10.1.0.7 - - [06/Oct/2026:10:00:00 +0000] "GET http://claude.ai/new HTTP/1.1" 200 900 5000 1500000 "curl/8" claude.ai',
     ("2026-10-06 10:00:00", "proxy", "10.1.0.7", None, None, "claude.ai", "/new", "GET", 200, None, 80, 900, 5000, 1.5, "allowed")),
    (SQUID, "1791280802.500   2500 10.1.0.7:40000 TCP_DENIED/403 5000 900 CONNECT claude.ai:443 jane HIER_NONE/- text/html -",
     ("2026-10-06 10:00:00", "proxy", "10.1.0.7", 40000, "jane", "claude.ai", None, "CONNECT", 403, None, 443, 900, 5000, 2.5, "blocked")),
    (HAPROXY, '10.1.0.7:40000 [06/Oct/2026:10:00:00.000] fe be/s1 200 5000 900 ---- 2500 claude.ai "POST /new HTTP/1.1"',
     ("2026-10-06 10:00:00", "proxy", "10.1.0.7", 40000, None, "claude.ai", "/new", "POST", 200, None, None, 900, 5000, 2.5, "allowed")),
    (ENVOY, '[2026-10-06T10:00:00.000Z] "POST /v1/messages HTTP/2" 403 UAEX 900 5000 2500 10.1.0.7:40000 api.anthropic.com - 192.0.2.7:443',
     ("2026-10-06 10:00:00", "proxy", "10.1.0.7", 40000, None, "api.anthropic.com", "/v1/messages", "POST", 403, "192.0.2.7", 443, 900, 5000, 2.5, "blocked")),
]  # fmt: skip


def _tried(folder: Path, text: str, line: str, more: str = "") -> pl.DataFrame:
    """What `sources try` makes of a line, with this format string in a file of the user's own."""
    described = folder / "mine.toml"
    described.write_text(f"name = \"mine\"\n[layout]\nformat = '''{text}'''\n{more}")
    log = folder / "a.log"
    log.write_text(f"{line}\n{line}\n")
    known_formats.add(mine := custom.read(described))
    try:
        (found,) = look(find([log]).files[0], Settings(), mine)
    finally:
        known_formats.remove("mine")
    return found.rows


@pytest.mark.parametrize(("text", "line", "wanted"), CASES, ids=lambda case: str(case)[:20])
def test_a_pasted_directive_reads_its_lines(
    tmp_path: Path, text: str, line: str, wanted: tuple[object, ...]
) -> None:
    rows = _tried(tmp_path, text, line)
    assert rows.height == 2
    row = rows.select(pl.col("seen_at").dt.strftime("%Y-%m-%d %H:%M:%S"), *SHOWN[1:]).row(0)
    assert row == wanted


def test_placeholders_of_a_site_may_fill_any_column(tmp_path: Path) -> None:
    text = "$remote_addr [$time_local] $http_x_account $host $request_uri $status $sent_http_x_up"
    line = "10.1.0.7 [06/Oct/2026:10:00:00 +0000] jane claude.ai /new 200 77"
    more = '[fields]\nuser_name = "http_x_account"\nbytes_up = "sent_http_x_up"\n'
    row = _tried(tmp_path, text, line, more).row(0, named=True)
    assert (row["user_name"], row["host"], row["path"], row["bytes_up"]) == ("jane", "claude.ai", "/new", 77)


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        (NGINX, "nginx"),
        (JSON, "nginx"),
        (APACHE, "apache"),
        (SQUID, "squid"),
        (HAPROXY, "haproxy"),
        (ENVOY, "envoy"),
    ],
)
def test_whose_string_it_is(text: str, dialect: str) -> None:
    assert formatstrings.read(text).dialect == dialect


@pytest.mark.parametrize(
    ("layout", "wrong"),
    [
        ("format = '$status $bytes_sent'", "no placeholder of nginx"),
        ("format = 'nothing here'", "no placeholder"),
        ("format = '$remote_addr $host'\njson = true", "exactly one of"),
    ],
)
def test_mistakes_are_said(tmp_path: Path, layout: str, wrong: str) -> None:
    described = tmp_path / "mine.toml"
    described.write_text(f'name = "mine"\n[layout]\n{layout}\n')
    with pytest.raises(UsageError, match=wrong):
        custom.read(described)


def test_a_column_of_no_placeholder_is_said(tmp_path: Path) -> None:
    described = tmp_path / "mine.toml"
    described.write_text(
        'name = "mine"\n[layout]\nformat = \'$remote_addr $host\'\n[fields]\nuser_name = "user"\n'
    )
    with pytest.raises(UsageError, match="no part of the layout; it has remote_addr, host"):
        custom.read(described)


def test_captured_headers_of_haproxy_may_be_none() -> None:
    understood = formatstrings.read('log-format "%ci:%cp [%tr] %ft %ST %U %B %hr %hs %{+Q}r %[ssl_fc_sni]"')
    for captured in ("{a.example.com|curl/8} {x} ", "{a.example.com} ", ""):
        line = f'10.1.2.3:40000 [06/Oct/2026:10:00:00.123] fe~ 200 50189 150 {captured}"POST /p HTTP/1.1" a.example.com'
        found = patterns.read(pl.Series([line]), understood.pattern)
        told = {meaning: found[group][0] for group, meaning in understood.meanings.items()}
        assert (told["request"], told["sni"]) == ("POST /p HTTP/1.1", "a.example.com")
        assert (told["up"], told["down"]) == ("50189", "150")


def test_account_names_with_blanks_and_escapes(tmp_path: Path) -> None:
    line = r'10.1.0.7 - j\xc3\xb6rg lee [06/Oct/2026:10:00:00 +0000] "GET http://claude.ai/new HTTP/1.1" 200 900 5000 15 "-" claude.ai'
    assert _tried(tmp_path, APACHE, line)["user_name"].to_list() == ["jörg lee"] * 2
    line = "1791280802.500 2500 10.1.0.7:4000 TCP_MISS/200 5000 900 CONNECT claude.ai:443 j%c3%b6rg lee HIER_NONE/- - -"
    assert _tried(tmp_path, SQUID, line)["user_name"].to_list() == ["jörg lee"] * 2


def test_a_challenge_for_a_password_is_no_request(tmp_path: Path) -> None:
    line = "1791280802.500 2500 10.1.0.7:4000 TCP_DENIED/407 5000 900 CONNECT claude.ai:443 - HIER_NONE/- - -"
    assert _tried(tmp_path, SQUID, line).is_empty()
