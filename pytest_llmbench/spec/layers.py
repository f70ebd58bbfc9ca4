"""What each source says about a backend, as flat layers of which the nearest wins."""

from __future__ import annotations

import difflib
import re
from collections import ChainMap
from typing import TYPE_CHECKING

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.spec.plan import BUILT_IN, Sourced, is_secret
from pytest_llmbench.spec.yaml_source import yaml_scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_llmbench.spec.deployment import ArgValue
    from pytest_llmbench.spec.files import BackendSettings
    from pytest_llmbench.spec.nodes import Node

__all__ = [
    "APPLIES",
    "CONTAINER_SETTINGS",
    "Layer",
    "arg_layers",
    "built_in_layer",
    "effective",
    "env_layer",
    "image_layers",
    "profile_layer",
    "settings_layer",
    "sourced",
]

Layer = dict[str, Sourced]

CONTAINER_SETTINGS = frozenset({"secrets", "volumes", "shm-size", "memory", "ipc", "ulimits", "build-args"})
"""What only containers have."""
_STARTED = frozenset({"runtime", "skip", "args", "env", "profiles"})
APPLIES: Mapping[str, frozenset[str]] = {
    "embedded": _STARTED,
    "docker": _STARTED | CONTAINER_SETTINGS | {"version", "image", "image-type", "extra-args", "api-key-env"},
    "process": _STARTED | {"program", "secrets", "extra-args", "api-key-env"},
    "external": frozenset({"runtime", "skip", "args", "version", "url", "served-model", "api-key-env"}),
}
"""Which backend settings mean something in which runtime."""


def sourced(value: object, node: Node | None) -> Sourced:
    """Pair a value of a file with its place."""
    if node is None:
        return Sourced(value, BUILT_IN)
    return Sourced(value, node.origin, any(is_secret(name) for name in node.variables))


def settings_layer(settings: BackendSettings | None, node: Node | None) -> Layer:
    """Flatten a file's settings of one backend; `node` is where they stand."""
    if settings is None or node is None:
        return {}
    layer: Layer = {}
    for key, child in node.entries.items():
        value = getattr(settings, key.replace("-", "_"))
        if key in ("args", "env"):
            layer |= {f"{key}.{name}": sourced(value[name], child.at(name)) for name in value}
        elif key != "profiles":
            # Compared by value and hashed: pairs, not a mapping.
            layer[key] = sourced(tuple(sorted(value.items())) if isinstance(value, dict) else value, child)
    return layer


def image_layers(texts: Iterable[str], engines: Iterable[str]) -> dict[str | None, Layer]:
    """Read `--bench-image [BACKEND=]IMAGE`: layers by backend, None for an image that names none.

    Raises:
        UsageError: a prefix that is no backend, or no image.
    """
    known = list(engines)
    layers: dict[str | None, Layer] = {}
    for text in texts:
        name, equals, image = text.rpartition("=")
        backend = name if equals else None
        if backend is not None and backend not in known:
            message = f"--bench-image {text}: unknown backend {name!r}; {nearest(name, known)}"
            raise UsageError(message)
        if not image:
            message = f"--bench-image takes [BACKEND=]IMAGE, not {text!r}"
            raise UsageError(message)
        layers.setdefault(backend, {})["image"] = Sourced(image, "--bench-image")
    return layers


def profile_layer(settings: BackendSettings | None, node: Node | None, name: str) -> Layer:
    """Flatten what a file's settings of one backend say in the profile `name`; nothing if they have none."""
    profile = settings.profiles.get(name) if settings else None
    place = node.at("profiles", name) if node else None
    if profile is None or place is None:
        return {}
    return {
        f"{section}.{key}": sourced(getattr(profile, section)[key], place.at(section, key))
        for section in ("args", "env")
        for key in getattr(profile, section)
    }


def built_in_layer(args: Mapping[str, ArgValue]) -> Layer:
    """Flatten an engine's own defaults."""
    return {f"args.{name}": Sourced(value, BUILT_IN) for name, value in args.items()}


def effective(*nearest_first: Layer) -> Layer:
    """Lay nearer layers over further ones; a null value removes what a further one says."""
    return {key: value for key, value in ChainMap(*nearest_first).items() if value.value is not None}


def arg_layers(texts: Iterable[str], engines: Iterable[str]) -> dict[str | None, Layer]:
    """Read `--bench-arg [BACKEND.]NAME=VALUE`: layers by backend, None for those that name none.

    Raises:
        UsageError: no `=`, no name, or a prefix that is nearly a backend.
    """
    known = list(engines)
    layers: dict[str | None, Layer] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        prefix, dot, rest = name.partition(".")
        backend = None
        if dot and prefix in known:
            backend, name = prefix, rest
        elif dot and difflib.get_close_matches(prefix, known, n=1, cutoff=0.75):
            message = f"--bench-arg {name}: unknown backend {prefix!r}; {nearest(prefix, known)}"
            raise UsageError(message)
        if not equals or not name:
            message = f"--bench-arg takes [BACKEND.]NAME=VALUE, not {name or text!r}"
            raise UsageError(message)
        layers.setdefault(backend, {})[f"args.{name}"] = Sourced(yaml_scalar(value), "--bench-arg")
    return layers


def env_layer(texts: Iterable[str]) -> Layer:
    """Read `--bench-env NAME=VALUE`; values are texts.

    Raises:
        UsageError: no `=`, or a name that no variable can have.
    """
    layer: Layer = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            message = f"--bench-env takes NAME=VALUE, not {name!r}"
            raise UsageError(message)
        layer[f"env.{name}"] = Sourced(value, "--bench-env")
    return layer
