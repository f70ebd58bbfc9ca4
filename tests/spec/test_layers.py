"""Layers."""

from __future__ import annotations

from pytest_llmbench.spec.layers import effective, settings_layer, sourced
from pytest_llmbench.spec.nodes import Node
from pytest_llmbench.spec.plan import Sourced


def test_a_value_without_a_place_is_built_in() -> None:
    """What no file says comes from here."""
    assert sourced(1, None) == Sourced(1, "built in")
    assert settings_layer(None, None) == {}


def test_a_value_from_a_secret_variable_is_secret() -> None:
    """The variable's name tells, whatever the key is called."""
    node = Node("x", "f", 1, 1, "x", ("HOST", "HF_TOKEN"))
    assert sourced("x", node) == Sourced("x", "f:1", secret=True)


def test_null_hides_what_lies_below() -> None:
    """A null is not passed on, nor is what it covers."""
    assert effective({"a": Sourced(None, "near")}, {"a": Sourced(1, "far"), "b": Sourced(2, "far")}) == {
        "b": Sourced(2, "far")
    }
