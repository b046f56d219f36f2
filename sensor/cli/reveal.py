"""`shadowai reveal`: resolves tokens to names. It takes two people and a reason, and is entered in the audit
log."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensor.cli.options import ConfigOption, LakeOption, StateOption, say, settings_from

if TYPE_CHECKING:
    from sensor.privacy.reveal import Case, Reveals

app = typer.Typer(
    help="Turn tokens back into names. It takes two people: one requests, another approves, and the weekly "
    "report prints it.",
    no_args_is_help=True,
)

NameOption = Annotated[str, typer.Option("--as", metavar="NAME", help="Custodian who does it.")]
SecretOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="File with the secret.", show_default="asked for on the terminal"),
]
CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="Number that `request` printed.")]


@app.command("enrol")
def enrol(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the custodian, as the report prints it.")
    ],
    role: Annotated[str, typer.Option(metavar="ROLE", help="requester (asks) or approver (agrees).")],
    introduced_by: Annotated[
        str | None, typer.Option(metavar="NAME", help="Custodian of the same role, after the first.")
    ] = None,
    secret_file: SecretOption = None,
    introduced_secret_file: SecretOption = None,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Enrol a person for a role. Once both roles are filled, scans store names, sealed for both roles."""
    from sensor.privacy.audit import AuditLog
    from sensor.privacy.vault import Custodians, role_name
    from sensor.settings import state_path

    folder = state_path(settings_from(config, lake=lake, state=state))
    by = None if introduced_by is None else (introduced_by, _secret(introduced_secret_file, introduced_by))
    custodians, log = Custodians(folder), AuditLog(folder)
    custodians.enrol(name, role_name(role), _secret(secret_file, name, new=True), by)
    entry = log.append("reveal.enrol", now=datetime.now(UTC), done_by=name, reason=f"as {role}")
    is_complete = custodians.public_keys() is not None
    vault = "the vault is filled from the next scan on" if is_complete else "the other role is empty"
    typer.echo(f"{name} is {role}; {vault}")
    enrolled = log.enrolled_from(entry.account)
    if others := sorted(one for one, of in custodians.names().items() if of != role and one in enrolled):
        say(
            f"{others[0]} was enrolled from this account, too ({entry.account}); they are two people if each "
            "typed a secret of their own"
        )


@app.command("custodians")
def custodians(lake: LakeOption = None, state: StateOption = None, config: ConfigOption = None) -> None:
    """List who may request and who may approve."""
    from sensor.privacy.vault import Custodians
    from sensor.settings import state_path

    folder = state_path(settings_from(config, lake=lake, state=state))
    for name, role in sorted(Custodians(folder).names().items()):
        typer.echo(f"{role}\t{name}")


@app.command("request")
def request(
    tokens: Annotated[list[str], typer.Argument(metavar="TOKEN...", help="From the restricted views.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Printed in the weekly report: name nobody.")],
    name: NameOption,
    days: Annotated[
        int, typer.Option(min=1, max=90, metavar="DAYS", help="How long it may be looked at.")
    ] = 7,
    secret_file: SecretOption = None,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Request the names behind tokens."""
    case = _reveals(config, lake, state).request(tokens, reason, days, name, _secret(secret_file, name))
    typer.echo(f"{case.case_id}\tnow another person: shadowai reveal approve {case.case_id} --as NAME")


@app.command("approve")
def approve(
    case_id: CaseArgument,
    name: NameOption,
    secret_file: SecretOption = None,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Approve another person's request."""
    reveals = _reveals(config, lake, state)
    for case in reveals.cases():
        if case.case_id == case_id:
            typer.echo(_line(case), err=True)
    case = reveals.approve(case_id, name, _secret(secret_file, name))
    if account := reveals.one_account(case_id):
        say(
            f"{case.requested_by} asked from this account, too ({account}), which is on record; let each "
            "work from their own"
        )
    typer.echo(
        f"{case_id}\tapproved; {case.requested_by} may look until {case.expires_at:%Y-%m-%d %H:%M} UTC"
    )


@app.command("show")
def show(
    case_id: CaseArgument,
    name: NameOption,
    secret_file: SecretOption = None,
    lake: LakeOption = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Show the names behind the tokens of an approved request. Each use is entered in the audit log."""
    values = _reveals(config, lake, state).show(case_id, name, _secret(secret_file, name))
    for token, value in values.items():
        typer.echo(f"{token}\t{value}")


@app.command("list")
def list_(lake: LakeOption = None, state: StateOption = None, config: ConfigOption = None) -> None:
    """List requests that have not expired."""
    for case in _reveals(config, lake, state).cases():
        typer.echo(_line(case))


def _line(case: Case) -> str:
    status = f"approved by {case.approved_by}" if case.approved_by else "not approved"
    until = f"until {case.expires_at:%Y-%m-%d %H:%M} UTC"
    tokens = f"{len(case.tokens)} token{'' if len(case.tokens) == 1 else 's'}"
    return f"{case.case_id}\t{case.requested_by}\t{tokens}\t{status}\t{until}\t{case.reason}"


def _reveals(config: Path | None, lake: Path | None, state: Path | None) -> Reveals:
    from sensor.privacy.keys import Keys
    from sensor.privacy.reveal import Reveals
    from sensor.settings import state_path

    settings = settings_from(config, lake=lake, state=state)
    folder = state_path(settings)
    return Reveals(folder, Keys(folder, settings.zone), datetime.now(UTC))


def _secret(file: Path | None, name: str, *, new: bool = False) -> str:
    """The secret from a file, or typed without echo. Raises UsageError."""
    from sensor.errors import UsageError, reason_of

    if file is None:
        try:
            typed: str = typer.prompt(f"Secret of {name}", hide_input=True, confirmation_prompt=new, err=True)
        except typer.Abort:  # where nobody can answer
            raise UsageError(f"no secret of {name}", hint="type it, or name a --secret-file") from None
        return typed
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(reason_of(error), place=str(file), hint="a text file with one line") from None
