"""Traffic that is no language model, by record sizes and times: shapes of our own design, and so only as like
the real thing as their lines say. Each makes a connection from a random number generator.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from tests.quality.wire import Connection, Event

#: The largest body a TLS 1.3 record of a download has: 16 KB of text, its type and an authentication tag.
FULL = 16_401
_S = 1_000_000

Maker = Callable[[random.Random], Connection]


def _asks(at_us: int, size: int) -> Event:
    return Event(at_us, "up", (size,))


def _log(rng: random.Random, median: float, sigma: float, most: int = 16_000) -> int:
    """A size around `median`."""
    return max(20, min(most, int(rng.lognormvariate(0, sigma) * median)))


def _body(rng: random.Random, at_us: int, size: int, bytes_per_s: float) -> tuple[list[Event], int]:
    """A download of `size` bytes in full records, jittered by a fifth; and when it ends."""
    events = []
    while size > 0:
        part = min(size, FULL)
        at_us += int(part / bytes_per_s * _S * rng.uniform(0.8, 1.2))
        events.append(Event(at_us, "down", (part,)))
        size -= part
    return events, at_us


def download(rng: random.Random) -> Connection:
    """A file of 1 to 4 MB at 2 to 60 MB/s."""
    rate = rng.uniform(2e6, 6e7)
    return Connection([_asks(0, 400), *_body(rng, 50_000, rng.randrange(1_000_000, 4_000_000), rate)[0]])


def slow_download(rng: random.Random) -> Connection:
    """A file of 0.3 to 1 MB at 30 to 140 kB/s."""
    rate = rng.uniform(3e4, 1.4e5)
    return Connection([_asks(0, 400), *_body(rng, 50_000, rng.randrange(300_000, 1_000_000), rate)[0]])


def video(rng: random.Random) -> Connection:
    """Segments of 0.3 to 2 MB, one requested every 4 s."""
    events: list[Event] = []
    for n in range(10):
        events.append(_asks(n * 4 * _S, 700))
        events += _body(rng, n * 4 * _S + 60_000, rng.randrange(300_000, 2_000_000), 4e6)[0]
    return Connection(events)


def web_page(rng: random.Random) -> Connection:
    """Three pages with 10 to 60 resources each, over HTTP/2, in records of 1.4, 4 or 16 KB."""
    events: list[Event] = []
    now = 0
    for _ in range(3):
        for _ in range(rng.randrange(10, 60)):
            events.append(_asks(now, rng.randrange(60, 500)))
            size, frame = _log(rng, 8_000, 1.4, 900_000), rng.choice((1_400, 4_120, FULL))
            now += int(rng.expovariate(1 / 40_000))
            while size > 0:
                events.append(Event(now, "down", (min(size, frame),)))
                size -= frame
                now += int(rng.expovariate(1 / 3_000))
        now += rng.randrange(5 * _S, 40 * _S)
    return Connection(sorted(events))


def terminal(rng: random.Random) -> Connection:
    """A shell behind a web gateway: keys and their echo, now and then a screen of output."""
    events, now = [_asks(0, 500)], 100_000
    for _ in range(300):
        now += int(rng.lognormvariate(0, 0.6) * 160_000)
        events.append(_asks(now, rng.randrange(34, 48)))
        events.append(Event(now + 15_000, "down", (rng.randrange(34, 60),)))
        if rng.random() < 0.06:
            events += [
                Event(now + 40_000 + k * 9_000, "down", (_log(rng, 900, 0.8),))
                for k in range(rng.randrange(1, 9))
            ]
            now += 2 * _S
    return Connection(events)


def chat(rng: random.Random) -> Connection:
    """A WebSocket messenger: messages of others every few seconds, typing notices, some of one's own."""
    events, now = [_asks(0, 900)], 200_000
    for _ in range(150):
        now += int(rng.expovariate(1 / 1_800_000))
        mine = rng.random() < 0.2
        size = _log(rng, 220, 0.6, 2_000)
        events.append(_asks(now, size) if mine else Event(now, "down", (size,)))
        if rng.random() < 0.5:
            events += [Event(now + k * 700_000, "down", (74,)) for k in range(1, 4)]
    return Connection(sorted(events))


