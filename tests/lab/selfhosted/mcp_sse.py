"""An MCP server over the first transport: an event stream and posts."""

from __future__ import annotations

import asyncio

from tests.lab.selfhosted import mcp_streamable_http

STORY = (
    "The official MCP SDK over HTTP+SSE, the transport of 2024-11-05: the answers come in one long "
    "event stream, the calls are posts beside it."
)
PACKAGES = ("mcp",)
PORT = mcp_streamable_http.PORT
PLACE = 105
TELLS = [
    {"app": "behaviours/mcp-sse", "streamed": True, "mcp_server": "lab-tools"},
    # the posts go to a path of many other things too: that they are MCP is told by what is said
    {"mcp_client": "lab-desk", "mcp_methods": "initialize,notifications/initialized,tools/call,tools/list"},
]
FINDINGS = ["cleartext_mcp", "unauthenticated_server", "unknown_mcp_server"]


def serve(address: str) -> None:
    """The same three tools."""
    mcp_streamable_http.serve(address, "sse")


def use(address: str) -> None:
    """One session."""
    from mcp.client.sse import sse_client

    asyncio.run(mcp_streamable_http.call(sse_client(f"http://{address}:{PORT}/sse"), "legacy"))
