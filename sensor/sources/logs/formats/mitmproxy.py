"""The spool of our mitmproxy addon (`sources/mitmproxy/shadowai_mitmproxy.py`): one JSON line per exchange.

    {"shadowai": "mitmproxy/1", "kind": "http", "started": 1795341600.1, "client": "10.1.0.7", …}

Sizes are bytes of head and body; a WebSocket's messages (`frames_up`, `frames_down`) are added. Kind
`tls` is a client that refused the proxy's certificate: its traffic could not be read. Requests of a browser
add-on carry its id as `origin`; the ids in update checks stay in the spool: installed is not used.
`lost` are exchanges that could not be written (a full disk), told by the next line that could.
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import models, objects
from sensor.sources.logs.text.reasons import UNREADABLE
from sensor.sources.logs.text.words import one_of

_WANTED = (
    *(
        "kind",
        "started",
        "ended",
        "client",
        "client_port",
        "server",
        "server_port",
        "sni",
        "host",
        "port",
        "method",
        "path",
    ),
    *(
        "status",
        "user_agent",
        "bytes_up",
        "bytes_down",
        "frames_up",
        "frames_down",
        "user",
        "error",
        "unread",
        "model",
        "extension",
        "scheme",
        "lost",
        "mcp_version",
        "mcp_client",
        "mcp_server",
        "mcp_tools",
        "key_type",
        "key_print",
    ),
)
#: Names as the addon lets them through; what another hand wrote into the spool is not one.
_NAME = r"(?-u:^[\w .:/@-]{1,64}$)"
_TOOLS = r"(?-u:^(?:[\w .:/@-]{1,64}=\d{1,6}(?:,|$)){1,64}$)"


class MitmproxyFormat(LogFormat):
    """Reads the addon's spool."""

    name = "mitmproxy"
    help = "mitmproxy 10 to 12 through our addon (`sources addon`): decrypted exchanges, metadata only"
    vantage = "proxy"
    is_on_site = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action", "user_agent")
    advice = "Users are known only with mitmproxy's `--proxyauth`; else leases tell who held the address."
    marks = ('{"shadowai"',)
    claims = pl.col("line").str.contains(r'^\s*\{"shadowai"\s*:\s*"mitmproxy/')

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per exchange."""
        read = objects.read(lines["line"], _WANTED, lists=["rpc"])
        number = {name: pl.col(name).cast(pl.Float64, strict=False) for name in ("started", "ended")}
        sizes = {
            name: pl.col(name).cast(pl.Int64, strict=False)
            for name in ("bytes_up", "bytes_down", "frames_up", "frames_down")
        }
        kind = pl.col("kind")
        web = kind == "http"
        status = pl.col("status").cast(pl.Int64, strict=False)
        return read.select(
            *("client", "client_port", "server", "method", "status", "user_agent", "key_type", "key_print"),
            time="started",
            duration_s=number["ended"] - number["started"],
            kind=kind.replace_strict({"http": "http", "tls": "tls"}, default="flow"),
            user_name="user",
            model=models.known_model(pl.col("model")),
            mcp_methods=models.known_methods(pl.col("rpc")),
            mcp_client=_named("mcp_client"),
            mcp_server=_named("mcp_server"),
            mcp_tools=pl.when(pl.col("mcp_tools").str.contains(_TOOLS)).then("mcp_tools"),
            mcp_version=pl.col("mcp_version").str.extract(r"^(20\d\d-\d\d-\d\d)$"),
            origin="chrome-extension://" + pl.col("extension"),
            host=pl.coalesce("host", "sni"),
            name_from=one_of({"sni": pl.col("host").is_null() & pl.col("sni").is_not_null()}),
            path=pl.when(pl.col("method") != "CONNECT").then("path"),
            server_port=pl.coalesce("server_port", "port"),
            decrypted=pl.when(pl.col("scheme") == "https").then(pl.lit(True)),
            transport=one_of({"udp": kind == "udp"}, otherwise="tcp"),
            bytes_up=sizes["bytes_up"] + sizes["frames_up"].fill_null(0),
            bytes_down=sizes["bytes_down"] + sizes["frames_down"].fill_null(0),
            action=one_of({"reset": (pl.col("error") == "true") & status.is_null()}, otherwise="allowed"),
            lost="lost",
            reason=pl.coalesce(
                "unread",
                one_of({UNREADABLE: kind.is_null() | (web & pl.col("host").is_null())}),
            ),
        )


def _named(column: str) -> pl.Expr:
    return pl.when(pl.col(column).str.contains(_NAME)).then(column)
