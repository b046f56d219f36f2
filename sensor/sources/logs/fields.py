"""The columns a log family may return from `parse`, with their dtypes and what each holds."""

from __future__ import annotations

import polars as pl

from sensor import schema

TEXT, WHOLE = pl.String(), pl.Int64()
#: What `parse` may return; all optional, NULL or absent where the line does not say. Text may be raw.
FIELDS: dict[str, tuple[pl.DataType, str]] = {
    # --- which record it is from; needed only where one record gives none or several rows
    "row": (WHOLE, "number of the record, from 0; absent: row n is record n"),
    "reason": (TEXT, "why it is no observation: `set aside: …` on purpose, else it could not be read"),
    # --- time
    "time": (TEXT, "the stamp as written (formats: text/stamps.py); NULL: the envelope's"),
    "zone": (TEXT, "offset or zone name of the stamp, where another field says it"),
    "at": (schema.TIME, "the time, where the family reads it itself"),
    "at_end": (pl.Boolean(), "the stamp is the end: `duration_s` is subtracted"),
    "duration_s": (pl.Float64(), "how long it lasted"),
    "ended": (TEXT, "the stamp of its end, where `time` is its beginning; gives `duration_s`"),
    # --- what it is
    "kind": (TEXT, "dns, tls, quic, http, proxy, flow; or `lease`: it tells who held an address"),
    "action": (TEXT, "allowed, blocked … or the product's own word (text/verdicts.py)"),
    # --- who
    "client": (TEXT, "address of who asked or connected"),
    "client_port": (WHOLE, ""),
    "client_mac": (TEXT, ""),
    "user_name": (TEXT, "account as written; machine accounts become `device`"),
    "device": (TEXT, "host name of the client"),
    # --- what for
    "url": (TEXT, "URL, with or without scheme, or host:port; gives host, path, server, server_port"),
    "url_rest": (TEXT, "path of `url` without query, where the family has cut it off"),
    "host": (TEXT, "a bare name: question, SNI, URL host"),
    "name_from": (TEXT, "qname, sni, quic_sni, http_host, url, certificate, address …; default by kind"),
    "path": (TEXT, "URL path, query string allowed (it is dropped)"),
    "method": (TEXT, ""),
    "status": (WHOLE, "HTTP status"),
    "user_agent": (TEXT, ""),
    "model": (TEXT, "AI model the request names (text/models.py)"),
    "mcp_methods": (TEXT, "MCP methods it calls, comma separated"),
    "mcp_client": (TEXT, "what an MCP client calls itself"),
    "mcp_server": (TEXT, "what an MCP server calls itself"),
    "mcp_tools": (TEXT, "MCP tools by name, each with its calls: `search=2,read=0`"),
    "mcp_version": (TEXT, "MCP protocol version it names"),
    "cname": (TEXT, "last name of a CNAME chain"),
    "ja4": (TEXT, ""),
    "server": (TEXT, "address of the origin server, never a proxy's; of a lookup, the resolver's"),
    "server_port": (WHOLE, ""),
    "transport": (TEXT, "tcp or udp; protocol numbers 6 and 17 are understood"),
    "software": (TEXT, "what the server says it runs, lower case: `server: llama.cpp`, names of x- headers"),
    "tunnel": (TEXT, ""),
    "key_type": (TEXT, "of an AI key, where the family itself has taken it out (else the line is looked at)"),
    "key_print": (TEXT, "its fingerprint (decode/keys.py)"),
    "decrypted": (pl.Boolean(), "was inside TLS; default: so says the scheme of `url`"),
    # --- how much (client's view: up is what the client sent)
    "bytes_up": (WHOLE, ""),
    "bytes_down": (WHOLE, ""),
    "packets_up": (WHOLE, ""),
    "packets_down": (WHOLE, ""),
    # --- DNS answers, for naming later flows
    "answers": (pl.List(TEXT), "addresses told to the client"),
    "ttl_s": (WHOLE, ""),
    # --- sessions told in several lines (sessions.py); absent: every line stands for itself
    "session": (TEXT, "what the lines of one session have in common"),
    "phase": (
        TEXT,
        "`begin` (opens it), `name`, `update`, `end`: bytes are those of the session so far; `delta`, "
        "`end-delta`: bytes are those since the line before",
    ),
    "total_bytes_up": (WHOLE, "bytes of the session so far, beside those of a `delta`"),
    "total_bytes_down": (WHOLE, ""),
    # --- one-way records (flows.py)
    "one_way": (pl.Boolean(), "only what client sent to server; the way back is a record of its own"),
    "eye": (TEXT, "which interface, exporter or end saw it: several may report one and the same record"),
    # --- leases (kind `lease`); the address is `client`
    "lease_from": (schema.TIME, "first moment; NULL: the time of the line"),
    "lease_to": (schema.TIME, "first moment it no longer holds; NULL: open"),
    "lease_s": (pl.Float64(), "how long it holds, where the line says that instead"),
    "closes": (
        pl.Boolean(),
        "the holder let go at `lease_to` (NULL: the time of the line): leases told before end, too",
    ),
    "origin": (
        TEXT,
        "of a lease: dhcp, directory, vpn, radius, proxy …; default: the family's vantage. Of a request: its "
        "Origin header, by which browser add-ons are known",
    ),
    "confidence": (pl.Float64(), ""),
    "shared": (pl.Boolean(), "more than one person behind the address"),
}
