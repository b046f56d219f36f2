"""`shadowai policy`: writes, explains, checks, tests and simulates the policy: which service may be used by
whom.

The policy is read by analytics/policy; names of people in its exceptions become tokens here, where the
key is. Only tokens are published.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from zoneinfo import ZoneInfo

import typer

from sensor.cli.options import (
    ConfigOption,
    LakeOption,
    PolicyOption,
    SignaturesOption,
    StateOption,
    analysing,
    catalog_of,
    existing_lake,
    keys_of,
    names_of,
    settings_from,
)
from sensor.cli.table import print_table

if TYPE_CHECKING:
    import polars as pl

    from analytics.policy.checks import Known
    from analytics.policy.read import Policy, Problem
    from analytics.policy.rows import Compiled
    from sensor.privacy.keys import Keys
    from sensor.settings import Settings

#: Severities in ascending order, as in analytics/policy/rules.py (a test compares them).
LEVELS = ("low", "medium", "high", "critical")

_NOT_JUDGED = "no week of the lake can be judged: it has no use, or its level keeps no rows of people"

app = typer.Typer(help="Check, explain, test and simulate the policy.", no_args_is_help=True)


@app.command("init")
def init(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path("policy.yml"),
) -> None:
    """Write a commented example policy and its test cases. Never replaces a file."""
    from importlib.resources import files

    from sensor.errors import UsageError, reason_of

    if not path.name:
        raise UsageError("is a directory", place=str(path), hint="name a file")
    cases = path.with_suffix(".tests.yml")
    for target in (path, cases):
        if target.exists():
            raise UsageError("is already there", place=str(target), hint="name another file")
    example = files("analytics.policy")
    try:
        path.write_text(example.joinpath("example.yml").read_text("utf-8"), encoding="utf-8")
        cases.write_text(example.joinpath("example.tests.yml").read_text("utf-8"), encoding="utf-8")
    except OSError as error:
        raise UsageError(reason_of(error), place=str(path), hint="name another file") from None
    typer.echo(f"{path} and {cases}; name it in shadowai.toml: policy = {str(path)!r}")


@app.command("explain")
def explain(
    service: Annotated[
        str, typer.Argument(metavar="APP", help="Service: id (openai/chatgpt) or name (ChatGPT).")
    ],
    department: Annotated[
        str | None, typer.Option(metavar="NAME", help="Department of those who use it.")
    ] = None,
    site: Annotated[str | None, typer.Option(metavar="SITE", help="Their site.")] = None,
    segment: Annotated[str | None, typer.Option(metavar="NAME", help="Their network segment.")] = None,
    access: Annotated[str, typer.Option(metavar="CLASS", help="Access class: web, api, ide …")] = "web",
    policy: PolicyOption = None,
    signatures: SignaturesOption = None,
    config: ConfigOption = None,
) -> None:
    """Show which line of the policy decides about a service, and which others match."""
    from analytics.policy import cases
    from analytics.policy.checks import named
    from sensor.errors import UsageError

    settings = settings_from(config, policy=policy, signatures=signatures)
    stated, known = _read(settings), _known(settings)
    service = named(service, known) or service
    if service not in {row["app"] for row in known.services}:
        raise UsageError(f"no service {service!r} in the catalog", hint=_near(service, known))
    if access not in known.access:
        raise UsageError(
            f"no access class {access!r}", place="--access", hint=", ".join(sorted(known.access))
        )
    given: dict[str, Any] = {"app": service, "access": access}
    scopes = {"department": department, "site": site, "segment": segment}
    given |= {name: value for name, value in scopes.items() if value is not None}
    for problem in cases.unknown_in([cases.Case(0, given, {})], "", known):
        raise UsageError(problem.what, hint=problem.remedy)
    lines, exceptions = cases.explain(stated, given, known.services, _today(settings))
    rows = [
        (
            "decides" if line.decides else "also matches",
            line.kind,
            line.says,
            line.scope,
            f"{stated.place}:{line.line}" if line.line else "",
            line.owner,
            line.review,
        )
        for line in lines
    ]
    print_table(("", "about", "says", "for", "where", "owner", "review"), rows)
    for text in exceptions:
        typer.echo(text)


@app.command("check")
def check(
    level: Annotated[
        str | None,
        typer.Option(
            metavar="LEVEL",
            help="Fail if findings of this severity or worse are open: low, medium, high, critical.",
        ),
    ] = None,
    policy: PolicyOption = None,
    lake: LakeOption = None,
    signatures: SignaturesOption = None,
    config: ConfigOption = None,
) -> None:
    """Check the policy file and, with --level, the findings.

    Exit code 8: the file has a mistake, or the lake's findings were judged by another version of it. 9: a
    finding of --level or worse is open, or could not be evaluated (missing data resolves no finding), or no
    week of the lake could be judged.
    """
    from sensor.errors import UsageError

    settings = settings_from(config, policy=policy, signatures=signatures, lake=lake)
    if level is not None and level not in LEVELS:
        raise UsageError(f"no severity {level!r}", place="--level", hint=f"one of {', '.join(LEVELS)}")
    stated = _checked(settings)
    count = len(stated.statements)
    typer.echo(f"{stated.place}: {count} statement{'s' * (count != 1)}, version {stated.version}")
    if level is not None:
        _check_findings(settings, stated, level)


@app.command("test")
def test(
    policy: PolicyOption = None,
    cases: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Cases.", show_default="POLICY.tests.yml")
    ] = None,
    signatures: SignaturesOption = None,
    config: ConfigOption = None,
) -> None:
    """Run the test cases stored beside the policy. Exit code 8 if one fails."""
    from analytics.policy import cases as run
    from analytics.policy.read import PolicyMistakes
    from sensor.errors import UsageError, reason_of

    settings = settings_from(config, policy=policy, signatures=signatures)
    stated, known = _read(settings), _known(settings)
    file = cases or _path(settings).with_suffix(".tests.yml")
    try:
        given = run.read_cases(file.read_text("utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        hint = "write cases, see docs/policy.md"
        raise UsageError(reason_of(error), place=str(file), hint=hint) from None
    except PolicyMistakes as mistakes:
        _fail(map(str, mistakes.problems))
    _tell(run.unknown_in(given, str(file), known))
    outcomes = run.run(stated, given, known.services, _today(settings))
    failed = [
        f"{file}:{case.line}: {difference}"
        for case, outcome in zip(given, outcomes, strict=True)
        for difference in run.differences(case, outcome)
    ]
    if failed:
        _fail(failed)
    typer.echo(f"{len(given)} case{'s pass' if len(given) != 1 else ' passes'}")


@app.command("simulate")
def simulate(
    new: Annotated[Path, typer.Argument(metavar="NEW.yml", help="The policy to try.")],
    state: StateOption = None,
    lake: LakeOption = None,
    signatures: SignaturesOption = None,
    config: ConfigOption = None,
) -> None:
    """Show what a changed policy would have found.

    Covers the weeks of the last 30 days, compared with the policy in force.

    It uses the code and the rows that findings are made of, and is as k-safe: it prints what the findings of
    these weeks will show once the policy is in force. It reads per-person rows, so it is logged; names in
    exceptions become tokens, so it needs the state folder that goes with the lake.
    """
    from analytics.policy.simulate import simulate as run
    from sensor.store.lake import log_access

    settings = settings_from(config, policy=new, signatures=signatures, state=state, lake=lake)
    stated = _checked(settings)
    place = existing_lake(settings)
    keys = keys_of(settings, place)  # with other keys, no exception would match
    log_access(place.path, query=f"shadowai policy simulate {new}")
    with analysing(place):
        found = run(place.path, _compile(stated, keys, settings), k=settings.k)
    if not found.weeks:
        typer.echo(_NOT_JUDGED)
        return
    before = {(hit.finding, hit.week): hit for hit in found.before}
    after = {(hit.finding, hit.week): hit for hit in found.after}
    rows = []
    for key in before.keys() | after.keys():
        old, hit = before.get(key), after.get(key) or before[key]
        change = "gone" if key not in after else "new" if old is None else "same" if old == hit else "changed"
        people = f"at least {hit.people_at_least}" if hit.people_at_least else ""
        people = "hidden" if hit.people_hidden else people
        figures = (hit.bytes_up, hit.bytes_up_max, hit.sessions)
        rows.append((change, hit.week, hit.severity, hit.rule, hit.app, hit.scope, people, *figures))
    heads = (
        "change", "week", "severity", "rule", "app", "scope", "people", "bytes up", "at most", "sessions"
    )  # fmt: skip
    rows.sort(key=lambda row: (row[1], -LEVELS.index(row[2]), *row[3:6], row[0]))
    print_table(heads, [row for row in rows if row[0] != "same"])
    same = sum(row[0] == "same" for row in rows)
    other = len(rows) - same
    changing = "1 finding changes" if other == 1 else f"{other} findings change"
    weeks = " to ".join(sorted({str(found.weeks[0]), str(found.weeks[-1])}))
    typer.echo(
        f"{changing}, {same} stay{'s' * (same == 1)}; weeks judged: {len(found.weeks)} ({weeks})",
        err=True,
    )


def compiled_policy(settings: Settings, keys: Keys) -> Compiled | None:
    """The policy of the settings as rows; None if none is set. Raises PolicyError with all mistakes."""
    return _compile(policy_of(settings), keys, settings) if settings.policy else None


def _compile(policy: Policy, keys: Keys, settings: Settings) -> Compiled:
    """The policy as rows, with tokens in place of people's names."""
    from analytics.policy.rows import compiled
    from sensor.privacy.subject import Subject

    names = names_of(settings)
    return compiled(policy, lambda account: Subject.of(names(account), keys, settings.privacy).tokens)


