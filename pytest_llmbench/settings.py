"""The one resolver of options: which value holds, and where it came from.

Highest first: marker argument, command line, environment (`LLMBENCH_REQUESTS`), ini (`bench_requests`),
`options:` of a configuration file, default.
"""

from __future__ import annotations

import math
import os
import re
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_llmbench.errors import LLMBenchError, UsageError, misspelt, nearest
from pytest_llmbench.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import pytest

    from pytest_llmbench.options import Option

__all__ = ["Settings", "add_options", "parse", "refuse_unknown"]

T = TypeVar("T")
_BY_NAME = {option.name: option for option in OPTIONS}
_PAIRS = 5
"""Replicates of an A/B when nobody says: what finds 5 % in a single cell."""
_ASKS = re.compile(r"\b(bench|eval)\b")
_NEGATED = re.compile(r"\bnot\s+(\w+|\([^()]*\))")
_WORDS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def add_options(parser: pytest.Parser) -> None:
    """Declare every option on the command line and in ini files; all default to None."""
    group = parser.getgroup(
        "llmbench", "LLM-serving benchmarks (pytest -m bench; see also `pytest --markers`)"
    )
    for option in OPTIONS:
        usual = "" if option.default is None else f" (default: {option.default})"
        arguments: dict[str, Any] = {"dest": option.ini, "default": None, "help": option.help + usual}
        if option.kind == "flag":
            arguments |= {"action": "store_true"}
        else:
            arguments |= {"metavar": option.metavar}
        if option.kind == "list":
            arguments |= {"action": "append"}
        if option.const is not None:
            arguments |= {"nargs": "?", "const": option.const}
        group.addoption(option.flag, **arguments)
        parser.addini(option.ini, f"same as {option.flag}", default=None)


def refuse_unknown(parser: pytest.Parser, args: Sequence[str]) -> None:
    """Tell a misspelt option of ours by the nearest name, which pytest does not.

    Raises:
        UsageError: nobody declares an option that begins like ours.
    """
    if not any(arg.startswith("--bench-") for arg in args):
        return
    for word in parser.parse_known_and_unknown_args(args)[1]:
        name = word.partition("=")[0]
        if name.startswith("--bench-"):
            message = f"there is no option {name}: {nearest(name, [option.flag for option in OPTIONS], n=1)}"
            raise UsageError(message)


