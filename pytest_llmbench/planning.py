"""From options and files to what a session runs, before anything runs."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.backends import BACKENDS, set_added
from pytest_llmbench.errors import StorageError, UsageError, nearest
from pytest_llmbench.metrics.slo import parse_slos
from pytest_llmbench.models.builtin import BUILTINS
from pytest_llmbench.models.cached import cached_weights
from pytest_llmbench.models.facts import read_facts
from pytest_llmbench.spec.load import default_files, load_configuration
from pytest_llmbench.spec.plan import Selection
from pytest_llmbench.spec.resolve import resolve
from pytest_llmbench.spec.sides import split_sides
from pytest_llmbench.workloads.replay_file import read_replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from pytest_llmbench.metrics.slo import Slo
    from pytest_llmbench.models.facts import ModelFacts
    from pytest_llmbench.settings import Settings
    from pytest_llmbench.spec.plan import Plan
    from pytest_llmbench.spec.workload import Workload

__all__ = [
    "add_backends",
    "check_paths",
    "check_replay",
    "known_facts",
    "model_folders",
    "read_labels",
    "read_plan",
    "read_slos",
]


def add_backends(config: pytest.Config) -> None:
    """Ask the project for engines of its own.

    Raises:
        UsageError: the name of one is taken.
    """
    set_added(chain.from_iterable(config.hook.pytest_llmbench_backends()))


def read_plan(settings: Settings, rootdir: Path) -> tuple[Plan, dict[str, Workload]]:
    """Read the configuration and resolve it: (deployments with origins, workloads by name).

    `options:` of the files are added to the settings on the way.

    Raises:
        UsageError: a file or an option is wrong; the message names where.
    """
    files = default_files(rootdir, [Path(name) for name in settings.get("config") or ()])
    configuration = load_configuration(files, os.environ)
    settings.add_file_options(configuration.options)
    settings.check()
    selection = Selection(
        models=settings.get("model") or (),
        backends=settings.get("backend") or (),
        args=settings.get("arg") or (),
        env=settings.get("env") or (),
        urls=settings.get("url") or (),
        images=settings.get("image") or (),
        image_type=settings.get("image-type"),
        served_model=settings.get("served-model"),
        api_key_env=settings.get("api-key-env"),
        versions=settings.get("backend-version") or (),
        profiles=settings.get("profile") or (),
        tp=settings.get("tp") or (),
        gpus=settings.get("gpus") or (),
    )
    folders = model_folders(settings)
    with _nothing_collected():
        plan = resolve(configuration, selection, BACKENDS, lambda source: known_facts(source, folders))
    plan = replace(plan, evals=configuration.evals)
    if sides := settings.get("ab"):
        plan = split_sides(plan, sides, BACKENDS)
    if elsewhere := settings.elsewhere():
        plan = plan.called(elsewhere)
    _check_names(plan, settings)
    return plan, dict(configuration.workloads)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Collect no garbage meanwhile: ten thousand deployments are none, and looking took half of the time."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


def model_folders(settings: Settings) -> tuple[Path, ...]:
    """Return the folders of `--bench-models-dir`.

    Raises:
        UsageError: one does not exist.
    """
    folders = tuple(Path(name).expanduser() for name in settings.get("models-dir") or ())
    for folder in folders:
        if not folder.is_dir():
            message = f"--bench-models-dir {folder}: no such folder"
            raise UsageError(message)
    return folders


@cache
def known_facts(source: str, folders: tuple[Path, ...] = ()) -> ModelFacts | None:
    """Return what weights say that are on this host; broken ones are told when they are used."""
    weights = cached_weights(source, folders)
    try:
        return read_facts(weights) if weights else None
    except StorageError:
        return None


def _check_names(plan: Plan, settings: Settings) -> None:
    """Tell what cannot be found before anything starts, rather than at the first server that needs it."""
    for deployment in plan.deployments:
        kind, _, name = deployment.source.partition(":")
        if kind == "builtin" and name not in BUILTINS and not deployment.skip:
            origin = plan.origins.get(deployment.id, {}).get("source", "--bench-model")
            message = f"{origin}: source: no builtin model is named {name!r}: {nearest(name, BUILTINS)}"
            raise UsageError(message)
    if settings.get("keep") and settings.get("replicates") > 1:
        message = "--bench-keep: a replicate is a fresh start; leave out --bench-replicates"
        raise UsageError(message)
    key = settings.get("api-key-env")
    if key is not None and not os.environ.get(key):
        message = f"--bench-api-key-env: environment variable {key} is not set, or is empty"
        raise UsageError(message)


def read_labels(settings: Settings) -> dict[str, str]:
    """Split `--bench-label KEY=VALUE`s.

    Raises:
        UsageError: one has no `=`.
    """
    labels = {}
    for text in settings.get("label") or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            message = f"--bench-label: expected KEY=VALUE, not {text!r}"
            raise UsageError(message)
        labels[key] = value
    return labels


def check_paths(settings: Settings) -> None:
    """Look where `--bench-json` and `--bench-data-dir` point before anything starts.

    Raises:
        UsageError: the first is a folder, or the second none.
    """
    folder = settings.get("data-dir")
    if folder is not None and not Path(folder).is_dir():
        message = f"--bench-data-dir {folder}: no such folder"
        raise UsageError(message)
    path = settings.get("json")
    if path is not None and Path(path).is_dir():
        message = f"--bench-json {path}: this is a folder; name a file in it"
        raise UsageError(message)


def read_slos(settings: Settings) -> tuple[Slo, ...]:
    """Read every `--bench-slo`.

    Raises:
        UsageError: one is not `METRIC.STATISTIC=BOUND`.
    """
    return settings.read("slo", lambda texts: parse_slos(",".join(texts))) or ()


def check_replay(settings: Settings) -> None:
    """Read the file of `--bench-replay`, so that a wrong one is told before anything starts.

    Raises:
        UsageError: it cannot be read, or is not a trace; the message names file, line and key.
    """
    settings.read("replay", lambda path: read_replay(Path(path)))
