"""What everybody does in two weeks: the script of the lab, drawn from one seed.

The story has change in it. ChatGPT is steady in all departments. In the second week DeepSeek appears
in Engineering and gets files, the Sider extension spreads, Otter is gone, someone uploads a model to
a hub, and the build host runs an agent loop at night. Some apps stay below five people on purpose.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.lab.hosts import QUIC_NAMES
from tests.lab.people import Person

SEED = 20261102
WEEKS = (
    ("w45", datetime(2026, 11, 2, tzinfo=UTC)),
    ("w46", datetime(2026, 11, 9, tzinfo=UTC)),
)  # ISO weeks 2026-W45 and 2026-W46, from their Mondays
APART = timedelta(minutes=12)  # between two sessions of one person; no session takes that long
Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Visit:
    """A page opened in a browser and what its script then does."""

    host: str
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True)
class Browse:
    """One run of Chromium over several pages; `quic` lists hosts it reaches over HTTP/3."""

    visits: tuple[Visit, ...]
    quic: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """One run of a program; `upload_bytes` of noise are put in `upload.bin` beside it first."""

    program: str
    arguments: tuple[str, ...]
    upload_bytes: int = 0


Step = Browse | Run


@dataclass(frozen=True)
class Session:
    """Steps one person takes in a row, the simulated moment they start, and the case they go to."""

    case: str
    person: Person
    starts_at: datetime
    steps: tuple[Step, ...]


def chat(turns: int, prompt_bytes: int, tokens: int = 25) -> Call:
    """A conversation in the page: `turns` prompts, each answered by a stream of tokens."""
    return "chat", {"turns": turns, "promptBytes": prompt_bytes, "tokens": tokens, "pauseMs": 150}


def upload(size: int) -> Call:
    """A file of `size` bytes dropped into the page."""
    return "upload", {"bytes": size}


def extension(host: str, turns: int) -> Call:
    """A browser extension's calls to its own service from inside whatever page is open."""
    _, argument = chat(turns, 1800)
    return "extension", {**argument, "base": f"https://{host}"}


# Who visits what with the browser: department -> positions, and what they do there each week.
# (host, weeks, {department: positions}, calls per visit)
HABITS: tuple[tuple[str, str, dict[str, range], tuple[Call, ...]], ...] = (
    ("chatgpt.com", "w45 w46",
     {"Engineering": range(7), "Marketing": range(7), "Legal": range(5)}, (chat(2, 700),)),
    ("claude.ai", "w45 w46", {"Engineering": range(3, 10), "Legal": range(2)}, (chat(2, 900),)),
    ("gemini.google.com", "w45 w46", {"Marketing": range(3, 11)}, (chat(1, 600),)),
    ("copilot.microsoft.com", "w45 w46", {"Legal": range(2, 9), "Marketing": range(2)}, (chat(1, 500),)),
    ("www.perplexity.ai", "w45 w46", {"Marketing": range(7, 12), "Legal": range(6, 8)}, (chat(1, 200),)),
    ("otter.ai", "w45", {"Marketing": range(6), "Legal": range(1)}, (upload(30_000),)),
    ("www.notion.so", "w45 w46",
     {"Engineering": range(4, 12), "Marketing": range(9), "Legal": range(5)}, ()),
    ("app.grammarly.com", "w45 w46", {"Legal": range(3, 10), "Marketing": range(8, 12)}, (chat(2, 300, 6),)),
    ("www.midjourney.com", "w45 w46", {"Marketing": range(2)}, (chat(1, 300),)),
    ("gamma.app", "w46", {"Marketing": range(4, 7)}, (chat(1, 900),)),
    ("chat.deepseek.com", "w46", {"Engineering": range(8)}, (chat(2, 900), upload(80_000))),
    ("chat.mistral.ai", "w45 w46", {"Engineering": range(11, 13)}, (chat(1, 500),)),
)  # fmt: skip
SIDER_USERS = {"Marketing": range(3, 8), "Engineering": range(9, 12)}
CONTRACT_READERS = {"Legal": range(1, 3), "Marketing": range(4, 5)}  # upload documents to ChatGPT
ORDINARY = (
    "en.wikipedia.org", "www.google.com", "github.com", "stackoverflow.com", "news.ycombinator.com",
    "www.bbc.co.uk", "outlook.office.com", "app.slack.com", "www.linkedin.com", "intranet.corp.example",
    "crm.corp.example", "documents.corp.example",
)  # fmt: skip


PRINTER_PAGE = Run("curl", ("-sSf", "-o", "page", "http://printers.corp.example/status"))


