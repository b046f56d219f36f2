"""An MCP server over Streamable HTTP, used by two generations of the protocol."""

from __future__ import annotations

import asyncio

STORY = (
    "The official MCP SDK serves three tools over Streamable HTTP without TLS or sign-in. Its client "
    "calls two of them in the generation of 2025-11-25 (initialize, session) and again in that of "
    "2026-07-28 (stateless)."
)
PACKAGES = ("mcp",)
PORT = 8000
PLACE = 106
TELLS = [
    {
        "app": "behaviours/mcp-streamable-http", "mcp_version": "2025-11-25", "mcp_client": "lab-desk",
        "mcp_server": "lab-tools", "credential": "none",
    },
    {"app": "behaviours/mcp-streamable-http", "mcp_version": "2026-07-28", "mcp_client": "lab-desk"},
]  # fmt: skip
FINDINGS = ["cleartext_mcp", "unauthenticated_server", "unknown_mcp_server"]


def serve(address: str, transport: str = "streamable-http") -> None:
    """Three tools; what they answer is made up."""
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("lab-tools")

    @server.tool()
    def search(query: str) -> str:
        return f"nothing about {query}"

    @server.tool()
    def read(path: str) -> str:
        return f"{path} is empty"

    @server.tool()
    def delete(path: str) -> str:
        return f"{path} is kept"

    server.run(transport=transport, host=address, port=PORT)


def use(address: str) -> None:
    """Both generations: list the tools, call two."""
    for mode in ("legacy", "2026-07-28"):
        asyncio.run(call(f"http://{address}:{PORT}/mcp", mode))


async def call(server: object, mode: str) -> None:
    """One session in the given generation."""
    from mcp import Client, Implementation

    async with Client(server, mode=mode, client_info=Implementation(name="lab-desk", version="1")) as client:
        await client.list_tools()
        await client.call_tool("search", {"query": "lorem"})
        await client.call_tool("read", {"path": "ipsum"})
