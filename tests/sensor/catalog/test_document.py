"""Hand-written YAML: values keep their lines, and anything odd is one clear problem."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.catalog.document import Unreadable, parse
from sensor.catalog.files import MAX_BYTES


def complaint(content: bytes) -> str:
    with pytest.raises(Unreadable) as raised:
        parse("entry.yml", content)
    return str(raised.value)


def test_every_value_knows_its_line() -> None:
    document = parse(
        "entry.yml", b"name: x\n\nindicators:\n  - domain: a.example\n    access: web\n  - domain: b\n"
    )
    assert document.line(("name",)) == 1
    assert document.line(("indicators", 0, "access")) == 5
    assert document.line(("indicators", 1, "domain")) == 6
    assert document.line(("indicators", 1, "missing")) == 6
    assert document.line(("missing",)) == 1


@pytest.mark.parametrize(
    ("content", "start"),
    [
        (b"a: [1\nb: 2\n", "entry.yml:2: not valid YAML"),
        (b"a: 1\nb: 2\na: 3\n", "entry.yml:3: 'a' is given twice"),
        (b"a: &x 1\nb: *x\n", "entry.yml:2: YAML alias"),
        (b"- 1\n- 2\n", "entry.yml:1: not a mapping"),
        (b"", "entry.yml:1: not a mapping"),
        (b"a: 1\nb: \xff\n", "entry.yml:2: not UTF-8"),
        (b"a: 1\n---\nb: 2\n", "entry.yml:2: not valid YAML"),
        (b"a: !!python/object/apply:os.getcwd []\n", "entry.yml:1: not valid YAML"),
        (b"a: " + b"[" * 40 + b"]" * 40, "entry.yml:1: nested too deeply"),
        (b"a: " + b"[" * 100_000, "entry.yml:"),
        (b"#" * (MAX_BYTES + 1), "entry.yml:1: larger than"),
        (b"b: 1\na: 2026-13-45\n", "entry.yml:2: '2026-13-45' is no date or number"),
        (b"? [a]\n: b\n", "entry.yml:1: not valid YAML"),
        (b"a: !!set {x}\nb: !x y\n", "entry.yml:2: not valid YAML"),
        (b"a: " + b"- " * 300 + b"x", "entry.yml:1: not valid YAML"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_odd_files_are_refused_with_their_line(content: bytes, start: str) -> None:
    assert complaint(content).startswith(start)
    assert "\n" not in complaint(content)
    assert "; " in complaint(content)


def test_an_expanding_file_is_refused_before_it_expands() -> None:
    levels = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    assert "YAML alias" in complaint("\n".join(levels).encode())


@given(st.binary(max_size=300))
def test_any_bytes_are_a_document_or_one_problem(content: bytes) -> None:
    try:
        assert isinstance(parse("entry.yml", content).data, dict)
    except Unreadable as unreadable:
        assert unreadable.problem.line >= 1