def is_among(person: Person, groups: dict[str, range]) -> bool:
    """Whether the person's department and number are in the groups."""
    return person.number in groups.get(person.department, range(0))


def all_sessions(people: list[Person]) -> list[Session]:
    """The whole script, in simulated order."""
    sessions = [
        session for week, monday in WEEKS for person in people for session in _week_of(person, week, monday)
    ]
    sessions += bench_sessions(people)
    return sorted(sessions, key=lambda session: (session.starts_at, session.person.user_name))


def _week_of(person: Person, week: str, monday: datetime) -> Iterator[Session]:
    rng = random.Random(f"{SEED} {week} {person.user_name}")
    case = f"proxy-{week}" if person.proxied else f"office-{week}"
    if person.department == "Infrastructure":
        plans = _build_host_week(week, monday) if person.user_name == "build-1" else []
    else:
        steps = [*_browsing(person, week, rng), *_programs(person, week)]
        plans = list(zip(_office_hours(monday, len(steps), rng), steps, strict=True))
    for starts_at, step in plans:
        prints = isinstance(step, Browse) and person.number % 3 == 0 and not person.proxied
        yield Session(case, person, starts_at, (step, PRINTER_PAGE) if prints else (step,))


def _office_hours(monday: datetime, count: int, rng: random.Random) -> list[datetime]:
    """`count` moments in the week, at least APART from each other; one in forty at the weekend."""
    moments: list[datetime] = []
    while len(moments) < count:
        day = rng.randrange(5) if rng.random() < 0.975 else rng.randrange(5, 7)
        minute = min(max(rng.gauss(12.8, 2.3), 7.5), 18.5) * 60
        moment = monday + timedelta(days=day, minutes=minute)
        if all(abs(moment - other) >= APART for other in moments):
            moments.append(moment)
    return moments


def _browsing(person: Person, week: str, rng: random.Random) -> list[Step]:
    """The person's AI pages of the week dealt out over three runs of the browser, with others between."""
    wanted = [
        Visit(host, calls)
        for host, weeks, groups, calls in HABITS
        if week in weeks.split() and is_among(person, groups)
    ]
    if is_among(person, CONTRACT_READERS):
        wanted.append(Visit("chatgpt.com", (chat(1, 400), upload(rng.randrange(80_000, 170_000)))))
    if is_among(person, {"Engineering": range(7), "Marketing": range(7), "Legal": range(5)}):
        wanted.append(Visit("chatgpt.com", (chat(1, 500),)))
    if week == "w46" and is_among(person, SIDER_USERS):
        wanted += [Visit("en.wikipedia.org", (extension("api2.sider.ai", 2),)) for _ in range(2)]
    if person.number % 6 == 0:
        wanted.append(Visit("www.youtube.com", (("download", {"bytes": 30_000}),)))
    rng.shuffle(wanted)
    runs = []
    for start in range(3):
        visits = [*wanted[start::3], *(Visit(host) for host in rng.sample(ORDINARY, 2))]
        rng.shuffle(visits)
        quic = tuple(sorted(QUIC_NAMES)) if person.number % 5 < 3 and not person.proxied else ()
        runs.append(Browse(tuple(visits), quic))
    return list(runs)


def _programs(person: Person, week: str) -> list[Step]:
    """What engineers and one curious lawyer run outside the browser in a week."""
    steps: list[Step] = []
    if person.department == "Engineering":
        steps += _engineering_programs(person, week)
    if person.department == "Legal" and person.number in (8, 9):
        steps.append(Run("getent", ("ahosts", "openrouter.ai")))
    if person.department == "Marketing" and person.number == 11:
        request = {"url": "https://api.elevenlabs.io/v1/text-to-speech/lab", "bytes": 900, "tokens": 40}
        steps += [node_fetch(request)] if not person.proxied else []
    return steps


def _engineering_programs(person: Person, week: str) -> list[Step]:
    number, steps = person.number, list[Step]()
    copilot = {"url": "https://api.githubcopilot.com/chat/completions", "bytes": 2600, "tokens": 20}
    cursor = {"url": "https://api2.cursor.sh/aiserver.v1.ChatService/StreamUnifiedChat/chat/completions",
              "bytes": 3800, "tokens": 25}  # fmt: skip
    if not person.proxied and number < 9:
        steps += [node_fetch(copilot, copilot, copilot), node_fetch(copilot, copilot)]
    if not person.proxied and number >= 9:
        steps += [node_fetch(cursor, cursor, cursor, cursor)]
    if 6 <= number < 12 or (person.proxied and number < 3):
        steps.append(openai_chat("https://api.openai.com/v1", 3))
    if number in (2, 3):
        steps.append(openai_chat("https://api.mistral.ai/v1", 2))
    if week == "w46" and number in (1, 3, 5):
        steps.append(openai_chat("https://api.deepseek.com", 3))
    if not person.proxied and number in (10, 12):
        is_large = number == 10 and week == "w46"
        steps.append(hub_download("cdn-lfs.huggingface.co", 2_000_000 if is_large else 400_000))
    if not person.proxied and number in (11, 13):
        steps.append(hub_download("cas-bridge.xethub.hf.co", 200_000))
    if not person.proxied and week == "w46" and number == 10:
        steps.append(send_file("https://huggingface.co/api/models/team/house-model/upload", 1_000_000))
    if number % 4 == 0:
        steps.append(Run("git", ("clone", "-q", "https://git.corp.example/repositories/tools.git", "tools")))
    if number % 4 == 1:
        steps.append(pip_download())
    return steps


