"""Who runs this process, according to the kernel: LOGNAME can be set to a colleague's name, this cannot."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

#: User id of the login; sudo and su do not change it (proc_pid_loginuid(5), pam_loginuid(8)).
LOGIN_UID = Path("/proc/self/loginuid")
#: Its value in services and containers, where nobody logged in.
_UNSET = 2**32 - 1


def account(login_uid: Path = LOGIN_UID) -> str:
    """The account this process runs as, followed by `, login <name>` if another account logged in."""
    runs, login = os.getuid(), _login(login_uid)
    return _name(runs) if login in (None, runs) else f"{_name(runs)}, login {_name(login or 0)}"


def _login(login_uid: Path) -> int | None:
    """User id of the login; None if nobody logged in, or the kernel keeps no record."""
    try:
        number = int(login_uid.read_text("ascii"))
    except (OSError, ValueError):
        return None
    return None if number == _UNSET else number


def _name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a container's
        return f"uid {number}"
