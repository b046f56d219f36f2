"""The record names who really ran a command."""

import os
import pwd
from pathlib import Path

import pytest

from sensor import account

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.parametrize(
    ("login", "said"),
    [
        (str(2**32 - 1), ME),
        (str(os.getuid()), ME),
        ("", ME),
        ("3999999999", f"{ME}, login uid 3999999999"),
        (str(pwd.getpwnam("nobody").pw_uid), f"{ME}, login nobody"),
    ],
)
def test_the_account_comes_from_the_login_and_not_from_the_environment(
    login: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loginuid").write_text(login)
    monkeypatch.setenv("LOGNAME", "ben")
    assert account.account(tmp_path / "loginuid") == said


def test_an_account_that_no_file_names_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999_998)
    assert account.account().startswith("uid 3999999998")
