"""What a list stops, read from its text alone: an independent little matcher for each syntax.

Each reads the file as its program's manual says and answers for a host; none knows how lists are made.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable

Matcher = Callable[[str], bool]


def body(text: str, comment: str = "#") -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(comment)]


def names(exact: Iterable[str], below: Iterable[str], expressions: Iterable[str] = ()) -> Matcher:
    """`exact` hosts, everything strictly `below` domains, and expressions on the host."""
    hosts, domains = set(exact), set(below)
    compiled = re.compile("|".join(f"(?:{one})" for one in expressions)) if expressions else None

    def stops(host: str) -> bool:
        labels = host.split(".")
        parents = (".".join(labels[n:]) for n in range(1, len(labels)))
        return host in hosts or any(p in domains for p in parents) or bool(compiled and compiled.search(host))

    return stops


def starred(lines: list[str], end: str = "") -> Matcher:
    found = [line.removesuffix(end) for line in lines if "/" not in line.removesuffix(end)]
    return names([x for x in found if not x.startswith("*.")], [x[2:] for x in found if x.startswith("*.")])


def rpz(text: str) -> Matcher:
    return starred([line.split()[0] for line in body(text, ";") if line.endswith("CNAME .")])


def hosts(text: str) -> Matcher:
    return names([line.split()[1] for line in body(text)], [])


def squid(text: str) -> Matcher:
    values = [(words[2], words[-1]) for words in map(str.split, body(text)) if words[0] == "acl"]
    plain = [value for kind, value in values if kind == "dstdomain"]
    trees = [value[1:] for value in plain if value.startswith(".")]
    return names(
        [v for v in plain if v[0] != "."] + trees, trees, [v for k, v in values if k == "dstdom_regex"]
    )


def unbound(text: str) -> Matcher:
    quoted = re.findall(r'local-zone: "(.+?)\." always_nxdomain', text)
    return names([*re.findall(r'local-data: "(\S+)\. 300 IN A 0\.0\.0\.0"', text), *quoted], quoted)


def dnsmasq(text: str) -> Matcher:
    trees = re.findall(r"^address=/(.+)/$", text, re.MULTILINE)
    return names([*re.findall(r"^host-record=([^,]+),0", text, re.MULTILINE), *trees], trees)


def panos(text: str) -> Matcher:
    return starred(re.findall(r" list (\S+)$", text, re.MULTILINE), "/")


#: The letter before a dot and the label behind it, at every dot of a host, an URL or an expression.
_DOTS = re.compile(r"(?=([^./]\.[a-z0-9-]+))")


def expressions(text: str) -> Matcher:
    """Expressions on hosts, asked by what they must find around their last dot: thousands are slow."""
    found = re.findall(r"set url \"(.+)\"|url-list\.\d+ '(.+?)'", text)
    hosts_only = [a or b for a, b in found if (a or b).endswith("(/|$)")]
    by_dot: dict[str, list[str]] = defaultdict(list)
    for one in hosts_only:
        by_dot[_DOTS.findall(re.sub(r"\([^()]*\)(\{0,1\})?", "", one).replace("[.]", "."))[-1]].append(one)
    compiled: dict[str, re.Pattern[str]] = {}

    def stops(asked: str) -> bool:
        for dot in _DOTS.findall(asked):
            if dot in by_dot and dot not in compiled:
                compiled[dot] = re.compile("|".join(f"(?:{one})" for one in by_dot[dot]))
            if dot in by_dot and compiled[dot].search(asked):
                return True
        return False

    return stops


def whole_urls(text: str) -> Matcher:
    """Expressions on URLs with their scheme."""
    plain = expressions(text)
    return lambda host: plain(f"https://{host}/")


def adguard(text: str) -> Matcher:
    trees = [line[2:-1] for line in body(text) if line.startswith("||")]
    return names([line for line in body(text) if not line.startswith("||")] + trees, trees)


def bluecoat(text: str) -> Matcher:
    trees = re.findall(r"url\.domain=(\S+)", text)
    return names(re.findall(r"url\.host=(\S+)", text) + trees, trees)


def umbrella(text: str) -> Matcher:
    return names(body(text), body(text))


def zscaler(text: str) -> Matcher:
    trees = [line[1:] for line in body(text) if line.startswith(".")]
    return names([line for line in body(text) if "/" not in line and line[0] != "."] + trees, trees)


def juniper(text: str) -> Matcher:
    found = re.findall(r'url-pattern \S+ value "(.+)"', text)
    trees = [value[2:] for value in found if value.startswith("*.")]  # any number of labels, also none
    return names([value for value in found if value[0] != "*"] + trees, trees)


MATCHERS: dict[str, Callable[[str], Matcher]] = {
    "adguard": adguard, "bluecoat": bluecoat, "checkpoint": whole_urls, "cisco-ftd": umbrella,
    "dnsmasq": dnsmasq, "edl": lambda text: starred(body(text)), "fortigate": expressions,
    "fortigate-resource": lambda text: starred(body(text)), "hosts": hosts, "juniper": juniper,
    "panos": panos, "panos-edl": lambda text: starred(body(text), "/"), "rpz": rpz, "squid": squid,
    "umbrella": umbrella, "unbound": unbound, "zscaler": zscaler,
}  # fmt: skip
