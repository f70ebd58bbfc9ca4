"""`${NAME}` in values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.spec.interpolate import InterpolationError, interpolate

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("plain", {}, "plain"),
        ("a ${X} b ${Y}", {"X": "1", "Y": "2"}, "a 1 b 2"),
        ("${X:-d}", {}, "d"),
        ("${X:-d}", {"X": ""}, "d"),
        ("${X:-d}", {"X": "v"}, "v"),
        ("${X:-}", {}, ""),
        ("${X}", {"X": ""}, ""),
        ("${X}", {"X": "${Y} $$"}, "${Y} $$"),
        ("$${X} $$ $5 $", {}, "${X} $ $5 $"),
        ("${X:-http://h:1/$$}", {}, "http://h:1/$$"),
    ],
)
def test_replaces(text: str, environ: dict[str, str], expected: str) -> None:
    """Variables, defaults and escapes become what a shell user expects; values are not read again."""
    assert interpolate(text, environ)[0] == expected


def test_missing_variable() -> None:
    """A variable that is not set is named, with both ways out."""
    with pytest.raises(InterpolationError) as caught:
        interpolate("x ${HUB}", {})
    assert str(caught.value) == "the environment variable HUB is not set; set it, or write ${HUB:-default}"


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A", "${A:+b}", "${A-b}"])
def test_malformed(text: str) -> None:
    """What begins like a variable and is none is a mistake, not text."""
    with pytest.raises(InterpolationError, match=r"begins no \$\{NAME\}"):
        interpolate(text, {"A": "1"})


@given(st.text())
def test_escaping_keeps_any_text(text: str) -> None:
    """Doubling every dollar sign turns any text into itself."""
    assert interpolate(text.replace("$", "$$"), {}) == (text, ())


@given(NAMES, st.text(), st.text(alphabet="abc "), st.text(alphabet="abc "))
def test_value_goes_where_the_variable_stood(name: str, value: str, before: str, after: str) -> None:
    """A set variable's value is inserted unchanged, and the variable is reported."""
    assert interpolate(f"{before}${{{name}}}{after}", {name: value}) == (before + value + after, (name,))


@given(NAMES, st.text(), st.text().filter(lambda text: "}" not in text))
def test_default_is_for_unset_and_empty(name: str, value: str, default: str) -> None:
    """The default shows exactly when the variable is unset or empty."""
    assert interpolate(f"${{{name}:-{default}}}", {name: value})[0] == (value or default)
    assert interpolate(f"${{{name}:-{default}}}", {})[0] == default
