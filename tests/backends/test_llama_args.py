from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import xllamacpp

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.backends.llama_args import LLAMA_ARGS
from pytest_llmbench.errors import UsageError
from pytest_llmbench.runtimes.embedded_child import parameters

if TYPE_CHECKING:
    from pytest_llmbench.spec.deployment import ArgValue

LLAMA = BACKENDS["llama"]

SAMPLES: dict[str, ArgValue] = {
    "an integer": 3,
    "a number": 0.5,
    "true or false": True,
    "text": "chatml",
}


@pytest.mark.parametrize("name", sorted(LLAMA_ARGS))
def test_every_argument_reaches_the_engine(name: str) -> None:
    """Each argument names a field the engine has and takes a value of the stated kind."""
    argument = LLAMA_ARGS[name]
    for value in argument.choices or [SAMPLES[argument.kind]]:
        LLAMA.check_args({name: value}, "embedded")
        settings = parameters(
            xllamacpp,
            {
                "model": "m",
                "alias": "a",
                "host": "127.0.0.1",
                "port": 0,
                "gpus": 0,
                "settings": [argument.setting(value)],
                "api_key": None,
                "report_fd": 0,
                "parent": 0,
            },
        )
        for step in argument.attribute.split("."):
            settings = getattr(settings, step)
        if argument.enum:
            assert settings == getattr(getattr(xllamacpp, argument.enum), argument.choices[str(value)])
        else:
            assert settings == (not value if argument.inverted else value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ctx-sise", r"unknown argument 'ctx-sise' of backend llama: did you mean 'ctx-size'\?"),
        ("ctx_size", r"did you mean 'ctx-size'"),
        ("port", "is chosen by this package: remove it"),
    ],
)
def test_unknown_arguments(name: str, message: str) -> None:
    """A misspelt argument is answered with the nearest, ours with the advice to remove it."""
    with pytest.raises(UsageError, match=message):
        LLAMA.check_args({name: 1}, "embedded")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ctx-size", "4k", "must be an integer, not '4k'"),
        ("ctx-size", True, "must be an integer, not True"),
        ("ctx-size", 1.5, "must be an integer"),
        ("temp", "hot", "must be a number"),
        ("kv-unified", 1, "must be true or false"),
        ("chat-template", 1, "must be text"),
        ("cache-type-k", "q9", "must be one of f32, f16"),
        ("flash-attn", "yes", "must be one of on, off, auto"),
    ],
)
def test_wrong_values(name: str, value: ArgValue, message: str) -> None:
    """A value of the wrong type says what it must be."""
    with pytest.raises(UsageError, match=message):
        LLAMA.check_args({name: value}, "embedded")


def test_right_values() -> None:
    """A whole number is a number, and what YAML makes of `on` is understood."""
    LLAMA.check_args({"temp": 1, "flash-attn": True, "ctx-size": 0}, "embedded")
