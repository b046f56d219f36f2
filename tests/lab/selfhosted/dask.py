"""A Dask scheduler, a worker and a client."""

from __future__ import annotations

STORY = (
    "A Dask scheduler on port 8786 with a worker on the same host; a client from another host sends it "
    "a function to run. Nobody asks who it is, and functions travel pickled."
)
PACKAGES = ("distributed", "cloudpickle")
PORT = 8786
PLACE = 102
TELLS = [{"app": "behaviours/dask"}]
FINDINGS = ["plaintext_fabric"]


def serve(address: str) -> None:
    """Scheduler and worker in one process group."""
    import asyncio

    from distributed import Scheduler, Worker

    async def run() -> None:
        async with (
            Scheduler(host=address, port=PORT, dashboard_address=None) as scheduler,
            Worker(f"tcp://{address}:{PORT}", host=address, nthreads=1, dashboard_address=None),
        ):
            await scheduler.finished()

    asyncio.run(run())


def use(address: str) -> None:
    """One sum."""
    from distributed import Client

    with Client(f"tcp://{address}:{PORT}", set_as_default=False) as client:
        assert client.submit(sum, [1, 2]).result() == 3
