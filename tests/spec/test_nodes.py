"""Merging."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.spec.nodes import Node, merge

KEYS = st.sampled_from("abc")
TREES = st.dictionaries(
    KEYS,
    st.recursive(st.integers(0, 9), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6),
    max_size=3,
)


def node(value: Any, file: str) -> Node:  # noqa: ANN401
    """Make `value` a node of a file."""
    if isinstance(value, dict):
        return Node({key: node(child, file) for key, child in value.items()}, file, 1, 1)
    return Node(value, file, 1, 1)


@given(TREES, TREES)
def test_the_later_file_wins_key_by_key(base: dict[str, Any], over: dict[str, Any]) -> None:
    """Every leaf of the later file is there, from there; any other leaf is the earlier file's own."""
    merged = merge(node(base, "base"), node(over, "over"))
    places = dict(merged.walk())
    for key, leaf in node(over, "over").walk():
        if not isinstance(leaf.value, dict):
            assert places[key] == leaf
    for key, leaf in places.items():
        if not isinstance(leaf.value, dict):
            assert leaf in (
                dict(node(base, "base").walk()).get(key),
                dict(node(over, "over").walk()).get(key),
            )


@given(TREES)
def test_merging_nothing_changes_nothing(tree: dict[str, Any]) -> None:
    """An empty file on either side leaves the other as it is."""
    assert merge(node({}, "x"), node(tree, "y")).plain() == tree
    assert merge(node(tree, "y"), node({}, "x")).plain() == tree
    assert merge(None, node(tree, "y")).plain() == tree


def test_lists_replace() -> None:
    """A list is one value: the later one stands alone."""
    one, two = (Node((Node(value, "f", 1, 1),), "f", 1, 1) for value in (1, 2))
    assert merge(one, two).plain() == [2]
