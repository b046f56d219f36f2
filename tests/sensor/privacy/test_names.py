"""A person who signs in as `jdoe` here and as `jane.doe@…` there is one person."""

from __future__ import annotations

import polars as pl

from sensor.privacy.names import Names

DIRECTORY = pl.DataFrame(
    {
        "user_name": ["CORP\\JDoe", "ada", "bob", "cy", "cy2", None],
        "other_names": [
            ["jane.doe@corp.test", "Jane.Doe@corp.test", "jdoe@corp.test"],
            None,
            ["ada@corp.test", "robert@corp.test"],  # ada is somebody else
            ["c.young@one.test"],
            ["c.young@two.test"],
            ["nobody@corp.test"],
        ],
    }
)


def test_a_name_is_that_of_the_one_account_that_has_it() -> None:
    names = Names.of(DIRECTORY)
    assert names.accounts == {"jane.doe": "jdoe", "robert": "bob"}
    written = pl.Series(["jane.doe", "jdoe", "c.young", "ada", None])
    assert names.applied(written).to_list() == ["jdoe", "jdoe", "c.young", "ada", None]
    assert Names.of(DIRECTORY.clear()).applied(written).to_list() == written.to_list()


def test_whoever_is_typed_has_all_names() -> None:
    names = Names.of(DIRECTORY)
    assert {names.all_of(one) for one in ("jdoe", "CORP\\jdoe", "Jane.Doe@corp.test")} == {
        ("jdoe", "jane.doe")
    }
    assert names.all_of("Ada") == ("ada",)
