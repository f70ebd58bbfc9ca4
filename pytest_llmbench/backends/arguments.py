"""Engine arguments: which there are, what they take, and how they are written on a command line.

What an engine's own parser takes stands in `tables/<engine>.txt`, a line an argument: its names, what it
takes, and the choices if its parser has a closed list. The tables are made from the parsers, at the version
their first line names (`tests/backends/engine_parsers.py`). In a configuration every name is in kebab-case,
whatever the engine does.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from pytest_llmbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_llmbench.spec.deployment import ArgValue

__all__ = ["Argument", "ArgumentTable", "Kind", "load_table"]

Kind = Literal["int", "float", "size", "text", "json", "words", "any", "flag", "pair"]

_EXPECTED: Mapping[Kind, str] = {
    "int": "an integer",
    "float": "a number",
    "size": "an integer, or one with a unit such as 16k",
    "text": "text",
    "json": "JSON, as a text in quotes",
    "words": "text, its items separated by spaces",
    "any": "a number or text",
    "flag": "true or false",
    "pair": "true or false",
}
_SIZE = re.compile(r"-?\d+(\.\d+)?[kKmMgGtT]?|auto")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument.

    Attributes:
        spelled: its name as the engine writes it, without the dashes in front.
        kind: what it takes. A `flag` stands for true, a `pair` has a `--no-` form, too.
        choices: the only values it takes; none where the parser's list is open.
    """

    spelled: str
    kind: Kind
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """What a value must be, for messages."""
        return "one of " + ", ".join(self.choices) if self.choices else _EXPECTED[self.kind]

    def accepts(self, value: ArgValue) -> bool:
        """Say whether a value has the right type and is one of the choices."""
        if self.choices:
            return all(word in self.choices for word in self._values(value))
        if self.kind in {"flag", "pair"} or isinstance(value, bool):
            return self.kind in {"flag", "pair"} and isinstance(value, bool)
        if self.kind == "json":
            return isinstance(value, str) and _is_json(value)
        if isinstance(value, int) or self.kind in {"text", "words", "any"}:
            return True
        if self.kind == "size":
            return isinstance(value, str) and bool(_SIZE.fullmatch(value))
        return self.kind == "float" and isinstance(value, float)

    def words(self, value: ArgValue) -> list[str]:
        """Write the argument with an accepted value: `["--max-model-len", "4096"]`."""
        if self.kind in {"flag", "pair"}:
            if value:
                return [f"--{self.spelled}"]
            return [f"--no-{self.spelled}"] if self.kind == "pair" else []
        return [f"--{self.spelled}", *self._values(value)]

    def _values(self, value: ArgValue) -> list[str]:
        if isinstance(value, bool):  # llama.cpp's `on` and `off`, where YAML says true and false
            return ["on" if value else "off"]
        return shlex.split(value) if self.kind == "words" and isinstance(value, str) else [str(value)]


@dataclass(frozen=True)
class ArgumentTable:
    """The arguments of one engine, by their names in a configuration.

    `version` is that of the engine whose parser was read. `ours` are those this package chooses itself, with
    what to say instead.
    """

    backend: str
    version: str
    arguments: Mapping[str, Argument]
    ours: Mapping[str, str]

    def check(self, args: Mapping[str, ArgValue]) -> None:
        """Reject what the engine does not know or would misread.

        Raises:
            UsageError: naming the argument and the nearest valid one, or what its value must be.
        """
        for name, value in args.items():
            argument = self._find(name)
            if not argument.accepts(value):
                message = (
                    f"argument '{name}' of backend {self.backend} must be {argument.expected}, not {value!r}"
                )
                raise UsageError(message)

    def command_line(self, args: Mapping[str, ArgValue]) -> list[str]:
        """Write checked arguments in the engine's own words."""
        return [word for name, value in args.items() for word in self._find(name).words(value)]

    def spelled(self, name: str) -> str:
        """Return an argument as the engine writes it, dashes in front."""
        return f"--{self.arguments[name].spelled}"

    def _find(self, name: str) -> Argument:
        if name in self.ours:
            advice = f"is chosen by this package: {self.ours[name]}"
            message = f"argument '{name}' of backend {self.backend} {advice}"
            raise UsageError(message)
        argument = self.arguments.get(name)
        if argument is not None:
            return argument
        stem, dot, rest = name.partition(".")
        parent = self.arguments.get(stem)
        if dot and parent is not None and parent.kind == "json":  # vLLM's `compilation-config.mode`
            return Argument(f"{parent.spelled}.{rest}", "any")
        advice = nearest(name, self.arguments.keys() - self.ours.keys(), n=1)
        if not advice.startswith("did you mean"):  # not all three hundred
            advice = f"'extra-args' passes on what {self.backend} {self.version} did not have"
        message = f"unknown argument '{name}' of backend {self.backend}: {advice}"
        raise UsageError(message)


@cache
def load_table(backend: str) -> ArgumentTable:
    """Read an engine's table; the same object at every call."""
    text = files("pytest_llmbench.backends").joinpath("tables", f"{backend}.txt").read_text(encoding="utf-8")
    title, *lines = text.splitlines()
    arguments: dict[str, Argument] = {}
    aliases: dict[str, str] = {}
    for line in lines:
        names, kind, *choices = line.split(" ")
        spelled = names.split(",")
        argument = Argument(spelled[0], _kind(kind), tuple(choices[0].split("|")) if choices else ())
        for name in map(_kebab, spelled):
            arguments[name] = argument
            aliases[name] = _kebab(spelled[0])
    ours = {
        name: advice
        for name, first in aliases.items()
        if (advice := _advice({other for other, its in aliases.items() if its == first})) is not None
    }
    return ArgumentTable(backend, title.removeprefix(f"# {backend} "), arguments, ours)


def _advice(names: Iterable[str]) -> str | None:
    return next((_OURS[name] for name in names if name in _OURS), None)


_SAID = "say '{}' of the model"
_OURS: Mapping[str, str] = {
    **dict.fromkeys(("alias", "served-model-name", "host", "port", "uds"), "remove it"),
    **dict.fromkeys(("model", "hf-repo", "hf-file", "model-url"), "it is the model's 'source'"),
    **dict.fromkeys(("config", "help"), "give its arguments one by one"),
    "api-key": "name the variable that holds it with 'api-key-env'",
    "tensor-parallel-size": _SAID.format("tp"),
    "pipeline-parallel-size": _SAID.format("pp"),
    "data-parallel-size": _SAID.format("dp"),
    **dict.fromkeys(
        ("enable-expert-parallel", "expert-parallel-size", "moe-expert-parallel-size"), _SAID.format("ep")
    ),
}
"""Arguments that say what a deployment says, by any of their names: a server is known by them."""


def _kind(word: str) -> Kind:
    kinds: dict[str, Kind] = {kind: kind for kind in _EXPECTED}
    return kinds[word]


def _kebab(name: str) -> str:
    return name.replace("_", "-")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
