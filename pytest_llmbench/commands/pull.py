"""`llmbench pull`: fetch images before they are needed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.commands.engines import engines
from pytest_llmbench.commands.planned import add_config, planned
from pytest_llmbench.commands.showing import in_turn
from pytest_llmbench.errors import UsageError
from pytest_llmbench.runtimes.containers.daemon import connect
from pytest_llmbench.runtimes.containers.images import pull_image
from pytest_llmbench.spec.plan import Selection

if TYPE_CHECKING:
    import argparse

    from pytest_llmbench.backends.base import Accelerator

__all__ = ["Pull"]


class Pull:
    """Pulls images, by what the configuration names or by reference."""

    name = "pull"
    summary = "pull the images of the configuration, or those you name"
    description = """\
Fetch images, so that no test waits for them: those that the configuration's deployments
need, of some backends, or any by reference. Pulls also those that are here: a tag may
have been moved, and is told if it was.

  llmbench pull                                all that the configuration names
  llmbench pull vllm llama                     those of two backends
  llmbench pull vllm/vllm-openai:v0.32.0       one"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take what to pull."""
        parser.add_argument(
            "images", metavar="BACKEND|IMAGE", nargs="*", help="default: all that are configured"
        )
        add_config(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Pull one after another, and print each with its digest.

        Raises:
            UsageError: nothing is configured to be pulled.
            Unavailable: no Docker.
            ServerStartError: an image cannot be had.
        """
        known = engines()
        backends = tuple(name for name in arguments.images if name in known)
        references = [name for name in arguments.images if name not in known]
        if backends or not references:
            references += _configured(arguments, backends)
        if not references:
            message = "no deployment of the configuration needs an image that is pulled"
            raise UsageError(message)
        client = connect()
        for reference in dict.fromkeys(references):
            with in_turn(f"pulling {reference}") as showing:
                found = pull_image(client, reference, showing)
            moved = f"  was {found.previous} when it was last used here" if found.previous else ""
            sys.stdout.write(f"{reference}  {found.exact}{moved}\n")
        return 0


def _configured(arguments: argparse.Namespace, backends: tuple[str, ...]) -> list[str]:
    found = []
    for deployment in planned(arguments.config, Selection(backends=backends)):
        if deployment.runtime == "docker":
            accelerator: Accelerator = "cuda" if deployment.gpus else "cpu"
            image = BACKENDS[deployment.backend].image(deployment, accelerator)
            found += [image.reference] if image.dockerfile is None else []
    return found
