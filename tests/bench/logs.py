"""Logs of any size, made deterministically, for speed and memory: a working day of 4,000 clients.

| log          | what its lines are |
|---|---|
| zeek-ssl     | TSV, a connection a line, 16 columns |
| zeek-conn    | TSV, the same connections with their volume, 21 columns |
| squid        | native: half tunnels with account, half requests with a path and a query string |
| squid-ours   | our logformat: tunnels with bytes both ways and a user agent |
| eve          | Suricata 7: question, answer, hello and flow of each connection, some http |

`zipf`: names and clients follow Zipf's law, as browsing does (20,000 names). `worst`: both are drawn evenly
from a million names, so that almost every (client, host) pair is new. A hundredth of the lines names an AI
service. Nothing is recorded; sizes are of plain text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from tests.bench.traffic import AI_HOSTS

SEED = 7
CLIENTS, NAMES, MANY_NAMES = 4_000, 20_000, 1_000_000
#: lines made at a time
CHUNK = 100_000
DAY_S = 86_400
T0 = 1_790_000_000


class Traffic:
    """Connections in the order of time, `per_s` of them a second; the same for every log."""

    def __init__(self, *, worst: bool, per_s: float) -> None:
        self._random = np.random.default_rng(SEED)
        self._worst = worst
        self._per_s = per_s
        self._made = 0
        self.names = pl.Series([f"{word}{n % 7}.site{n % 4001}.example.{end}" for n, word, end in _parts()])

    def chunk(self, count: int) -> pl.DataFrame:
        """Columns number, at_us, client, account, port, server, host, up, down, ms."""
        draw = self._random
        number = np.arange(self._made, self._made + count)
        self._made += count
        client = draw.integers(0, CLIENTS, count) if self._worst else _zipf(draw, count, CLIENTS)
        size = (draw.pareto(1.1, count) * 600 + 300).astype(np.int64).clip(max=10**9)
        ai = draw.random(count) < 0.01
        if self._worst:
            n = draw.integers(0, MANY_NAMES, count)
            host = pl.select(
                pl.format("h{}.site{}.example.com", pl.lit(pl.Series(n)), pl.lit(pl.Series(n % 49_999)))
            ).to_series()
        else:
            host = self.names.gather(_zipf(draw, count, NAMES))
        named = pl.Series(AI_HOSTS).gather(draw.integers(0, len(AI_HOSTS), count))
        at = T0 * 1_000_000 + (number * 1e6 / self._per_s).astype(np.int64)
        host = named.zip_with(pl.Series(ai), host)
        # A name has few addresses, and a content network's address has many names.
        at_host = (host.hash(seed=4).to_numpy() // 4 + draw.integers(0, 3, count).astype(np.uint64)) % 65_000
        columns = {"number": number, "at_us": at, "c": client, "n": at_host, "host": host, "up": size}
        return pl.DataFrame(columns).select(
            "number",
            "at_us",
            "host",
            "up",
            client=pl.format(
                "10.{}.{}.{}", 20 + pl.col("c") // 2000, pl.col("c") // 200 % 10, pl.col("c") % 200 + 10
            ),
            account=pl.format("user{}", "c"),
            port=pl.Series(draw.integers(32_768, 60_999, count)),
            server=pl.format(
                "104.{}.{}.{}", 16 + pl.col("n") % 16, pl.col("n") // 256, pl.col("n") % 251 + 1
            ),
            down=pl.col("up") * 7 % 900_000_007,
            ms=pl.Series((draw.pareto(1.0, count) * 900).astype(np.int64).clip(max=3_600_000)),
        )


def _parts() -> Iterator[tuple[int, str, str]]:
    words = ("www", "api", "cdn", "static", "img", "login", "mail", "edge")
    for n in range(NAMES):
        yield n, words[n % 8], ("com", "net", "org", "de", "co.uk")[n % 5]


def _zipf(draw: np.random.Generator, count: int, of: int) -> np.ndarray:
    """Ranks 0 … of - 1 by Zipf's law with exponent 1."""
    weights = 1 / np.arange(1, of + 1)
    edges = np.cumsum(weights / weights.sum())
    return np.searchsorted(edges, draw.random(count)).clip(max=of - 1)


def _seconds(digits: int) -> pl.Expr:
    text = pl.col("at_us").cast(pl.String)
    return pl.concat_str(text.str.head(-6), pl.lit("."), text.str.tail(6).str.head(digits))


def _tabs(*columns: pl.Expr | str) -> pl.Expr:
    return pl.concat_str((pl.lit(c) if isinstance(c, str) else c for c in columns), separator="\t").alias(
        "line"
    )