def _path(settings: Settings) -> Path:
    from sensor.errors import UsageError

    if settings.policy is None:
        hint = "shadowai policy init writes one; set policy in shadowai.toml or name it with --policy"
        raise UsageError("no policy is set", hint=hint)
    return settings.policy


def policy_of(settings: Settings) -> Policy:
    """The parsed policy file. Raises PolicyError with all mistakes, UsageError if none is set."""
    from analytics.policy.read import PolicyMistakes
    from sensor.errors import PolicyError

    try:
        return _stated(settings)
    except PolicyMistakes as mistakes:
        raise PolicyError("\n".join(map(str, mistakes.problems))) from None


def _stated(settings: Settings) -> Policy:
    """The parsed policy file. Raises PolicyMistakes, PolicyError if the file cannot be opened."""
    import hashlib

    from analytics.policy.read import read
    from sensor.errors import PolicyError, reason_of

    path = _path(settings)
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise PolicyError("not UTF-8 text", place=str(path), hint="save it as UTF-8") from None
        raise PolicyError(reason_of(error), place=str(path), hint="check the path") from None
    return read(text, _shown(path), hashlib.sha256(content).hexdigest()[:12])


def mistaken(settings: Settings) -> str:
    """The first mistake in what a readable policy says, as `check` prints it; '' if there is none. Raises as
    `policy_of` does."""
    from analytics.policy.checks import check as find_problems

    found = find_problems(policy_of(settings), _known(settings), _today(settings))
    return next((str(problem) for problem in found if problem.fatal), "")


