"""YAML files as nodes that know their lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

import yaml

from pytest_llmbench.errors import ConfigError
from pytest_llmbench.spec.interpolate import InterpolationError, interpolate
from pytest_llmbench.spec.nodes import Node, Scalar, key_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["parse_yaml", "read_yaml", "yaml_scalar"]

_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = {_TAG + name for name in ("null", "bool", "int", "float", "str")}


class _Loader(yaml.SafeLoader):
    """Types plain scalars by YAML 1.2's core schema.

    PyYAML's 1.1 would make `flash-attn: on` true, `1e-5` a text, `2026-01-01` a date and `12:30` the number
    750, none of which is what an engine argument means. Numbers with leading zeros stay texts.
    """

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own attribute, emptied before it is filled below


for _name, _pattern, _first in (
    ("merge", r"<<", "<"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+|0o[0-7]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), list(_first))


class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same with libyaml's parser, where PyYAML has it: faster, and in other words on mistakes."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


def read_yaml(path: Path, environ: Mapping[str, str], *, name: str | None = None) -> Node:
    """Read the YAML document at `path`; `name` is what messages call the file.

    An empty file is an empty mapping.

    Raises:
        ConfigError: the file cannot be read, is not YAML, repeats a key, or asks for an environment
            variable that is not set.
    """
    shown = name or str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise ConfigError(message, file=shown) from error
    except UnicodeDecodeError as error:
        message = "is not UTF-8 text"
        raise ConfigError(message, file=shown) from error
    return parse_yaml(text, environ, name=shown)


def parse_yaml(text: str, environ: Mapping[str, str], *, name: str) -> Node:
    """Read one YAML document from `text`; as `read_yaml`."""
    try:
        root = _composed(text)
        if root is None:
            return Node({}, name, 1, 1)
        return _Reader(name, environ).node(root, "", root.start_mark.line + 1)
    except yaml.YAMLError as error:
        _raise_syntax(error, name)
    except RecursionError as error:
        message = "is nested too deeply"
        raise ConfigError(message, file=name) from error


def _composed(text: str) -> yaml.Node | None:
    """Parse a document. A mistake is PyYAML's own parser's to tell, whichever read the file first."""
    try:
        return _compose(_FastLoader, text)
    except yaml.YAMLError:
        return _compose(_Loader, text)


def _compose(kind: type[yaml.SafeLoader], text: str) -> yaml.Node | None:
    loader = kind(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def yaml_scalar(text: str) -> Scalar:
    """Type `text` as a plain YAML scalar of a file would be; in quotes, it stays a text."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    try:
        return _typed(_tag(text), text)
    except ValueError:  # an integer beyond what Python converts
        return text


class _Reader:
    """Turns the nodes of one document into ours."""

    def __init__(self, file: str, environ: Mapping[str, str]) -> None:
        self.file, self.environ = file, environ
        self.open: set[int] = set()

    def node(self, node: yaml.Node, key: str, key_line: int) -> Node:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, key, key_line)
        if id(node) in self.open:
            self.fail("an alias contains itself", line, key)
        self.open.add(id(node))
        value: dict[str, Node] | tuple[Node, ...]
        if isinstance(node, yaml.MappingNode):
            value = self.mapping(node, key)
        else:
            value = tuple(
                self.node(item, key_path(key, index), item.start_mark.line + 1)
                for index, item in enumerate(node.value)
            )
        self.open.discard(id(node))
        return Node(value, self.file, line, key_line)

    def scalar(self, node: yaml.ScalarNode, key: str, key_line: int) -> Node:
        line = node.start_mark.line + 1
        if node.tag not in _SCALAR_TAGS:
            self.fail(f"the YAML tag {node.tag.replace(_TAG, '!!')} is not supported", line, key)
        try:
            text, variables = interpolate(node.value, self.environ)
        except InterpolationError as error:
            self.fail(str(error), line, key)
        tag = node.tag
        # Only an unquoted value becomes a number or a boolean, as in the file itself.
        if variables and not node.style and tag == _TAG + "str":
            tag = _tag(text)
        try:
            value = _typed(tag, text)
        except (ValueError, KeyError):  # `!!int x`, or more digits than Python converts
            self.fail(f"this is no {tag.replace(_TAG, '')}", line, key)
        return Node(value, self.file, line, key_line, text, variables)

    def mapping(self, node: yaml.MappingNode, key: str) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.fail("a key must be a text", line, key)
            name = key_node.value
            if key_node.tag == _TAG + "merge":
                for source in self.merged(value_node, key, line):
                    merged = {**source.entries, **merged}
            elif name in own:
                self.fail(
                    f"this key was given before, on line {own[name].key_line}", line, key_path(key, name)
                )
            else:
                own[name] = self.node(value_node, key_path(key, name), line)
        return {**merged, **own}

    def merged(self, node: yaml.Node, key: str, line: int) -> Iterator[Node]:
        """The mappings behind `<<`: one, or a list of which the first wins."""
        for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(part, yaml.MappingNode):
                self.fail("'<<' takes a mapping or a list of mappings", line, key)
            yield self.node(part, key, line)

    def fail(self, message: str, line: int, key: str) -> NoReturn:
        raise ConfigError(message, file=self.file, line=line, key=key or None) from None


def _tag(text: str) -> str:
    """Return the type that a plain scalar has by its look."""
    for tag, pattern in _Loader.yaml_implicit_resolvers.get(text[:1], ()):
        if pattern.match(text):
            return str(tag)
    return _TAG + "str"


def _typed(tag: str, text: str) -> Scalar:
    match tag.removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return {"true": True, "false": False}[text.lower()]
        case "int":
            return int(text, 0)
        case "float":
            return float(text)
        case _:  # `<<` as a value is only a text
            return text


def _raise_syntax(error: yaml.YAMLError, name: str) -> NoReturn:
    line, problem = None, str(error)
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        problem = ", ".join(part for part in (error.context, error.problem) if part)
    elif isinstance(error, yaml.reader.ReaderError):
        problem = f"character {chr(error.character)!r} is not allowed"
    message = f"not valid YAML: {problem}"
    raise ConfigError(message, file=name, line=line) from error
