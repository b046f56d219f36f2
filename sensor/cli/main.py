"""The list of commands, and what an error looks like.

Exit codes: 0 done · 2 wrong usage or setting · 3 input that could not be read (what could be was
kept) · 4 catalog mistake · 5 lake unreadable, unwritable or full · 6 query failed · 7 not sent ·
8 policy mistake · 9 findings of the level asked for · 130 Ctrl-C ·
1 a bug in shadowai, with its traceback in a file.
"""

from __future__ import annotations

import codecs
import errno
import gc
import os
import signal
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sensor.cli.interrupt import STOPPED, Ended, is_ctrl_c
from sensor.errors import LakeError, ShadowAIError, UsageError

#: All commands in the order of the help, and their modules in this folder. A module has an `app` if the
#: command has subcommands, otherwise a function `command` (and a class `Command`, if it parses its arguments
#: differently).
COMMANDS = {
    "scan": "scan",
    "capture": "capture",
    "evidence": "evidence",
    "follow": "follow",
    "listen": "listen",
    "alert": "alert",
    "schedule": "schedule",
    "sql": "sql",
    "decide": "decide",
    "compact": "compact",
    "rematch": "rematch",
    "who": "who",
    "retain": "retain",
    "erase": "erase",
    "export": "exports",
    "export-subject": "export_subject",
    "privacy-sheet": "privacy_sheet",
    "doctor": "doctor",
    "warm": "warm",
    "report": "report",
    "sources": "sources",
    "catalog": "catalog",
    "candidates": "candidates",
    "policy": "policy",
    "keys": "keys",
    "reveal": "reveal",
    "audit": "audit",
}


class _Commands(Mapping[str, Any]):
    """All commands by name. A command's module is imported on first access, because a run needs only one."""

    def __getitem__(self, name: str) -> Any:
        return _command(name, COMMANDS[name])

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


@cache
def _command(name: str, module: str) -> Any:
    found = import_module(f"sensor.cli.{module}")
    alone = typer.Typer(rich_markup_mode=None)
    if hasattr(found, "app"):
        alone.add_typer(found.app, name=name)
    else:
        alone.command(name, cls=getattr(found, "Command", None))(found.command)
    return typer.main.get_group(alone).commands[name]


class _Program(TyperGroup):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Commands()  # type: ignore[assignment]


app = typer.Typer(
    name="shadowai",
    cls=_Program,
    help="Find out which AI services a network uses, by whom, and how much data goes out to them.",
    epilog="Exit codes: 0 done · 1 a bug · 2 usage · 3 input unreadable · 4 catalog · 5 lake · 6 query · "
    "7 not sent · 8 policy · 9 findings · 130 stopped.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"shadowai {version('shadow-ai-sensor')}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None: ...


#: Added to the shell's umask, so that no other account can replace a views file or a folder of keys.
_OTHERS_WRITE = 0o022
#: Errors of a path on the command line that cannot be used.
_PATHS = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
#: Threshold of the garbage collector. The default is low: imports make many objects that stay, frames hardly
#: any.
_GARBAGE = 50_000


def run() -> None:
    """Run the command line; every error a user can meet is one line on stderr."""
    if sys.platform == "win32":
        _say("shadowai: needs Linux or macOS; on Windows, install it inside WSL")
        sys.exit(UsageError.exit_code)
    gc.set_threshold(_GARBAGE)
    # otherwise pydantic searches every installed distribution for plug-ins
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    os.umask(os.umask(_OTHERS_WRITE) | _OTHERS_WRITE)
    if isinstance(sys.stdout, TextIOWrapper):
        codecs.register_error("plain", _plain)
        sys.stdout.reconfigure(errors="plain")
    try:
        code = _run()
    except KeyboardInterrupt:
        _say(STOPPED)
        code = 128 + signal.SIGINT
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at Python's end
        code = code or _unwritten(error)
    sys.exit(code)


def _unwritten(error: OSError) -> int:
    """The exit code where standard output cannot take what was printed."""
    if isinstance(error, BrokenPipeError):  # `shadowai sql … | head`: the reader has left; that is no error
        return 0
    _say(f"shadowai: standard output: {str(error.strerror).lower()}; write to another place")
    return UsageError.exit_code


def _plain(error: UnicodeError) -> tuple[str, int]:
    """On a terminal without UTF-8, replaces letters that its encoding lacks: by the unaccented letter, else
    by `?`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = unicodedata.normalize("NFKD", error.object[error.start : error.end])
    return text.encode(error.encoding, "replace").decode(error.encoding), error.end


def arguments(words: list[str]) -> dict[str, Any]:
    """The parameters that these words of a command line give to a command. Raises UsageError if it would
    refuse them."""
    from typer.exceptions import TyperException

    name, *rest = words
    found = typer.main.get_group(app).commands[name]
    try:
        return dict(found.make_context(name, rest).params)
    except TyperException as error:
        message = getattr(error, "format_message", error.__str__)()
        raise UsageError(
            message[0].lower() + message[1:].rstrip("."),
            place=" ".join(words),
            hint=f"see shadowai {name} --help",
        ) from None


def _run() -> int:
    """The exit code. It is returned, not raised, so that no traceback keeps frames alive at the end."""
    try:
        app()
    except SystemExit as done:
        if isinstance(done.__context__, BrokenPipeError):  # typer turns it into exit code 1
            return 0
        code = done.code if isinstance(done.code, int) else int(done.code is not None)
        if code == 130 and not isinstance(done, Ended):  # typer turns Ctrl-C into this
            _say(STOPPED)
        return code
    except ShadowAIError as error:
        _say(f"shadowai: {error}")
        return error.exit_code
    except Exception as error:
        if is_ctrl_c(error):
            raise KeyboardInterrupt from None
        if isinstance(error, OSError) and error.errno in _PATHS and error.filename is not None:
            # a path on the command line, and the command did not handle the error itself
            why = f"{str(error.strerror).lower()}; check the path, and who may use it"
            _say(f"shadowai: {error.filename}: {why}")
            return UsageError.exit_code
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            if error.filename is None:
                return _unwritten(error)
            _say(f"shadowai: {error.filename}: {str(error.strerror).lower()}; free space or inodes there")
            return LakeError.exit_code
        kind = type(error).__name__
        _say(f"shadowai: this is a bug in shadowai ({kind}); details in {_keep_traceback(error)}")
        return 1
    return 0


def _say(text: str) -> None:
    """Print to stderr, one line per problem, without control characters that a file name might contain."""
    for line in text.splitlines():
        print("".join(c if c.isprintable() else "?" for c in line), file=sys.stderr)


def _keep_traceback(error: BaseException) -> str:
    """Write the traceback to a file; returns its path. Messages may quote data, so only their shape is
    kept."""
    import tempfile
    import traceback

    from sensor.sources.logs.lines.blocks import shape

    with tempfile.NamedTemporaryFile("w", prefix="shadowai-", suffix=".txt", delete=False) as file:
        cause: BaseException | None = error
        while cause is not None:
            file.writelines(traceback.format_tb(cause.__traceback__))
            file.write(f"{type(cause).__module__}.{type(cause).__name__}: {shape(str(cause))}\n\n")
            cause = cause.__cause__ or cause.__context__
    return file.name