def _checked(settings: Settings) -> Policy:
    """The parsed policy file. Prints its notes; mistakes of syntax and of meaning end the command, all
    together."""
    from analytics.policy.checks import check as find_problems
    from analytics.policy.read import PolicyMistakes, by_line
    from sensor.errors import PolicyError

    misspelt: tuple[Problem, ...] = ()
    try:
        stated = _stated(settings)
    except PolicyError as error:
        _fail(str(error).splitlines())
    except PolicyMistakes as mistakes:
        misspelt = mistakes.problems
        if mistakes.policy is None or not mistakes.policy.statements:
            _fail(map(str, misspelt))
        stated = mistakes.policy
    _tell(by_line([*misspelt, *find_problems(stated, _known(settings), _today(settings))]))
    return stated


def _read(settings: Settings) -> Policy:
    """The parsed policy file. Mistakes end the command, one line each."""
    from sensor.errors import PolicyError

    try:
        return policy_of(settings)
    except PolicyError as error:
        _fail(str(error).splitlines())


def _shown(path: Path) -> str:
    """`path`, relative to the current folder if it lies below."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _tell(problems: list[Problem]) -> None:
    """Print the problems; if one of them is a mistake, end the command with exit code 8."""
    for problem in problems:
        typer.echo(f"{'' if problem.fatal else 'note: '}{problem}", err=True)
    if any(problem.fatal for problem in problems):
        from sensor.errors import PolicyError

        raise typer.Exit(PolicyError.exit_code)


def _known(settings: Settings) -> Known:
    """The names that the policy may use: the catalog's services, sites and departments of the settings and
    the files they name."""
    from analytics.policy.checks import Known
    from sensor.privacy.departments import without_small

    catalog = catalog_of(settings)
    directory = _directory(settings)
    sites = {sensor.site for sensor in settings.sensors}
    places: dict[str, set[str]] = {"segment": _segments(settings)}
    pooled: set[str] = set()
    departments, homes = (set(directory[name].drop_nulls()) for name in ("department", "site"))
    if departments or homes:  # without such files, others may have been read
        places |= {"department": departments, "site": sites | homes}
        pooled = departments - set(without_small(directory, settings.k)["department"])
    return Known(
        catalog.services.to_dicts(),
        set(catalog.indicators["access"].drop_nulls()),
        places,
        pooled,
        settings.k,
    )


def _segments(settings: Settings) -> set[str]:
    """Names of segments, in the settings and the file of subnets."""
    from sensor.errors import UsageError
    from sensor.identity.subnets import with_subnets
    from sensor.identity.tables import Problems

    try:
        return set(with_subnets(settings, Problems()).networks.segments)
    except UsageError:
        return set()  # `scan` reports the mistakes of the file


def _directory(settings: Settings) -> pl.DataFrame:
    """What the files of people and accounts say today, as a scan reads them; empty if they say nothing."""
    from sensor import schema
    from sensor.errors import UsageError
    from sensor.identity.known import Known as Identities
    from sensor.identity.tables import Problems
    from sensor.privacy.canonical import canonical

    now = datetime.now(UTC)
    try:
        identities = Identities.of(settings, Problems())
    except UsageError:
        return schema.DIRECTORY.empty()  # `scan` reports the mistakes of the files
    return canonical(identities.directory(now, now + timedelta(days=1)))


def _near(service: str, known: Known) -> str:
    import difflib

    near = [row["app"] for row in known.services if service.lower() in row["app"]][:3]
    near = near or difflib.get_close_matches(service, [row["app"] for row in known.services], 3, cutoff=0.5)
    return f"did you mean {', '.join(near)}?" if near else "try `shadowai catalog search WORD`"


def _check_findings(settings: Settings, policy: Policy, level: str) -> None:
    """Raises FindingsError if findings of `level` or worse wait for a decision."""
    from analytics.lake import open_views
    from sensor.errors import FindingsError, PolicyError

    place = existing_lake(settings)
    with analysing(place), open_views(place.path) as views:
        judged = views.execute(
            "SELECT DISTINCT policy_version FROM evaluations WHERE week = (SELECT MAX(week) FROM evaluations)"
        ).fetchall()
        published = views.execute(
            "SELECT policy_version FROM policy UNION SELECT policy_version FROM exceptions"
        ).fetchall()
        rows = views.execute(
            "SELECT finding, severity, status, title, service, scope, due FROM findings "
            "WHERE status IN ('open', 'not evaluable') AND severity_rank >= ? "
            "ORDER BY severity_rank DESC, due, finding",
            [LEVELS.index(level) + 1],
        ).fetchall()
    if not judged:  # a gate that passes would call what is unknown clean
        raise FindingsError(
            _NOT_JUDGED, place=str(place.path), hint="look at `shadowai report`: what was seen?"
        )
    if judged != [(policy.version,)]:
        what = f"the lake's findings were judged by another version ({judged[0][0] or 'no policy'})"
        hint = f"run `shadowai compact --now --policy {policy.place}`"
        if published == [(policy.version,)]:
            hint = (
                "rows of the newest week were deleted, so it stays as it was; the next one is judged by this"
            )
        raise PolicyError(what, place=policy.place, hint=hint)
    print_table(("finding", "severity", "status", "what", "service", "scope", "due"), rows)
    if rows:
        hint = "decide with `shadowai decide FINDING... accept|restrict|resolve`"
        found = "1 finding" if len(rows) == 1 else f"{len(rows)} findings"
        raise FindingsError(f"{found} of level {level} or worse", hint=hint)
    typer.echo(f"no finding of level {level} or worse is open")


def _today(settings: Settings) -> date:
    return datetime.now(UTC).astimezone(ZoneInfo(settings.zone)).date()


def _fail(lines: Iterable[str]) -> NoReturn:
    from sensor.errors import PolicyError

    for line in lines:
        typer.echo(line, err=True)
    raise typer.Exit(PolicyError.exit_code)
