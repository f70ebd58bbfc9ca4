"""From nodes to the models of `files`, with every mistake named by file, line and key."""

from __future__ import annotations

import re
import types
import typing
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ValidationError

from pytest_llmbench.errors import ConfigError, nearest
from pytest_llmbench.spec.nodes import Node, key_path

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["shaped"]

Model = TypeVar("Model", bound=BaseModel)

_TEXTS = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "tuple_type": "must be a list",
    "too_short": "must not be an empty list",
    "greater_than_equal": "must be at least {ge}",
}


def shaped(node: Node, model: type[Model], key: str = "") -> Model:
    """Read `node` as `model`; `key` is what messages call it.

    Keys with a null value count as not given. Where the model wants a text, a number keeps its spelling
    (`version: 0.10` is "0.10").

    Raises:
        ConfigError: on the first mistake; further ones follow in its message, one a line.
    """
    problems: list[ConfigError] = []
    data = _plain(node, model, key, problems)
    if not problems:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            problems += _translated(error, node, key)
    raise _joined(problems)


def _joined(problems: Iterable[ConfigError]) -> ConfigError:
    first, *rest = sorted(problems, key=lambda problem: problem.line or 0)
    if rest:
        first.args = ("\n".join(str(problem) for problem in (first, *rest)),)
    return first


def _core(annotation: Any) -> Any:  # noqa: ANN401 - annotations have no better type
    """`annotation` without its metadata and without `| None`; Any for other unions."""
    while True:
        origin = typing.get_origin(annotation)
        if origin is Annotated:
            annotation = typing.get_args(annotation)[0]
        elif origin in (typing.Union, types.UnionType):
            options = [option for option in typing.get_args(annotation) if option is not types.NoneType]
            if len(options) > 1:
                return Any
            annotation = options[0]
        else:
            return annotation


def _plain(node: Node, annotation: Any, key: str, problems: list[ConfigError]) -> object:  # noqa: ANN401
    """`node` as plain data for `annotation`; what does not fit is added to `problems`."""
    core = _core(annotation)
    if typing.get_origin(core) is tuple and not isinstance(node.value, tuple):
        # Where one value may stand for a list of one, its texts keep their spelling; elsewhere it is refused.
        one = _core(typing.get_args(core)[0])
        core = one if one is str or isinstance(node.value, dict) else core
    is_model = isinstance(core, type) and issubclass(core, BaseModel)
    if is_model or typing.get_origin(core) is dict:
        if not isinstance(node.value, dict) and node.value is not None:
            problems.append(_problem("must be a mapping of keys to values", node, key))
            return {}
        if is_model:
            return _plain_model(node, core, key, problems)
        value_type = typing.get_args(core)[1]
        return {
            name: _plain(child, value_type, key_path(key, name), problems)
            for name, child in node.entries.items()
        }
    if typing.get_origin(core) is tuple and isinstance(node.value, tuple):
        item_type = typing.get_args(core)[0]
        return [
            _plain(child, item_type, key_path(key, index), problems) for index, child in enumerate(node.value)
        ]
    if core is str and isinstance(node.value, (bool, int, float)):
        return node.text
    return node.plain()


def _plain_model(node: Node, model: type[BaseModel], key: str, problems: list[ConfigError]) -> object:
    types_by_key = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    plain: dict[str, object] = {}
    for name, child in node.entries.items():
        path = key_path(key, name)
        if name not in types_by_key:
            message = f"unknown key; {nearest(name, types_by_key)}"
            problems.append(ConfigError(message, file=child.file, line=child.key_line, key=path))
        elif child.value is not None:
            plain[name] = _plain(child, types_by_key[name], path, problems)
    return plain


def _translated(error: ValidationError, node: Node, key: str) -> list[ConfigError]:
    problems: dict[str, ConfigError] = {}
    for detail in error.errors(include_url=False):
        path, place = key, node
        for part in detail["loc"]:
            child = place.at(part)
            if child is None:  # a missing key, or pydantic's name for a branch or a mapping's key
                if detail["type"] == "missing":
                    path = key_path(path, part)
                break
            path, place = key_path(path, part), child
        if detail["type"] == "too_short" and place.items:
            continue  # pydantic does not count wrong items, which have their own line
        problems.setdefault(path, _problem(_text(dict(detail), place), place, path))
    return list(problems.values())


def _text(detail: dict[str, Any], place: Node) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", context["expected"])
        return f"must be {context['expected']}; {nearest(place.text, known)}"
    message = _TEXTS.get(kind, detail["msg"]).format_map(context)
    # What came out of the environment may be a secret; what stands in the file is known to its reader.
    return message if place.variables or not place.text else f"{message}, not {place.text!r}"


def _problem(message: str, node: Node, key: str) -> ConfigError:
    return ConfigError(message, file=node.file, line=node.line, key=key or None)
