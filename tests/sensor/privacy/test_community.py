"""Community ID against the specification's own examples (community-id-spec, README and baseline)."""

import polars as pl
import pytest

from sensor.privacy.community import community_ids


def _rows(*rows: tuple[str | None, int, str, int, str]) -> pl.DataFrame:
    names = ["client", "client_port", "server", "server_port", "transport"]
    return pl.DataFrame(rows, schema=names, orient="row")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("128.232.110.120", 34855, "66.35.250.204", 80, "tcp"), "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (("192.168.1.52", 54585, "8.8.8.8", 53, "udp"), "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    ],
)
def test_the_specifications_examples_in_both_directions(
    row: tuple[str, int, str, int, str], expected: str
) -> None:
    client, client_port, server, server_port, transport = row
    both = _rows(row, (server, server_port, client, client_port, transport))
    assert community_ids(both).to_list() == [expected, expected]


def test_what_is_not_known_has_none() -> None:
    rows = _rows(
        (None, 1, "8.8.8.8", 53, "udp"), ("10.0.0.1", 1, "host", 53, "udp"), ("::1", 1, "8.8.8.8", 5, "tcp")
    )
    assert community_ids(rows).to_list() == [None, None, None]