def node_fetch(*requests: dict[str, Any]) -> Run:
    """A Node program's calls."""
    return Run("fetch.mjs", (json.dumps(requests),))


def openai_chat(base_url: str, turns: int) -> Run:
    """A Python program's conversation through the OpenAI SDK."""
    settings = {"base_url": base_url, "turns": turns, "prompt_bytes": 2400, "tokens": 30}
    return Run("openai_chat.py", (json.dumps(settings),))


def agent_loop(steps: int) -> Run:
    """An agent's loop through the Anthropic SDK, its context growing at every step."""
    settings = {"base_url": "https://api.anthropic.com", "steps": steps, "context_bytes": 12_000,
                "growth_bytes": 4_500, "tokens": 25, "tool_s": 0.5}  # fmt: skip
    return Run("anthropic_agent.py", (json.dumps(settings),))


def hub_download(storage: str, size: int) -> Run:
    """A model downloaded from the hub, which redirects to its storage."""
    url = f"https://huggingface.co/team/base/resolve/main/model.bin?storage={storage}&size={size}"
    return Run("curl", ("-sSfL", "-o", "model.bin", url))


def send_file(url: str, size: int) -> Run:
    """A file sent with curl."""
    return Run("curl", ("-sSf", "-o", "answer.json", "-T", "upload.bin", url), upload_bytes=size)


def pip_download() -> Run:
    """A package fetched by pip from the company's index."""
    index = ("--index-url", "https://packages.corp.example/simple", "--no-deps", "-q", "-d", "wheels")
    return Run("pip", ("download", *index, "labtools"))


def _build_host_week(week: str, monday: datetime) -> list[tuple[datetime, Step]]:
    """Nightly fetches in both weeks; in the second an agent loop on three nights."""
    plans: list[tuple[datetime, Step]] = [
        (monday + timedelta(days=day, hours=2, minutes=5), pip_download()) for day in range(0, 6, 2)
    ]
    if week == "w46":
        for day, runs in ((1, 2), (2, 3), (3, 2)):
            for run in range(runs):
                at = monday + timedelta(days=day, hours=0, minutes=40 + 14 * run)
                plans.append((at, agent_loop(7 + run)))
    return plans


def bench_sessions(people: list[Person]) -> list[Session]:
    """The small single-purpose cases, recorded at three desks of the lab on the second Friday."""
    one, two, three = (next(p for p in people if p.user_name == f"desk-lab-{number}") for number in (1, 2, 3))
    at = datetime(2026, 11, 13, 16, 0, tzinfo=UTC)
    names = ("claude.ai", "openrouter.ai", "claude.ai", "api.groq.com")
    lookups = tuple(Run("getent", ("ahosts", name)) for name in names)
    plain = Run("curl", ("-sSf", "-o", "page", "http://documents.corp.example/handbook"))
    plain_api = Run("curl", ("-sSf", "-o", "answer", "-H", "content-type: application/json", "-d",
                             '{"stream": true, "max_tokens": 12, "model": "llama3"}',
                             "http://intranet.corp.example/v1/chat/completions"))  # fmt: skip
    plans: tuple[tuple[str, Person, tuple[Step, ...]], ...] = (
        ("split-hello", one, (Browse((Visit("claude.ai", (chat(1, 500),)),)),)),
        ("quic-two-datagram", two,
         (Browse((Visit("gemini.google.com", (chat(1, 500),)),), ("gemini.google.com",)),)),
        ("dns-only", three, lookups),
        ("http-plain", two, (plain, plain_api)),
        ("upload-3mb", one, (send_file("https://chat.mistral.ai/backend/files", 3_000_000),)),
    )  # fmt: skip
    return [
        Session(case, person, at + APART * place, steps) for place, (case, person, steps) in enumerate(plans)
    ]