def _header(log: str, fields: str) -> str:
    types = "\t".join("string" for _ in fields.split())
    return (
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n"
        f"#path\t{log}\n#open\t2026-09-21-14-13-20\n"
        "#fields\t" + "\t".join(fields.split()) + f"\n#types\t{types}\n"
    )


ID = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p"
SSL = f"{ID} version cipher curve server_name resumed last_alert next_protocol established ssl_history"
SSL += " cert_chain_fps client_cert_chain_fps sni_matches_cert"
CONN = f"{ID} proto service duration orig_bytes resp_bytes conn_state local_orig local_resp missed_bytes"
CONN += " history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents"

_UID = pl.format("C{}", (pl.col("number").hash(seed=1) // 7).cast(pl.String).str.head(17))
_ENDS = (_seconds(6), _UID, pl.col("client"), pl.col("port").cast(pl.String), pl.col("server"), "443")


def zeek_ssl(c: pl.DataFrame) -> pl.DataFrame:
    return c.select(
        _tabs(
            *_ENDS, "TLSv13", "TLS_AES_128_GCM_SHA256", "x25519", pl.col("host"), "F", "-", "h2", "T", "CsiI",
            "-", "-", "-",
        )
    )  # fmt: skip


def zeek_conn(c: pl.DataFrame) -> pl.DataFrame:
    up, down = pl.col("up"), pl.col("down")
    packets = (up // 900 + 3, down // 1400 + 3)
    return c.select(
        _tabs(
            *_ENDS, "tcp", "ssl", pl.format("{}.{}", pl.col("ms") // 1000, (pl.col("ms") % 1000 + 100_000)),
            up.cast(pl.String), down.cast(pl.String), "SF", "T", "F", "0", "ShADadFf",
            packets[0].cast(pl.String), (up + packets[0] * 40).cast(pl.String),
            packets[1].cast(pl.String), (down + packets[1] * 40).cast(pl.String), "-",
        )
    )  # fmt: skip


def squid(c: pl.DataFrame) -> pl.DataFrame:
    head = (_seconds(3), pl.col("ms").cast(pl.String).str.pad_start(6), pl.col("client"))
    down = pl.col("down").cast(pl.String)
    tunnel = pl.format(
        "{} {} {} TCP_TUNNEL/200 {} CONNECT {}:443 {} HIER_DIRECT/{} -",
        *head, down, "host", "account", "server",
    )  # fmt: skip
    asked = pl.format(
        "{} {} {} TCP_MISS/200 {} GET http://{}/content/{}/page?session={} {} HIER_DIRECT/{} text/html",
        *head, down, "host", pl.col("number") % 5003, "number", "account", "server",
    )  # fmt: skip
    return c.select(line=pl.when(pl.col("number") % 2 == 0).then(tunnel).otherwise(asked))


def squid_ours(c: pl.DataFrame) -> pl.DataFrame:
    return c.select(
        line=pl.format(
            '{} {} {} {} CONNECT {}:443 200 TCP_TUNNEL:HIER_DIRECT {} {} {} "Mozilla/5.0 (Windows NT 10.0; '
            'Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"',
            _seconds(3), pl.col("ms").cast(pl.String).str.pad_start(6), "client", "account", "host", "up",
            "down", "host", 90 + pl.col("number") % 50,
        )
    )  # fmt: skip


def eve(c: pl.DataFrame) -> pl.DataFrame:
    """Several lines a connection, in the order they are written; see the module's table."""
    stamp = pl.from_epoch("at_us", time_unit="us").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+0000")
    later = pl.from_epoch(pl.col("at_us") + pl.col("ms") * 1000, time_unit="us").dt.strftime(
        "%Y-%m-%dT%H:%M:%S%.6f+0000"
    )
    c = c.with_columns(
        stamp=stamp, later=later, flow_id=(pl.col("number").hash(seed=2) // 8192).cast(pl.String),
        lookup_id=(pl.col("number").hash(seed=3) // 8192).cast(pl.String),
    )  # fmt: skip
    head = '{"timestamp":"%s","flow_id":%s,"in_iface":"eth1","event_type":"%s","src_ip":"%s","src_port":%s,'
    head += '"dest_ip":"%s","dest_port":%s,"proto":"%s",'
    head = head.replace("{", "\x02")

    def event(kind: str, rest: str, *more: str, at: str = "stamp") -> pl.Expr:
        dns = kind == "dns"
        flow = "lookup_id" if dns else "flow_id"
        filled = head % ("{}", "{}", kind, "{}", "{}", "10.0.0.53" if dns else "{}", "53" if dns else "443",
                         "UDP" if dns else "TCP")  # fmt: skip
        whole = filled + rest.replace("{}", "\x03").replace("{", "\x02").replace("}", "\x04").replace(
            "\x03", "{}"
        )
        ends = [at, flow, "client", "port", *([] if dns else ["server"])]
        text = pl.format(whole, *ends, *more)
        return text.str.replace_all("\x02", "{", literal=True).str.replace_all("\x04", "}", literal=True)

    asked = '"dns":{"version":2,"type":"query","id":4711,"rrname":"{}","rrtype":"A","tx_id":0,"opcode":0}}'
    told = (
        '"dns":{"version":2,"type":"answer","id":4711,"flags":"8180","qr":true,"rd":true,"ra":true,"opcode":0,'
        '"rrname":"{}","rrtype":"A","rcode":"NOERROR","answers":[{"rrname":"{}","rrtype":"A","ttl":300,'
        '"rdata":"{}"}],"grouped":{"A":["{}"]}}}'
    )
    hello = (
        '"tx_id":0,"community_id":"1:Kj3Bs7vQbsEMPGsNBOy6RxQ6rLs=","tls":{"sni":"{}","version":"TLS 1.3",'
        '"ja3":{"hash":"773906b0efdefa24a7f2b8eb6985bf37","string":"771,4865-4866-4867-49195-49199,0-23-65281"},'
        '"ja3s":{"hash":"f4febc55ea12b31ae17cfb7e614afda8","string":"771,4865,43-51"},'
        '"ja4":"t13d1516h2_8daaf6152771_b0da82dd1658"}}'
    )
    flow = (
        '"app_proto":"tls","community_id":"1:Kj3Bs7vQbsEMPGsNBOy6RxQ6rLs=","flow":{"pkts_toserver":{},'
        '"pkts_toclient":{},"bytes_toserver":{},"bytes_toclient":{},"start":"{}","end":"{}","age":{},'
        '"state":"closed","reason":"timeout","alerted":false},"tcp":{"tcp_flags":"1b","tcp_flags_ts":"1b",'
        '"tcp_flags_tc":"1b","syn":true,"fin":true,"psh":true,"ack":true,"state":"closed"}}'
    )
    http = (
        '"tx_id":0,"http":{"hostname":"{}","url":"/content/{}","http_user_agent":"Mozilla/5.0 (X11; Linux) '
        'Chrome/130.0","http_content_type":"text/html","http_method":"GET","protocol":"HTTP/1.1",'
        '"status":200,"length":{}}}'
    )
    file = (
        '"app_proto":"http","fileinfo":{"filename":"/content/{}","gaps":false,"state":"CLOSED",'
        '"stored":false,"size":{},"tx_id":0}}'
    )
    numbers = [(pl.col("up") // 900 + 3), (pl.col("down") // 1400 + 3)]
    sizes = ["up", "down", "stamp", "later", pl.col("ms") // 1000]
    is_http = pl.col("number") % 10 == 0
    lines = pl.concat_list(
        event("dns", asked, "host"),
        event("dns", told, "host", "host", "server", "server"),
        event("tls", hello, "host"),
        pl.when(is_http).then(event("http", http, "host", "number", "down")),
        pl.when(is_http).then(event("fileinfo", file, "number", "down")),
        event("flow", flow, *numbers, *sizes),
    )
    return c.select(line=lines).explode("line").drop_nulls()


LOGS: dict[str, tuple[Callable[[pl.DataFrame], pl.DataFrame], str, int]] = {
    "zeek-ssl": (zeek_ssl, _header("ssl", SSL), 150),
    "zeek-conn": (zeek_conn, _header("conn", CONN), 160),
    "squid": (squid, "", 140),
    "squid-ours": (squid_ours, "", 230),
    "eve": (eve, "", 1750),
}


def write(path: Path, log: str, size: int, *, worst: bool = False) -> int:
    """`size` bytes of `log` (a key of `LOGS`), a little more; a day long whatever the size.

    Returns the number of its lines.
    """
    lines, header, bytes_each = LOGS[log]
    traffic = Traffic(worst=worst, per_s=max(size / bytes_each / DAY_S, 0.1))
    written = 0
    with path.open("w") as out:
        out.write(header)
        while out.tell() < size:
            text = lines(traffic.chunk(CHUNK if log != "eve" else CHUNK // 8))
            out.write(text["line"].str.join("\n")[0] + "\n")
            written += text.height
    return written
