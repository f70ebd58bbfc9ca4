"""YAML with lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.errors import ConfigError
from pytest_llmbench.spec.yaml_source import parse_yaml, read_yaml, yaml_scalar

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.spec.nodes import Node

WORDS = st.text(alphabet="abcdefgh", min_size=1, max_size=6)
# Every scalar is its own text, so that it can be found in the file again.
TREES = st.recursive(
    st.integers(min_value=0),
    lambda children: st.one_of(
        st.lists(children, min_size=1, max_size=4), st.dictionaries(WORDS, children, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


def parse(text: str, **environ: str) -> Node:
    """Parse a text called f.yaml."""
    return parse_yaml(text, environ, name="f.yaml")


def error(text: str, **environ: str) -> str:
    """What parsing complains about."""
    with pytest.raises(ConfigError) as caught:
        parse(text, **environ)
    return str(caught.value)


@given(TREES)
def test_values_and_lines_survive(tree: Any) -> None:  # noqa: ANN401
    """Any tree is read as PyYAML reads it, and every number stands on the line it claims."""
    text = yaml.safe_dump(tree)
    lines = text.splitlines()
    node = parse(text)
    assert node.plain() == tree
    for key, place in node.walk():
        if isinstance(place.value, int):
            assert str(place.value) in lines[place.line - 1]
        name = key.rpartition(".")[2]
        if name.isalpha():
            assert f"{name}:" in lines[place.key_line - 1]


def test_lines_of_keys_and_values() -> None:
    """A block value begins below its key, a flow value beside it."""
    node = parse("a:\n  b: 1\n  c: [x,\n      y]\n\nd: |\n  text\n")
    places = {key: (place.key_line, place.line) for key, place in node.walk()}
    assert places == {
        "": (1, 1),
        "a": (1, 2),
        "a.b": (2, 2),
        "a.c": (3, 3),
        "a.c[0]": (3, 3),
        "a.c[1]": (4, 4),
        "d": (6, 6),
    }
    assert node.at("a", "b") is not None
    assert node.at("a", "x", "y") is None
    assert node.at("a", "c", 7) is None
    assert str(node.at("d") and node.entries["d"].origin) == "f.yaml:6"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("1e-5", 1e-5),
        ("0.92", 0.92),
        (".5", 0.5),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("007", "007"),
        ("1_000", "1_000"),
        ("0x1F", 31),
        ("0o17", 15),
        ("-3", -3),
        ("~", None),
        ("null", None),
        ("", None),
        (".inf", ".inf"),
        ("v0.12.0", "v0.12.0"),
    ],
)
def test_plain_scalars(text: str, value: object) -> None:
    """Unquoted values have the types of YAML 1.2, in files and on the command line alike."""
    for got in (parse(f"x: {text}").entries["x"].value, yaml_scalar(text)):
        assert got == value
        assert type(got) is type(value)


def test_more_digits_than_python_converts() -> None:
    """On the command line a number without end stays a text."""
    assert yaml_scalar("9" * 5000) == "9" * 5000


@pytest.mark.parametrize(("text", "value"), [("'8'", "8"), ('"true"', "true"), ("'", "'"), ("<<", "<<")])
def test_quotes_on_the_command_line(text: str, value: str) -> None:
    """Quotes around a whole value keep it a text."""
    assert yaml_scalar(text) == value


def test_substituted_values_are_typed_again() -> None:
    """What comes from the environment is typed as if it stood in the file; in quotes it stays a text."""
    node = parse("a: ${N}\nb: '${N}'\nc: \"${N}\"\nd: x${N}\ne: ${M:-true}\nf: |-\n  ${N}\n", N="8")
    assert node.plain() == {"a": 8, "b": "8", "c": "8", "d": "x8", "e": True, "f": "8"}
    assert node.entries["a"].variables == ("N",)
    assert node.entries["e"].text == "true"


@given(
    st.one_of(st.integers(-(10**9), 10**9), st.booleans(), st.floats(allow_nan=False, allow_infinity=False))
)
def test_substitution_types_as_the_file_would(value: float) -> None:
    """A variable holding a scalar gives the value that the same text in the file gives."""
    text = str(value).lower()
    assert parse("x: ${V}", V=text).plain() == parse(f"x: {text}").plain() == {"x": value}


def test_anchors_and_merge_keys() -> None:
    """Own keys win over merged ones, the first merged mapping over the second; lines are the anchor's."""
    node = parse("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 3\nd: {<<: *b}\ne: *a\n")
    assert node.entries["c"].plain() == {"x": 3, "y": 1, "z": 2}
    assert node.entries["d"].plain() == {"y": 2, "z": 2}
    assert node.entries["c"].entries["z"].line == 2
    assert node.entries["e"].plain() == {"x": 1, "y": 1}


def test_empty_file() -> None:
    """A file without content is an empty mapping."""
    assert parse("# nothing\n").plain() == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: a: this key was given before, on line 1"),
        ("m:\n  - {x: 1,\n     x: 2}\n", "f.yaml:3: m[0].x: this key was given before, on line 2"),
        (
            "m:\n - url: http://${HOST}\n",
            "f.yaml:2: m[0].url: the environment variable HOST is not set; set it, or write ${HOST:-default}",
        ),
        (
            "a: ${\n",
            (
                "f.yaml:1: a: '${' begins no ${NAME} or ${NAME:-default}; "
                "write $${ for the characters themselves"
            ),
        ),
        ("a: &a\n  b: *a\n", "f.yaml:1: a.b: an alias contains itself"),
        ("a: {<<: 3}\n", "f.yaml:1: a: '<<' takes a mapping or a list of mappings"),
        ("? [a]\n: 1\n", "f.yaml:1: a key must be a text"),
        ("a: !!binary aGk=\n", "f.yaml:1: a: the YAML tag !!binary is not supported"),
        ("a: !thing x\n", "f.yaml:1: a: the YAML tag !thing is not supported"),
        ("a: !!int x\n", "f.yaml:1: a: this is no int"),
        ("a: !!bool x\n", "f.yaml:1: a: this is no bool"),
        ("a: " + "9" * 5000, "f.yaml:1: a: this is no int"),
        (
            "a: [1\nb: 2\n",
            "f.yaml:2: not valid YAML: while parsing a flow sequence, expected ',' or ']', but got ':'",
        ),
        (
            "a: 1\n---\nb: 2\n",
            "f.yaml:2: not valid YAML: expected a single document in the stream, but found another document",
        ),
        ("a: \x07\n", "f.yaml: not valid YAML: character '\\x07' is not allowed"),
        ("[" * 3000, "f.yaml: is nested too deeply"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    """Every mistake is one line that names the file, the line and the key where there is one."""
    assert error(text) == message


def test_unreadable_files(tmp_path: Path) -> None:
    """A file that is missing or no text is named."""
    with pytest.raises(ConfigError) as caught:
        read_yaml(tmp_path / "no.yaml", {}, name="no.yaml")
    assert str(caught.value) == "no.yaml: cannot be read: No such file or directory"
    (tmp_path / "bin.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError) as caught:
        read_yaml(tmp_path / "bin.yaml", {}, name="bin.yaml")
    assert str(caught.value) == "bin.yaml: is not UTF-8 text"


def test_secret_values_stay_out_of_messages() -> None:
    """A value from the environment is not repeated in an error about it."""
    assert "hunter2" not in error("a: !!int ${PW}", PW="hunter2")
