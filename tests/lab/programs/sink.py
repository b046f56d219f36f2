"""Servers that take whatever they are sent and answer 4 kB: TCP port 443 of all addresses there are."""

from __future__ import annotations

import asyncio

ANSWER = bytes(4_000)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer what comes first, take the rest."""
    await reader.read(1)
    writer.write(ANSWER)
    while await reader.read(65_536):
        pass
    writer.close()


async def main() -> None:
    """Until terminated."""
    server = await asyncio.start_server(serve, "0.0.0.0", 443)
    await server.serve_forever()


asyncio.run(main())
