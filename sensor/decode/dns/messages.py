"""Parses DNS messages to questions, addresses in answers, and ECH configurations.

Messages, RFC 1035 §4.1; EDNS, RFC 6891 §6.1; names in `names.py`, SVCB and HTTPS records in
`service_bindings.py`. Only records of the queried name and its aliases count. Others were not queried, and
could assign a name to an unrelated address.
"""

# Fields of records are Any to mypy.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sensor.decode.dns.names import NAME_TEXT, after_name, is_named, read_name
from sensor.decode.dns.service_bindings import put_v4, put_v6, read_service
from sensor.decode.kernels.jit import entry, kernel
from sensor.decode.kernels.packet_bytes import be16, be32
from sensor.decode.layout import Bytes, Records, i64, records

#: A parsed DNS message: its question and answer section. Names are offsets into the names buffer.
QUESTION = np.dtype(
    [
        (name, np.int64)
        for name in (
            "id", "response", "rcode", "type", "name", "name_length", "cname", "cname_length",
            "addresses", "null_addresses",
            "readable",  # 1 if there is a question
            "truncated",  # the TC bit: the client will retry over TCP
            "error",  # extended DNS error (RFC 8914), 0 for none
        )
    ]
)  # fmt: skip

#: An address (or address hint) of a DNS answer.
ADDRESS = np.dtype(
    [("question", np.int64), ("high", np.uint64), ("low", np.uint64), ("ttl", np.int64), ("hint", np.int64)]
)

#: An ECH configuration of a DNS answer: its id and public name (RFC 9849 §4).
ECH_CONFIG = np.dtype([(name, np.int64) for name in ("question", "ttl", "config", "name", "name_length")])

_A = 1
_CNAME = 5
_AAAA = 28
_OPT = 41
_SVCB = 64
_HTTPS = 65

#: EDNS option of Extended DNS Errors (RFC 8914 §2).
_EXTENDED_ERROR = 15

#: Maximum records per section and aliases per message, many times what resolvers send. Each costs one or two
#: name reads, so that a hostile message takes at most half a millisecond.
_RECORDS = 256
_ALIASES = 64
#: Passes over the answers in search of aliases; one is enough if they are in order.
_PASSES = 4


@kernel
def _record_data(data: Bytes, at: int, end: int) -> int:
    """The offset of the data of the record at `at` (preceded by its 2-byte size), or -1."""
    at = after_name(data, at, end)
    size = be16(data, at + 8, end)
    return -1 if at < 0 or size < 0 or at + 10 + size > end else at + 10


@kernel
def _after_record(data: Bytes, body: int, end: int) -> int:
    return body + be16(data, body - 2, end)


@kernel
def _alias_target(data: Bytes, body: int, end: int) -> int:
    """The offset of the target name of an alias record with data at `body`, or -1 if it is none.

    Aliases are CNAME, and SVCB or HTTPS with priority 0 (AliasMode, RFC 9460 §2.4.2).
    """
    kind = be16(data, body - 10, end)
    if kind == _CNAME:
        return body
    return body + 2 if kind in (_HTTPS, _SVCB) and be16(data, body, end) == 0 else -1


@kernel
def _follow_aliases(data: Bytes, base: int, first: int, end: int, count: int, question: Records,
                    names: Bytes, used: int) -> None:  # fmt: skip
    """Write the final target of the aliases of the queried name, its `cname`, to names[used:]."""
    owner, length, scratch = i64(question["name"]), i64(question["name_length"]), used + NAME_TEXT
    tried = 0
    for _ in range(_PASSES):
        at, found = first, False
        for _ in range(count):
            body = _record_data(data, at, end)
            if body < 0 or tried >= _ALIASES:
                break
            after = _after_record(data, body, end)
            target = _alias_target(data, body, end)
            tried += 1 if target >= 0 else 0
            if target >= 0 and is_named(data, base, at, end, names, owner, length, scratch):
                size = read_name(data, base, target, after, names, scratch)
                if size > 0:
                    for k in range(size):
                        names[used + k] = names[scratch + k]
                    owner, length, found = used, size, True
            at = after
        if not found:
            break
    if owner == used:
        question["cname"], question["cname_length"] = owner, length


