"""A configuration value that remembers where it was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Node", "Scalar", "key_path", "merge"]

Scalar = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a file: a scalar, a mapping or a list, and its place.

    `line` (from 1) is where the value begins, `key_line` where its key stands (the same for what has no
    key). `text` is a scalar as written, after the environment was read and before it was typed.
    `variables` are the environment variables the scalar was made from.
    """

    value: Scalar | dict[str, Node] | tuple[Node, ...]
    file: str
    line: int
    key_line: int
    text: str = ""
    variables: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"

    @property
    def entries(self) -> dict[str, Node]:
        """The mapping's entries; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> tuple[Node, ...]:
        """The list's items; empty for anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    def at(self, *path: str | int) -> Node | None:
        """The value at `path`, or None where the path leads nowhere."""
        node: Node | None = self
        for part in path:
            if node is None:
                return None
            if isinstance(part, int):
                node = node.items[part] if part < len(node.items) else None
            else:
                node = node.entries.get(part)
        return node

    def plain(self) -> object:
        """The same value without places."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, tuple):
            return [child.plain() for child in self.value]
        return self.value

    def walk(self, key: str = "") -> Iterator[tuple[str, Node]]:
        """This value and all below it, with their dotted keys."""
        yield key, self
        for name, child in self.entries.items():
            yield from child.walk(key_path(key, name))
        for index, child in enumerate(self.items):
            yield from child.walk(key_path(key, index))


def key_path(parent: str, part: str | int) -> str:
    """Name a value below `parent` as messages do: `models[1].backends.vllm`."""
    if isinstance(part, int):
        return f"{parent}[{part}]"
    return f"{parent}.{part}" if parent else part


def merge(base: Node | None, over: Node) -> Node:
    """Lay `over` on `base`: mappings key by key, all else (lists and null too) replaced."""
    if base is None or not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    merged = {**base.value, **{key: merge(base.value.get(key), child) for key, child in over.value.items()}}
    return Node(merged, over.file, over.line, over.key_line)
