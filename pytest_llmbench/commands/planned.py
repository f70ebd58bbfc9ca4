"""What the configuration names, for commands that work on images and servers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.commands.engines import engines
from pytest_llmbench.planning import known_facts
from pytest_llmbench.spec.load import default_files, load_configuration
from pytest_llmbench.spec.resolve import resolve

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pytest_llmbench.spec.deployment import Deployment
    from pytest_llmbench.spec.plan import Selection

__all__ = ["add_config", "default_version", "planned"]


def add_config(parser: argparse.ArgumentParser) -> None:
    """Take configuration files."""
    parser.add_argument(
        "--config",
        metavar="PATH",
        action="append",
        type=Path,
        default=[],
        help="configuration file, as --bench-config; repeatable",
    )


def planned(config: Sequence[Path], selection: Selection) -> tuple[Deployment, ...]:
    """Return the deployments that files and selection name.

    Raises:
        UsageError: either is wrong, or all of it is impossible, or the project's engines cannot be had.
    """
    configuration = load_configuration(default_files(Path.cwd(), list(config)), os.environ)
    return resolve(configuration, selection, engines(), known_facts).require_some().deployments


def default_version(config: Sequence[Path], backend: str) -> str | None:
    """Return the version of a backend that the files name for all models, the first of several."""
    configuration = load_configuration(default_files(Path.cwd(), list(config)), os.environ)
    settings = configuration.defaults.backends.get(backend)
    versions = settings.version if settings else None
    return versions[0] if isinstance(versions, tuple) else versions