@kernel
def _read_answers(data: Bytes, base: int, at: int, end: int, number: int, question: Records, names: Bytes,
                  used: int, found: Records, configs: Records, counts: Records) -> int:  # fmt: skip
    """Read addresses, hints and ECH configurations of the queried name; returns the end of the answers.

    Public names are written to names[used:]; bytes after `used` + NAME_TEXT are scratch.
    """
    limit = used + NAME_TEXT
    asked, asked_length = i64(question["name"]), i64(question["name_length"])
    alias, alias_length = i64(question["cname"]), i64(question["cname_length"])
    for _ in range(min(_RECORDS, be16(data, base + 6, end))):
        body = _record_data(data, at, end)
        if body < 0:
            return -1
        kind, ttl, size = be16(data, body - 10, end), be32(data, body - 6, end), be16(data, body - 2, end)
        after = body + size
        wanted = (kind == _A and size == 4) or (kind == _AAAA and size == 16) or kind in (_HTTPS, _SVCB)
        if wanted and (
            is_named(data, base, at, end, names, asked, asked_length, limit)
            or (alias_length > 0 and is_named(data, base, at, end, names, alias, alias_length, limit))
        ):
            if kind == _A:
                counts[0] = put_v4(data, body, after, ttl, 0, number, question, found, counts[0])
            elif kind == _AAAA:
                counts[0] = put_v6(data, body, after, ttl, 0, number, question, found, counts[0])
            else:
                read_service(data, body, after, ttl, number, question, names, limit, found, configs, counts)
        at = after
    return at


@kernel
def _read_edns(data: Bytes, base: int, at: int, end: int, question: Records) -> None:
    """Read the OPT record after the answers: upper bits of the response code, and an extended error."""
    for _ in range(min(_RECORDS, be16(data, base + 8, end) + be16(data, base + 10, end))):
        body = _record_data(data, at, end)
        if body < 0:
            return
        at = _after_record(data, body, end)
        if be16(data, body - 10, end) == _OPT:
            question["rcode"] |= (be32(data, body - 6, end) >> 24) << 4
            while body + 6 <= at:
                size = be16(data, body + 2, at)
                if be16(data, body, at) == _EXTENDED_ERROR and size >= 2:
                    question["error"] = be16(data, body + 4, at)
                body += 4 + size
            return


@kernel
def _read_answer(data: Bytes, base: int, at: int, end: int, number: int, question: Records, names: Bytes,
                 used: int, found: Records, configs: Records, counts: Records) -> int:  # fmt: skip
    """Read the part of an answer after its question; returns the used size of `names`."""
    answers = min(_RECORDS, be16(data, base + 6, end))
    _follow_aliases(data, base, at, end, answers, question, names, used)
    used += question["cname_length"]
    first = i64(counts[1])
    after = _read_answers(data, base, at, end, number, question, names, used, found, configs, counts)
    if after >= 0 and answers == be16(data, base + 6, end):
        _read_edns(data, base, after, end, question)
    return used if counts[1] == first else used + NAME_TEXT


@entry
def _parse_all(data: Bytes, begins: Records, lengths: Records, questions: Records, names: Bytes,
               found: Records, configs: Records, counts: Records) -> None:  # fmt: skip
    used = i64(0)
    for i in range(begins.size):
        base, end, out = begins[i], begins[i] + lengths[i], questions[i]
        flags = be16(data, base + 2, end)
        out["id"] = be16(data, base, end)
        # Opcode QUERY has exactly one question (RFC 9619).
        if flags < 0 or flags & 0x7800 != 0 or be16(data, base + 4, end) != 1:
            continue
        length = read_name(data, base, base + 12, end, names, used)
        at = after_name(data, base + 12, end)
        if length < 0 or at < 0 or be16(data, at + 2, end) < 0:
            continue
        out["readable"], out["type"] = 1, be16(data, at, end)
        out["response"], out["rcode"], out["truncated"] = flags >> 15 & 1, flags & 15, flags >> 9 & 1
        out["name"], out["name_length"] = used, length
        used += length
        if out["response"] and length > 0:
            used = _read_answer(data, base, at + 4, end, i, out, names, used, found, configs, counts)


class Parsed(NamedTuple):
    """Parsed DNS messages."""

    #: QUESTION records, one per message
    questions: Records
    #: texts to which the records point
    names: Bytes
    #: ADDRESS and ECH_CONFIG records of the answers
    addresses: Records
    ech_configs: Records


def parse(data: Bytes, begins: Records, lengths: Records) -> Parsed:
    """The content of the messages at data[begins:][:lengths]."""
    questions = records(QUESTION, begins.size)
    # Question, alias and public names of each message, and room for one more message's scratch.
    names = np.empty(3 * NAME_TEXT * (begins.size + 1), np.uint8)
    size = int(lengths.sum())
    found, configs = records(ADDRESS, size // 4 + 1), records(ECH_CONFIG, size // 16 + 1)
    counts = np.zeros(2, np.int64)
    if begins.size == 0:
        return Parsed(questions, names, found[:0], configs[:0])
    _parse_all(data, begins, lengths, questions, names, found, configs, counts)
    return Parsed(questions, names, found[: counts[0]], configs[: counts[1]])
