"""Who runs this process, as the kernel knows it: not LOGNAME, which anybody sets to a colleague's."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

#: The account that logged in: stays what it was through sudo and su (proc_pid_loginuid(5), pam_loginuid(8)).
_LOGIN = Path("/proc/self/loginuid")
#: Nobody logged in: services and containers.
_UNSET = 2**32 - 1


def account() -> str:
    """The account in whose name this process runs, and who logged in where that is somebody else."""
    runs, login = os.getuid(), _login()
    return _name(runs) if login in (None, runs) else f"{_name(runs)}, login {_name(login or 0)}"


def _login() -> int | None:
    """None where nobody logged in, or the kernel keeps no such record."""
    try:
        number = int(_LOGIN.read_text("ascii"))
    except (OSError, ValueError):
        return None
    return None if number == _UNSET else number


def _name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a container's
        return f"uid {number}"