class Settings:
    """The value of every option, and its origin."""

    def __init__(self, config: pytest.Config, environ: Mapping[str, str] = os.environ) -> None:
        self._config = config
        self._environ = environ
        self._files: dict[str, tuple[Any, str]] = {}

    @property
    def asked(self) -> bool:
        """Benchmarks were asked for: by `-m bench`, `-m eval` or an option of ours."""
        known = vars(self._config.option)
        if any(known.get(option.ini) is not None for option in OPTIONS):
            return True
        # `-m "not bench"` in a project's `addopts` is the opposite of asking.
        return bool(_ASKS.search(_NEGATED.sub("", known.get("markexpr") or "")))

    def add_file_options(self, options: Mapping[str, tuple[Any, str]]) -> None:
        """Take the `options:` of configuration files: name → (value, origin).

        Raises:
            UsageError: a name is not that of an option.
        """
        for name, (_, origin) in options.items():
            if name not in _BY_NAME:
                message = f"{origin}: unknown option {name!r}: {nearest(name, _BY_NAME)}"
                raise UsageError(message)
        self._files = dict(options)

    def check(self) -> None:
        """Read every option once, so that a wrong one is told before anything starts.

        Raises:
            UsageError: naming the option, its origin and what it takes.
        """
        known = [option.environment for option in OPTIONS]
        for name in self._environ:
            # Others may have variables that begin so: only what is nearly one of ours is a mistake. (Of a
            # misspelt key of an ini file pytest warns.)
            if name.startswith("LLMBENCH_") and name not in known and (meant := misspelt(name, known)):
                message = f"{name}: no option is called so; did you mean {meant!r}?"
                raise UsageError(message)
        for option in OPTIONS:
            self.get(option.name)

    def describe(self) -> str:
        """Write out every option that has a value, and its origin, a line each.

        Left out are engine arguments and variables: those are told with the deployments, secrets hidden.
        """
        found = [
            (option.name, *self.resolve(option.name))
            for option in OPTIONS
            if option.name not in {"arg", "env"}
        ]
        rows = [(name, _shown(value), origin) for name, value, origin in found if value is not None]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        lines = [
            f"  {name:{widths[0]}}  {value:{widths[1]}}  {origin}".rstrip() for name, value, origin in rows
        ]
        return "\n".join(["options", *lines])

    def given(self, *, without: Collection[str]) -> list[str]:
        """Return the options of the command line as words, but for some, to say how to run the same again."""
        words = []
        for option in OPTIONS:
            value = getattr(self._config.option, option.ini, None)
            if value is None or option.name in without:
                continue
            flag = option.kind == "flag"
            words += [option.flag if flag else f"{option.flag}={one}" for one in _several(value)]
        return words

    def get(self, name: str, marker: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401
        """Return the value that holds, parsed; None if nobody gave one and there is no default."""
        return self.resolve(name, marker)[0]

    def resolve(self, name: str, marker: Mapping[str, Any] | None = None) -> tuple[Any, str]:
        """Return the value that holds and where it came from.

        Raises:
            UsageError: the value is not what the option takes.
        """
        option = _BY_NAME[name]
        if (found := self._found(option, marker or {})) is not None:
            value, origin = found
            told = f"{origin}: options.{name}" if found == self._files.get(name) else origin
            return _parse(option, value, told), origin
        if name == "replicates" and self.get("ab"):
            return _PAIRS, "--bench-ab"
        return option.default, "default"

    def read(self, name: str, reader: Callable[[Any], T]) -> T | None:
        """Return what `reader` makes of an option's value; None where nobody gave one.

        Raises:
            UsageError: it cannot be read; the message begins with where the value came from.
        """
        value, origin = self.resolve(name)
        if value is None:
            return None
        try:
            return reader(value)
        except LLMBenchError as error:
            message = f"{origin}: {error}"
            raise UsageError(message) from None

    def elsewhere(self) -> dict[str, str]:
        """Return where options have their values from, by their flags, if not from the command line."""
        found = {option.flag: self._found(option, {}) for option in OPTIONS}
        return {flag: one[1] for flag, one in found.items() if one is not None and one[1] != flag}

    def _found(self, option: Option, marker: Mapping[str, Any]) -> tuple[Any, str] | None:
        candidates = [
            (marker.get(option.attribute), f"the bench marker's {option.attribute}"),
            (getattr(self._config.option, option.ini, None), option.flag),
            (self._environ.get(option.environment) or None, option.environment),
            (self._config.getini(option.ini), f"{option.ini} in {self._config.inipath}"),
            self._files.get(option.name, (None, "")),
        ]
        return next((one for one in candidates if one[0] is not None), None)


def parse(name: str, value: Any, origin: str) -> Any:  # noqa: ANN401 - an option's own type
    """Return a value that an option takes, of the option's type.

    Raises:
        UsageError: it does not take it; the message begins with `origin`.
    """
    return _parse(_BY_NAME[name], value, origin)


def _parse(option: Option, value: Any, origin: str) -> Any:  # noqa: ANN401 - an option's own type
    match option.kind:
        case "flag":
            return _yes_or_no(value, origin)
        case "text":
            # `--bench-json=$UNSET` must not pass for no option at all; a constant is for the bare option.
            return _chosen(_given(str(value), option, origin), option, origin)
        case "list":
            values = [str(item) for item in _several(value)]
            if option.commas:
                values = [part.strip() for item in values for part in item.split(",") if part.strip()]
            _given("".join(values), option, origin)
            return tuple(values)
        case "int" | "number":
            return _number(option, value, origin)
        case "ints" | "numbers":
            items = value.split(",") if isinstance(value, str) else _several(value)
            return tuple(dict.fromkeys(_number(option, item, origin) for item in items))


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _several(value: object) -> Sequence[object]:
    return value if isinstance(value, (list, tuple)) else [value]


def _chosen(text: str, option: Option, origin: str) -> str:
    if option.choices and text not in option.choices:
        *others, last = option.choices
        message = f"{origin}: expected {', '.join(others)} or {last}, not {text!r}"
        raise UsageError(message)
    return text


def _given(text: str, option: Option, origin: str) -> str:
    if not text and option.const is None:
        message = f"{origin}: expected {option.metavar}, not nothing"
        raise UsageError(message)
    return text


def _yes_or_no(value: object, origin: str) -> bool:
    word = str(value).lower()
    if word not in _WORDS:
        message = f"{origin}: expected yes or no, not {str(value)!r}"
        raise UsageError(message)
    return _WORDS[word]


def _number(option: Option, value: Any, origin: str) -> float:  # noqa: ANN401
    kind = int if option.kind in {"int", "ints"} else float
    try:
        number = kind(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    # int() would make 2 of 2.7 and 1 of True.
    changed = isinstance(value, bool) or (isinstance(value, float) and number != value)
    # A duration, a rate and a shape are more than nothing.
    least = option.least if kind is int or option.least else math.nextafter(0, 1)
    if number is None or changed or not least <= number < math.inf:
        what = "a whole number" if kind is int else "a number"
        bound = f"of at least {option.least}" if least == option.least else "above 0"
        message = f"{origin}: expected {what} {bound}, not {str(value)!r}"
        raise UsageError(message)
    return number
