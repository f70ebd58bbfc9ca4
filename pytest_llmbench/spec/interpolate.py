"""`${NAME}` and `${NAME:-default}` inside a configuration value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["InterpolationError", "interpolate"]

_PART = re.compile(
    r"\$(?:(?P<escaped>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<broken>\{))"
)


class InterpolationError(ValueError):
    """A value cannot be completed from the environment; the message says why, never the value."""


def interpolate(text: str, environ: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Replace what `text` takes from the environment.

    `${NAME}` must be set; `${NAME:-default}` takes the default where the variable is unset or empty, as a
    shell does; `$$` is a dollar sign, and so is a `$` before anything but `{`. What a variable holds is not
    looked into again.

    Returns:
        The completed text, and the names that were asked for, in order.

    Raises:
        InterpolationError: a variable is missing, or `${` begins nothing that can be read.
    """
    if "$" not in text:
        return text, ()
    names: list[str] = []

    def replaced(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        if match["broken"]:
            message = "'${' begins no ${NAME} or ${NAME:-default}; write $${ for the characters themselves"
            raise InterpolationError(message)
        name, default = match["name"], match["default"]
        names.append(name)
        value = environ.get(name)
        if default is not None:
            return value or default
        if value is None:
            message = f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}"
            raise InterpolationError(message)
        return value

    return _PART.sub(replaced, text), tuple(names)
