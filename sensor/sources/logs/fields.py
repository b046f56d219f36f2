"""The columns a log format may return from `parse`, with their dtypes and what each holds."""

from __future__ import annotations

import polars as pl

from sensor import schema

TEXT, WHOLE = pl.String(), pl.Int64()
#: Columns that `parse` may return. All are optional: NULL or absent where the record does not have the value.
#: Text may be as written in the log; it is cleaned later.
FIELDS: dict[str, tuple[pl.DataType, str]] = {
    # --- the record; needed only where one record gives no row or several rows
    "row": (WHOLE, "number of the record, from 0; absent: row n is record n"),
    "reason": (
        TEXT,
        "why the record is no observation: `set aside: …` on purpose, otherwise it is unreadable",
    ),
    "lost": (WHOLE, "records that the writer says it could not write before this one"),
    # --- time
    "time": (TEXT, "the timestamp as written (formats: text/stamps.py); NULL: that of the envelope"),
    "zone": (TEXT, "offset or zone name of the timestamp, where the log has it in another field"),
    "at": (schema.TIME, "the time, where the format parses it itself"),
    "at_end": (pl.Boolean(), "the timestamp is the end: `duration_s` is subtracted"),
    "duration_s": (pl.Float64(), "how long the event lasted"),
    "ended": (TEXT, "timestamp of the end, where `time` is the beginning; gives `duration_s`"),
    # --- kind and outcome
    "kind": (TEXT, "dns, tls, quic, http, proxy, flow; or `lease`: it names the holder of an address"),
    "action": (TEXT, "allowed, blocked … or the product's own term (text/verdicts.py)"),
    # --- client
    "client": (TEXT, "address of the host that asked or connected"),
    "client_port": (WHOLE, ""),
    "client_mac": (TEXT, ""),
    "user_name": (TEXT, "account as written; machine accounts become `device`"),
    "device": (TEXT, "host name of the client"),
    "roams": (
        pl.Boolean(),
        "of a gateway (`is_on_site`): the client may be anywhere, its address one of many homes",
    ),
    # --- request and server
    "url": (TEXT, "URL, with or without scheme, or host:port; gives host, path, server, server_port"),
    "url_rest": (TEXT, "path of `url` without query, where the format has cut it off"),
    "host": (TEXT, "a bare name: question, SNI, URL host"),
    "qtype": (TEXT, "type of a DNS question, by name or number: A, 28, TYPE65; PTR is set aside"),
    "name_from": (TEXT, "qname, sni, quic_sni, http_host, url, certificate, address …; default by kind"),
    "path": (TEXT, "URL path, query string allowed (it is dropped)"),
    "method": (TEXT, ""),
    "status": (WHOLE, "HTTP status"),
    "user_agent": (TEXT, ""),
    "model": (TEXT, "AI model named in the request (text/models.py)"),
    "mcp_methods": (TEXT, "MCP methods called, comma separated"),
    "mcp_client": (TEXT, "name that the MCP client reports"),
    "mcp_server": (TEXT, "name that the MCP server reports"),
    "mcp_tools": (TEXT, "MCP tools by name, each with its number of calls: `search=2,read=0`"),
    "mcp_version": (TEXT, "MCP protocol version"),
    "cname": (TEXT, "last name of a CNAME chain"),
    "ja4": (TEXT, ""),
    "server": (TEXT, "address of the origin server, never a proxy's; of a lookup, the resolver's"),
    "server_port": (WHOLE, ""),
    "transport": (TEXT, "tcp or udp; protocol numbers 6 and 17 are understood"),
    "software": (TEXT, "server software in lower case: `server: llama.cpp`, names of x- headers"),
    "tunnel": (TEXT, ""),
    "key_type": (
        TEXT,
        "type of an AI key, if the format extracts keys itself; otherwise the line is searched",
    ),
    "key_print": (TEXT, "the key's fingerprint (decode/text/credentials.py)"),
    "decrypted": (pl.Boolean(), "was inside TLS; default: by the scheme of `url`"),
    # --- volume, from the client's side: up is what the client sent
    "bytes_up": (WHOLE, ""),
    "bytes_down": (WHOLE, ""),
    "packets_up": (WHOLE, ""),
    "packets_down": (WHOLE, ""),
    # --- DNS answers, for naming later flows
    "answers": (pl.List(TEXT), "addresses in the response"),
    "ttl_s": (WHOLE, ""),
    # --- sessions logged in several lines (sessions.py); absent: each line is complete
    "session": (TEXT, "id that the lines of one session share"),
    "phase": (
        TEXT,
        "`begin` (opens it), `name`, `update`, `end`: bytes are those of the session so far; `delta`, "
        "`end-delta`: bytes are those since the line before",
    ),
    "total_bytes_up": (WHOLE, "bytes of the session so far, beside those of a `delta`"),
    "total_bytes_down": (WHOLE, ""),
    # --- one-way records (flows.py)
    "one_way": (
        pl.Boolean(),
        "the record counts only what client sent to server; another counts the other way",
    ),
    "observer": (TEXT, "interface, exporter or host that recorded it: several may record the same packets"),
    # --- leases (kind `lease`); the address is `client`
    "lease_from": (schema.TIME, "beginning of the lease; NULL: the time of the line"),
    "lease_to": (schema.TIME, "end of the lease, exclusive; NULL: open"),
    "lease_s": (
        pl.Float64(),
        "duration of the lease, where the line has that instead of an end, and does not close it",
    ),
    "closes": (
        pl.Boolean(),
        "the holder released the address at `lease_to` (NULL: the time of the line): earlier leases end, too",
    ),
    "origin": (
        TEXT,
        "of a lease: dhcp, directory, vpn, radius …; default: the format's vantage. Of a request: its "
        "Origin header, which identifies browser extensions",
    ),
    "confidence": (pl.Float64(), ""),
    "shared": (pl.Boolean(), "more than one person behind the address"),
}
