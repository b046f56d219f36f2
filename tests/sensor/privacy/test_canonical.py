"""However a log writes an account or a hardware address, it is one."""

import polars as pl
import pytest

from sensor.privacy.canonical import canonical


@pytest.mark.parametrize(
    ("column", "written", "one"),
    [
        ("user_name", ["ada", "ADA", " Ada ", r"CORP\Ada", "ada@corp.example", "Ada@CORP"], "ada"),
        ("user_name", ["pc17$", r"CORP\PC17$"], "pc17$"),
        ("user_name", ["ada.lovelace", r"corp\ada.lovelace"], "ada.lovelace"),
        ("device", ["LAPTOP-1", "laptop-1 "], "laptop-1"),
        ("mac", ["AA-BB-CC-00-11-22", "aabb.cc00.1122", "aa:bb:cc:00:11:22"], "aa:bb:cc:00:11:22"),
        ("client_mac", ["AABBCC001122"], "aa:bb:cc:00:11:22"),
    ],
)
def test_one_identity_has_one_form(column: str, written: list[str], one: str) -> None:
    assert set(canonical(pl.DataFrame({column: written}))[column]) == {one}


def test_what_is_none_stays_none_and_other_columns_stay() -> None:
    frame = pl.DataFrame(
        {"user_name": ["@corp", None, "\\"], "mac": ["short", None, ""], "host": ["A", "b", "c"]}
    )
    out = canonical(frame)
    assert out["user_name"].to_list() == [None, None, None]
    assert out["mac"].to_list() == ["short", None, ""] and out["host"].to_list() == ["A", "b", "c"]
    assert canonical(frame.clear()).is_empty()