def log_tail(rng: random.Random) -> Connection:
    """A build's log by server-sent events for 20 s to 5 min: uneven lines at random times, in bursts."""
    events, now, end = [_asks(0, 500)], 100_000, rng.randrange(20, 300) * _S
    rate = rng.uniform(2, 40)
    while now < end:
        now += int(rng.expovariate(rate) * _S) if rng.random() < 0.8 else rng.randrange(0, 1_500)
        events.append(Event(now, "down", (_log(rng, 190, 0.5, 3_000),)))
    return Connection(events)


def endless_log(rng: random.Random) -> Connection:
    """The same for the log of a server, watched for 12 min."""
    events, now = [_asks(0, 500)], 100_000
    rate = rng.uniform(1, 5)
    while now < 720 * _S:
        now += int(rng.expovariate(rate) * _S)
        events.append(Event(now, "down", (_log(rng, 190, 0.5, 3_000),)))
    return Connection(events)


def even_log(rng: random.Random) -> Connection:
    """Events of one kind, alike but for a number, at random times for 20 s to 2 min: the worst case."""
    events, now, end = [_asks(0, 500)], 100_000, rng.randrange(20, 120) * _S
    rate, size = rng.uniform(3, 30), rng.randrange(210, 700)
    while now < end:
        now += int(rng.expovariate(rate) * _S)
        events.append(Event(now, "down", (size + rng.randrange(4),)))
    return Connection(events)


def ticker(rng: random.Random) -> Connection:
    """Prices ten times a second, by the clock, for a minute."""
    events, size = [_asks(0, 500)], rng.randrange(120, 400)
    events += [
        Event(200_000 + n * 100_000 + rng.randrange(4_000), "down", (size + rng.randrange(9),))
        for n in range(600)
    ]
    return Connection(events)


def random_ticker(rng: random.Random) -> Connection:
    """Prices when somebody trades, for a minute."""
    events, now = [_asks(0, 500)], 200_000
    while now < 60 * _S:
        now += int(rng.expovariate(8) * _S)
        events.append(Event(now, "down", (rng.randrange(120, 190),)))
    return Connection(events)


