"""Tables that consoles and search tools export: their rows are read as the records they were made of."""

from __future__ import annotations

import pytest

from tests.sensor.sources.logs.formats.reading import rows

_KIBANA = (
    '"@timestamp","source.ip","source.port","destination.ip","destination.port","network.transport",'
    '"event.action","source.bytes","destination.bytes"\n'
    '"Oct 6, 2026 @ 10:00:00.123","10.1.2.3","50,000","192.0.2.7",443,tcp,allow,900,"2,214"\n'
)
_LOG_ANALYTICS = (
    "TimeGenerated [UTC],Protocol,SourceIp,SourcePort,DestinationPort,Fqdn,Action,Rule,Type\n"
    '"10/6/2026, 10:00:00.123 AM",HTTPS,10.1.2.3,50000,443,chat.example.com,Deny,r,AZFWApplicationRule\n'
)
_LOOKUPS = (
    '"TenantId","TimeGenerated","SourceIp","SourcePort","QueryType","QueryName","Protocol","ResponseCode","Type"\n'
    '"t","2026-10-06 10:00:00.0766240","10.1.2.3","50000","A","chat.example.com.","udp","REFUSED","AZFWDnsQuery"\n'
)
_CONNECTIONS = (
    "TimeGenerated [UTC],ActionType,DeviceName,LocalIP,LocalPort,Protocol,RemoteIP,RemotePort,RemoteUrl,Type\n"
    '"10/6/2026, 10:00:00.123 AM",ConnectionSuccess,pc7,10.1.2.3,50000,Tcp,192.0.2.7,443,chat.example.com,'
    "DeviceNetworkEvents\n"
)
#: One table for all of Cloudflare's logs.
_CLOUDFLARE = (
    "TimeGenerated,BytesReceived,BytesSent,Datetime,DestAddr,DstIP,Email,HTTPHost,HTTPMethod,QueryName,"
    "QueryTypeName,ResolverDecision,SNI,SourceIP,SrcAddr,SrcIP,SrcPort,URL,Type\n"
    "2026-10-06T10:05:00.1Z,,,2026-10-06T10:00:00Z,,,jane@example.com,,,chat.example.com,A,blockedByCategory,"
    ",,,10.1.2.3,50000,,CloudflareV2_CL\n"
)
_SMART_CONSOLE = (
    "Time;Blade;Action;Type;Interface;Origin;Source;Source User Name;Destination;Service\n"
    "6 Oct 2026, 10:00:00;Firewall;Drop;Connection;eth1;gw1;10.1.2.3;jane;192.0.2.7;https (TCP/443)\n"
)
_ACTIVITY_SEARCH = (
    "Date,Time,Policy Identity,Policy Identity Type,Identities,Identity Types,Internal IP,External IP,"
    "Action,Destination,Record Type,Response Code\n"
    "2026-10-06,10:00:00,LAPTOP,Roaming Computers,LAPTOP,Roaming Computers,10.1.2.3,203.0.113.9,Blocked,"
    "chat.example.com,1 (A),NOERROR\n"
)
_WEB_INSIGHTS = (
    "No.,Logged Time,Event Time,User,Policy Action,URL,Client IP,Server IP,Request Method,Response Code\n"
    '1,"Tuesday, October 06, 2026 10:00:05 AM","Tuesday, October 06, 2026 10:00:00 AM",jane@example.com,'
    "Blocked,chat.example.com/,10.1.2.3,192.0.2.7,GET,403\n"
)
_LEASES = (
    "address,binding_state,client_hostname,hardware,starts,ends\n"
    "10.1.2.3,ACTIVE,laptop,02:00:00:00:00:0a,2026-10-06 10:00:00,2026-10-06 22:00:00\n"
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (_KIBANA, ("ecs", "flow", "10.1.2.3", None, None, "192.0.2.7", 443, 900, 2214, "allowed")),
        (_LOG_ANALYTICS, ("azure-firewall", "tls", "10.1.2.3", None, "chat.example.com", None, 443, None, None, "blocked")),
        (_LOOKUPS, ("azure-dns", "dns", "10.1.2.3", None, "chat.example.com", None, None, None, None, "blocked")),
        (_CONNECTIONS, ("defender", "flow", "10.1.2.3", None, "chat.example.com", "192.0.2.7", 443, None, None, "allowed")),
        (_CLOUDFLARE, ("cloudflare", "dns", "10.1.2.3", "jane@example.com", "chat.example.com", None, None, None, None, "blocked")),
        (_SMART_CONSOLE, ("checkpoint", "flow", "10.1.2.3", "jane", None, "192.0.2.7", 443, None, None, "blocked")),
        (_ACTIVITY_SEARCH, ("umbrella", "dns", "10.1.2.3", None, "chat.example.com", None, None, None, None, "blocked")),
        (_WEB_INSIGHTS, ("zscaler", "proxy", "10.1.2.3", "jane@example.com", "chat.example.com", "192.0.2.7", None, None, None, "blocked")),
        (_LEASES, ("infoblox", "lease", "10.1.2.3", None, None, None, None, None, None, None)),
    ],
)  # fmt: skip
def test_a_row_is_the_record_it_was_made_of(text: str, told: tuple[object, ...]) -> None:
    names = (
        "log_format",
        "kind",
        "client",
        "user_name",
        "host",
        "server",
        "server_port",
        "bytes_up",
        "bytes_down",
        "action",
    )
    (row,) = [row for row in rows(text).iter_rows(named=True) if row["reason"] is None]
    assert tuple(row[name] for name in names) == told
    assert row["seen_at"].isoformat().startswith("2026-10-06T10:00:00")


def test_a_table_nobody_knows_stays_as_it_is() -> None:
    assert rows("name,colour,weight\napple,green,150\npear,yellow,170\n").is_empty()
