r"""Huawei USG and HiSec firewalls: sessions, policy matches, URL filtering.

    %%01SECLOG/6/SESSION_TEARDOWN(l):IPVer=4,Protocol=tcp,SourceIP=10.1.2.3,DestinationIP=192.0.2.7,SourcePort=…,
      DestinationPort=443,BeginTime=1790000000,EndTime=1790000012,SendPkts=…,SendBytes=…,RcvPkts=…,RcvBytes=…
    %%01SECLOG/6/SESSION_URL(l):IPVer=4,Protocol=tcp,SourceIP=…,BeginTime=…,EndTime=…,Page=/a?b=1,2,Host=…
    %%01POLICY/6/POLICYPERMIT(l):CID=0x814f041e;vsys=public, protocol=6, source-ip=10.1.2.3, source-port=…, …
    %%01URL/4/FILTER(l): The URL filtering policy was matched. (…, SrcIp=10.1.2.3, DstIp=…, User="ada",
      Host="…", Page="/a", Action=Block)

`Send…` is what the initiator sent. A session is told when it ends, with both its times; a request of it in
between (SESSION_URL), whose page may have commas in it.
The syslog head is in UTC (unless `info-center loghost … local-time` is set), `time` of a policy match in the
firewall's own zone.
Source: Huawei, "HiSecEngine USG Log Reference" (SECLOG, POLICY, URL).
"""

from __future__ import annotations

import polars as pl

from sensor.sources.logs.log_format import LogFormat
from sensor.sources.logs.text import keyvalue, patterns
from sensor.sources.logs.text.reasons import NO_CONNECTION, NO_PORTS
from sensor.sources.logs.text.transports import has_ports
from sensor.sources.logs.text.words import one_of

#: Keys in lower case; modules spell them differently.
_FIELDS = {
    "client": "sourceip|source-ip|srcip|src-ip",
    "client_port": "sourceport|source-port|srcport",
    "server": "destinationip|destination-ip|dstip|dst-ip",
    "port": "destinationport|destination-port|dstport",
    "proto": "protocol",
    "user": "user|username|user-name|srcuser",
    "host": "host|hostname",
    "page": "page|url",
    "action": "action",
    "begin": "begintime",
    "end": "endtime",
    "time": "time",
    "up": "sendbytes",
    "down": "rcvbytes",
    "packets_up": "sendpkts",
    "packets_down": "rcvpkts",
}
_FRONT = r"^((?:\d{4}[-/]\d\d[-/]\d\d|[A-Z][a-z]{2} +\d{1,2} \d{4}) \d\d:\d\d:\d\d) "
_REQUEST = r"SESSION_URL\(\w+\):.*?\bPage=(?P<asked>.*),Host=(?P<of>[^,]*?)\.?\s*$"
_EVENT = r"%%\d\d(\w+)/\d/(\w+)\(\w+\)"


class HuaweiFormat(LogFormat):
    """Reads Huawei firewall logs."""

    name = "huawei"
    help = "Huawei USG and HiSecEngine firewalls: sessions, policies, URL filtering (syslog)"
    vantage = "firewall"
    is_on_site = True
    proof = ("host", "path", "user", "bytes_up", "bytes_down", "action")
    advice = "Send session logs in syslog form (volumes) and URL filtering logs (hosts)."
    marks = ("policy/", "sec/", "seclog/", "session/", "url/")
    claims = pl.col("line").str.contains(
        r"%%\d\d(?:(?:SECLOG|POLICY|URL|SESSION)/\d/\w+|SEC/\d/POLICY(?:PERMIT|DENY))\(\w+\)"
    )

    def parse(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per session, packet decided or visit."""
        text = lines["line"].str.replace(r"^.*?%%(\d)", "%%$1")
        request = patterns.read(text, _REQUEST)
        event = text.str.extract_groups(_EVENT).struct.rename_fields(["module", "word"]).struct.unnest()
        pairs = text.str.replace(r",Page=.*", "").zip_with(request["of"].is_not_null(), text)
        pairs = pairs.str.replace(r"^%%[^:]*:\s*(?:CID=\w+;)?(?:[^(=]*\()?", "").str.strip_chars_end(".) ")
        read = keyvalue.read(pairs, _FIELDS, separator=",", lower=True).hstack(event).hstack(request)
        # As the memory buffer writes it; behind syslog the envelope has taken it.
        front = lines["line"].str.extract(_FRONT)
        proto = pl.col("proto").str.to_lowercase()
        told = pl.col("of").is_not_null()
        web = (pl.col("module") == "URL").fill_null(False) | told
        ended = pl.col("end").is_not_null() & ~told
        user = pl.col("user")
        page = pl.coalesce("asked", pl.col("page").str.strip_chars('"'))
        refused = pl.col("word").str.contains("DENY") | pl.col("action").str.contains("(?i)block|deny|reset")
        return read.select(
            time=pl.coalesce("begin", pl.lit(front), pl.when(pl.lit(lines["sender"]).is_null()).then("time")),
            ended=pl.when(ended).then("end"),
            kind=one_of({"http": web}, otherwise="flow"),
            client="client",
            client_port="client_port",
            user_name=pl.when(~user.str.to_lowercase().is_in(["unknown", "none"])).then(user),
            host=pl.when(web).then(pl.coalesce("of", "host")),
            path=pl.when(web & page.str.starts_with("/")).then(page),
            server="server",
            server_port="port",
            transport=proto,
            bytes_up="up",
            bytes_down="down",
            packets_up="packets_up",
            packets_down="packets_down",
            action=one_of({"blocked": refused}, otherwise="allowed"),
            session=pl.when(~refused.fill_null(False)).then(
                pl.concat_str(
                    lines["sender"].fill_null(""), "client", "client_port", "server", "port", separator="|"
                )
            ),
            phase=one_of({"name": web, "end": ended}, otherwise="begin"),
            reason=one_of({NO_CONNECTION: pl.col("client").is_null(), NO_PORTS: ~has_ports(proto)}),
        )