def polling(rng: random.Random) -> Connection:
    """A question every 0.5 to 5 s, a small answer to each."""
    events, period = [], rng.randrange(_S // 2, 5 * _S)
    for n in range(60):
        at = n * period
        events += [_asks(at, rng.randrange(250, 700)), Event(at + 40_000, "down", (_log(rng, 700, 0.4),))]
    return Connection(events)


def long_poll(rng: random.Random) -> Connection:
    """A question that is answered when there is news."""
    events, now = [], 0
    for _ in range(60):
        events.append(_asks(now, 400))
        now += int(rng.expovariate(1 / 4_000_000))
        events.append(Event(now, "down", (_log(rng, 400, 0.7),)))
        now += 30_000
    return Connection(events)


def game(rng: random.Random) -> Connection:
    """The state of a game 20 times a second, and the player's moves 30 times a second."""
    events = [_asks(0, 600)]
    events += [
        Event(100_000 + n * 50_000 + rng.randrange(6_000), "down", (_log(rng, 180, 0.4),)) for n in range(900)
    ]
    events += [_asks(100_000 + n * 33_000, rng.randrange(50, 90)) for n in range(1350)]
    return Connection(sorted(events))


def game_datagrams(rng: random.Random) -> Connection:
    """The same over QUIC."""
    return Connection(game(rng).events, quic=True)


def backup(rng: random.Random) -> Connection:
    """An upload of 3 MB, confirmed once per megabyte."""
    events, now = [], 0
    for n in range(190):
        now += int(rng.expovariate(1 / 6_000))
        events.append(_asks(now, FULL))
        if n % 60 == 59:
            events.append(Event(now + 30_000, "down", (180,)))
    return Connection(events)


def rpc(rng: random.Random) -> Connection:
    """Calls of a micro-service over gRPC, some ten a second."""
    events, now = [], 0
    for _ in range(400):
        now += int(rng.expovariate(12) * _S)
        events.append(_asks(now, rng.randrange(70, 420)))
        events.append(
            Event(now + rng.randrange(3_000, 60_000), "down", (rng.randrange(90, 200), _log(rng, 260, 0.6)))
        )
    return Connection(sorted(events))


def rpc_stream(rng: random.Random) -> Connection:
    """A gRPC server stream of 200 to 2,000 rows from a database, in bursts as its buffer fills."""
    events, now = [_asks(0, 300)], 30_000
    for _ in range(rng.randrange(20, 200)):
        now += rng.randrange(1_000, 60_000)
        events.append(Event(now, "down", tuple(_log(rng, 350, 0.3) for _ in range(10))))
    return Connection(events)


def metrics(rng: random.Random) -> Connection:
    """A dashboard: 30 to 80 kB of numbers every 1 to 5 s by server-sent events."""
    events, period = [_asks(0, 600)], rng.randrange(_S, 5 * _S)
    for n in range(50):
        size, at = rng.randrange(30_000, 80_000), 200_000 + n * period + rng.randrange(60_000)
        events.append(Event(at, "down", tuple([FULL] * (size // FULL) + [size % FULL + 20])))
    return Connection(events)


def packages(rng: random.Random) -> Connection:
    """An installer: an index, then 20 files of 5 kB to 3 MB, one after the other."""
    events, now = [], 0
    for _ in range(20):
        events.append(_asks(now, rng.randrange(180, 400)))
        body, now = _body(rng, now + 30_000, _log(rng, 90_000, 1.5, 3_000_000), 5e6)
        events += body
        now += 20_000
    return Connection(events)


def screen(rng: random.Random) -> Connection:
    """A remote desktop: pictures of 100 bytes to 60 kB, up to 25 a second; the mouse."""
    events, now = [_asks(0, 900)], 100_000
    for _ in range(700):
        now += rng.randrange(40_000, 130_000)
        size = _log(rng, 1_500, 1.6, 60_000)
        events.append(Event(now, "down", tuple([FULL] * (size // FULL) + [size % FULL + 20])))
        if rng.random() < 0.6:
            events.append(_asks(now + 5_000, rng.randrange(40, 130)))
    return Connection(events)


def editing(rng: random.Random) -> Connection:
    """Three people edit one document: edits of others arrive, one's own are sent, each is confirmed."""
    events, now = [_asks(0, 900)], 100_000
    for _ in range(250):
        now += int(rng.lognormvariate(0, 0.7) * 350_000)
        if rng.random() < 0.4:
            events += [
                _asks(now, rng.randrange(160, 420)),
                Event(now + 35_000, "down", (rng.randrange(90, 130),)),
            ]
        else:
            events.append(Event(now, "down", (rng.randrange(150, 420),)))
    return Connection(events)


def audio(rng: random.Random) -> Connection:
    """A radio of 128 kbit/s in pieces of a quarter of a second, after 5 s sent at once."""
    events = [_asks(0, 500), Event(80_000, "down", tuple([FULL] * 5))]
    events += [Event(200_000 + n * 250_000 + rng.randrange(20_000), "down", (4_117,)) for n in range(240)]
    return Connection(events)


def all_of_them() -> Iterator[tuple[str, Maker]]:
    """Name and maker of each kind of traffic."""
    for maker in (
        download, slow_download, video, web_page, packages, audio, backup, terminal, chat, editing, screen,
        polling, long_poll, game, game_datagrams, rpc, rpc_stream, metrics, ticker, random_ticker, log_tail,
        endless_log, even_log,
    ):  # fmt: skip
        yield maker.__name__.replace("_", " "), maker
