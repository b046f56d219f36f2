"""Two ranks of a PyTorch job meet and add up a tensor, on processors alone."""

from __future__ import annotations

STORY = (
    "Rank 0 of a PyTorch job keeps the store of the rendezvous on port 29500; rank 1 on another host "
    "joins, and both add up a tensor over gloo. Whoever reaches the store can join."
)
PACKAGES = ("torch",)
PORT = 29500
PLACE = 113
TELLS = [{"app": "behaviours/torch-distributed", "server_port": 29500}]
FINDINGS = ["plaintext_fabric"]


def serve(address: str) -> None:
    """Rank 0."""
    _join(address, 0)


def use(address: str) -> None:
    """Rank 1."""
    _join(address, 1)


def _join(address: str, rank: int) -> None:
    import os
    from datetime import timedelta

    os.environ["GLOO_SOCKET_IFNAME"] = "eth0"
    import torch
    import torch.distributed

    torch.distributed.init_process_group(
        "gloo", init_method=f"tcp://{address}:{PORT}", rank=rank, world_size=2, timeout=timedelta(seconds=60)
    )
    some = torch.ones(256)
    torch.distributed.all_reduce(some)
    assert some[0] == 2
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
