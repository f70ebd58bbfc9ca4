"""`llmbench fetch`: have weights here before anything needs them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.commands.planned import add_config, planned
from pytest_llmbench.commands.showing import in_turn
from pytest_llmbench.errors import LLMBenchError, UsageError
from pytest_llmbench.models import locate
from pytest_llmbench.models.cached import cached_weights
from pytest_llmbench.models.hub import cache_in
from pytest_llmbench.spec.plan import Selection

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from pytest_llmbench.spec.deployment import Deployment

__all__ = ["Fetch"]


class _Wanted(NamedTuple):
    """Weights as some engine loads them."""

    model: str
    source: str
    formats: tuple[str, ...]


class Fetch:
    """Fetches the weights that models need."""

    name = "fetch"
    summary = "fetch the weights of models beforehand"
    description = """\
Fetch weights from the hub, in the format that a model's engines load, at one
commit. What is here already is not fetched again; a fetch that was cut or killed
goes on where it stopped. Gated models need `hf auth login` or HF_TOKEN.

  llmbench fetch qwen3-8b                     a model of the configuration
  llmbench fetch Qwen/Qwen3-8B-GGUF:Q4_K_M    one GGUF of a repository
  llmbench fetch --all                        all that the configuration names
  llmbench fetch --all --list                 what that is, and what is here
  llmbench fetch --all --dir /data/hub        into a folder to carry elsewhere, for
                                              pytest -m bench --bench-models-dir /data/hub"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take models, and what to do with them."""
        parser.add_argument("models", metavar="MODEL", nargs="*", help="id of the configuration, or a hub id")
        parser.add_argument("--all", action="store_true", help="every model of the configuration")
        parser.add_argument("--list", action="store_true", help="show what is here and what is not, only")
        parser.add_argument(
            "--dir", metavar="DIR", type=Path, help="put them there, in the layout of the hub's cache"
        )
        add_config(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Fetch one after the other; one that fails does not keep the rest from being fetched.

        Raises:
            UsageError: no model is named, or one that there is not.
        """
        if bool(arguments.models) == arguments.all:
            message = "name models, or give --all; --list shows what there is"
            raise UsageError(message)
        try:
            deployments = planned(arguments.config, Selection(models=tuple(arguments.models)))
        except UsageError as error:
            message = str(error).removeprefix("--bench-model: ")
            raise UsageError(message) from None
        wanted = list(_wanted(deployments))
        if arguments.dir is not None:
            cache_in(arguments.dir)
        folders = [arguments.dir] if arguments.dir is not None else []
        if arguments.list:
            for one in wanted:
                here = cached_weights(one.source, folders)
                sys.stdout.write(f"{one.model}  {one.source}  {here or 'not here'}\n")
            return 0
        return max([_fetch(one) for one in wanted], default=0)


def _wanted(deployments: Iterable[Deployment]) -> Iterable[_Wanted]:
    """List what is to be fetched, each once; builtin models and servers that run need nothing."""
    return dict.fromkeys(
        _Wanted(deployment.model, deployment.source, BACKENDS[deployment.backend].formats)
        for deployment in deployments
        if deployment.source and not deployment.source.startswith("builtin:")
    )


def _fetch(wanted: _Wanted) -> int:
    try:
        with in_turn(f"fetching {wanted.source}") as showing:
            path = locate(wanted.source, showing, formats=wanted.formats)
    except LLMBenchError as error:
        sys.stderr.write(f"{wanted.model}: {error}\n")
        return 1
    sys.stdout.write(f"{wanted.model}  {path}\n")
    return 0
