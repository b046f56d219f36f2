"""Qdrant's own client at a server in its shape."""

from __future__ import annotations

from tests.lab.selfhosted import small

STORY = (
    "Qdrant's Python client looks at collections, writes vectors with their texts and searches, at a "
    "server of ours that answers in Qdrant's shape on port 6333. (Qdrant itself is no Python package.)"
)
PACKAGES = ("qdrant-client", "httpx")
PORT = 6333
PLACE = 111
TELLS = [{"app": "behaviours/qdrant", "status": 200, "credential": "none"}]
FINDINGS = ["unauthenticated_server"]


def serve(address: str) -> None:
    """Collections, points, search."""
    small.serve(address, PORT, _answer)


def _answer(method: str, path: str, body: bytes) -> small.Answer | None:
    if path == "/":
        return small.as_json({"title": "qdrant - vector search engine", "version": "1.9.0"})
    result: object = True
    if path == "/collections":
        result = {"collections": [{"name": "lab"}]}
    elif path.endswith("/points"):
        result = {"operation_id": 1, "status": "completed"}
    elif path.endswith("/query"):
        result = {"points": [{"id": 1, "version": 1, "score": 0.5, "payload": {"text": "lorem"}}]}
    return small.as_json({"result": result, "status": "ok", "time": 0.001})


def use(address: str) -> None:
    """Look, write, search."""
    from qdrant_client import QdrantClient, models

    client = QdrantClient(url=f"http://{address}:{PORT}", check_compatibility=False)
    client.get_collections()
    point = models.PointStruct(id=1, vector=[0.1, 0.2], payload={"text": "lorem"})
    client.upsert("lab", points=[point])
    client.query_points("lab", query=[0.1, 0.2])
