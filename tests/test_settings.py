from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_llmbench.errors import UsageError
from pytest_llmbench.metrics.slo import parse_slos
from pytest_llmbench.options import OPTIONS
from pytest_llmbench.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping


def settings(
    options: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    ini: Mapping[str, Any] | None = None,
) -> Settings:
    """Make settings of a configuration of pytest's that has no more than this."""
    config = SimpleNamespace(
        option=SimpleNamespace(**(options or {})), getini=(ini or {}).get, inipath="pytest.ini"
    )
    return Settings(cast("pytest.Config", config), environ or {})


def test_the_nearest_source_wins() -> None:
    """Marker, command line, environment, ini, file, default: each with its origin."""
    sources = settings({"bench_runs": "5"}, {"LLMBENCH_RUNS": "4"}, {"bench_runs": "3"})
    sources.add_file_options({"runs": (2, "models.yaml:1")})
    assert sources.resolve("runs", {"runs": 6}) == (6, "the bench marker's runs")
    assert sources.resolve("runs") == (5, "--bench-runs")
    below = settings({}, {"LLMBENCH_RUNS": "4"}, {"bench_runs": "3"})
    assert below.resolve("runs") == (4, "LLMBENCH_RUNS")
    assert settings(ini={"bench_runs": "3"}).resolve("runs") == (3, "bench_runs in pytest.ini")
    from_file = settings()
    from_file.add_file_options({"runs": (2, "models.yaml:1")})
    assert from_file.resolve("runs") == (2, "models.yaml:1")
    assert settings().resolve("runs") == (1, "default")


def test_what_was_given_can_be_given_again() -> None:
    """As words of a command line, without what came from elsewhere and without what is left out."""
    options = {"bench_arg": ["a=1", "b=2"], "bench_keep": True, "bench_runs": "2", "bench_save": "main"}
    given = settings(options, {"LLMBENCH_REQUESTS": "4"}).given(without={"save"})
    assert given == ["--bench-arg=a=1", "--bench-arg=b=2", "--bench-keep", "--bench-runs=2"]


def test_an_empty_variable_is_none() -> None:
    """CI systems set variables that nobody filled in."""
    assert settings(environ={"LLMBENCH_RUNS": ""}, ini={"bench_runs": "3"}).get("runs") == 3


@pytest.mark.parametrize(
    ("name", "value", "parsed"),
    [
        ("requests", "12", 12),
        ("requests", 12.0, 12),
        ("timeout", "1.5", 1.5),
        ("concurrency", "1,8, 8,64", (1, 8, 64)),
        ("concurrency", 4, (4,)),
        ("concurrency", [2, "3"], (2, 3)),
        ("model", ["a,b", " c ,"], ("a", "b", "c")),
        ("label", "a=b,c", ("a=b,c",)),
        ("label", 5, ("5",)),
        ("allow-mismatch", "Off", False),
        ("allow-mismatch", True, True),
        ("compare", "", ""),
    ],
)
def test_values_are_read(name: str, value: object, parsed: object) -> None:
    """Text of a command line, and what YAML makes of it."""
    assert settings({f"bench_{name.replace('-', '_')}": value}).get(name) == parsed


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("requests", 2.7, "expected a whole number of at least 1, not '2.7'"),
        ("requests", True, "expected a whole number of at least 1, not 'True'"),
        ("requests", float("inf"), "expected a whole number of at least 1, not 'inf'"),
        ("timeout", float("nan"), "expected a number of at least 1, not 'nan'"),
        ("concurrency", [], "no error"),
        ("model", [","], "expected NAME, not nothing"),
        ("json", "", "expected PATH, not nothing"),
        ("allow-mismatch", "maybe", "expected yes or no, not 'maybe'"),
    ],
)
def test_what_cannot_be_is_told_with_its_origin(name: str, value: object, told: str) -> None:
    """The option, what it takes, what it got."""
    wrong = settings({f"bench_{name.replace('-', '_')}": value})
    if told == "no error":
        assert wrong.get(name) == ()
        return
    with pytest.raises(UsageError, match=f"^--bench-{name}: {told}$"):
        wrong.check()


def test_a_misspelt_variable_is_told() -> None:
    """It would have no effect; what is only somebody else's is left alone."""
    settings(environ={"LLMBENCH_LOCK_DIR": "/x", "LLMBENCH_CACHE_DIR": "/x", "LLMBENCHMARK": "1"}).check()
    with pytest.raises(UsageError) as caught:
        settings(environ={"LLMBENCH_REQESTS": "3"}).check()
    assert str(caught.value) == "LLMBENCH_REQESTS: no option is called so; did you mean 'LLMBENCH_REQUESTS'?"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("requests", "many", "m.yaml:3: options.requests: expected a whole number of at least 1, not 'many'"),
        ("slo", "tfft.p99=1s", "m.yaml:3: SLO 'tfft.p99=1s': unknown metric 'tfft'"),
    ],
)
def test_a_wrong_value_is_told_with_where_it_stands(name: str, value: str, told: str) -> None:
    """Also where another part reads the text of an option."""
    wrong = settings()
    wrong.add_file_options({name: (value, "m.yaml:3")})
    with pytest.raises(UsageError) as caught:
        wrong.read(name, lambda texts: parse_slos(",".join(texts)))
    assert str(caught.value).startswith(told)


def test_options_of_a_file_are_known_ones() -> None:
    """With its place, and the nearest name."""
    with pytest.raises(UsageError, match=r"m\.yaml:3: unknown option 'request': did you mean 'requests'"):
        settings().add_file_options({"request": (3, "m.yaml:3")})


@pytest.mark.parametrize(
    ("expression", "asked"),
    [
        ("bench", True),
        ("eval", True),
        ("bench and not slow", True),
        ("not slow and (bench or eval)", True),
        ("not bench", False),
        ("not (bench or eval)", False),
        ("unit and not bench", False),
        ("benchmark", False),
        ("", False),
    ],
)
def test_a_marker_expression_asks_or_does_not(expression: str, asked: bool) -> None:  # noqa: FBT001
    """What leaves benchmarks out is the opposite of asking for them."""
    assert settings({"markexpr": expression}).asked is asked


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_of_ours_asks(option: Any) -> None:  # noqa: ANN401
    """On the command line; a variable or an ini file that merely lies there does not."""
    assert settings({option.ini: "1"}).asked
    assert not settings({option.ini: None}, {option.environment: "1"}, {option.ini: "1"}).asked


def test_every_option_is_documented_and_declared_alike() -> None:
    """No two share a name; each says what it does."""
    assert len({option.name for option in OPTIONS}) == len(OPTIONS)
    assert all(option.help for option in OPTIONS)
    assert all(option.metavar or option.kind == "flag" for option in OPTIONS)
