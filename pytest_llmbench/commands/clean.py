"""`llmbench clean`: remove what is left of sessions and images, and nothing of anybody else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_llmbench.commands.named import find_all, state
from pytest_llmbench.runtimes.containers.daemon import connect, sdk, telling
from pytest_llmbench.runtimes.containers.wiring import CACHE_VOLUMES
from pytest_llmbench.runtimes.labels import MARK

if TYPE_CHECKING:
    import argparse

__all__ = ["Clean"]


class Clean:
    """Removes leftovers, after showing them."""

    name = "clean"
    summary = "show what is left over, and remove it with --yes"
    description = """\
Show what is left over: containers and processes of killed sessions, and with --elsewhere
those whose owner cannot be seen from here; with --caches what engines compiled; with
--images what was built. Nothing is removed without --yes, and never anything that is not
ours, in use, or kept.

  llmbench clean                  what there is
  llmbench clean --yes            remove it"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take what to look for, and whether to do it."""
        parser.add_argument("--yes", action="store_true", help="remove what is shown")
        parser.add_argument("--elsewhere", action="store_true", help="servers whose owner cannot be seen")
        parser.add_argument("--caches", action="store_true", help="volumes of compile caches")
        parser.add_argument("--images", action="store_true", help="images that were built here")

    def run(self, arguments: argparse.Namespace) -> int:
        """Show, and remove where asked.

        Raises:
            Unavailable: no Docker, where volumes or images are asked for.
            ServerError: the Docker daemon broke off.
        """
        wanted = {"left over"} | ({"of elsewhere"} if arguments.elsewhere else set())
        servers = [found for found in find_all() if state(found) in wanted]
        volumes = _volumes() if arguments.caches else []
        images = _images() if arguments.images else []
        lines = [f"{found.kind} {found.name} ({state(found)}, {found.status})" for found in servers]
        lines += [f"volume {volume.name}" for volume in volumes]
        lines += [f"image {', '.join(image.tags) or image.short_id}" for image in images]
        if not lines:
            sys.stdout.write("nothing is left over\n")
            return 0
        verb = "removed" if arguments.yes else "would remove"
        if arguments.yes:
            for found in servers:
                found.end(at_once=True)
            lines = lines[: len(servers)]
            lines += [f"volume {volume.name}" for volume in volumes if _gone(volume)]
            lines += [f"image {', '.join(i.tags) or i.short_id}" for i in images if _gone(i)]
        sys.stdout.writelines(f"{verb} {line}\n" for line in lines)
        if not arguments.yes:
            sys.stdout.write("nothing was removed; llmbench clean --yes does it\n")
        return 0


def _volumes() -> list[Any]:
    with telling("looking for volumes"):
        return list(connect().volumes.list(filters={"name": CACHE_VOLUMES}))


def _images() -> list[Any]:
    with telling("looking for images"):
        return list(connect().images.list(filters={"label": f"{MARK}=image"}))


def _gone(thing: Any) -> bool:  # noqa: ANN401 - a volume or an image of the SDK
    """Remove a volume or an image; False for one that something still uses."""
    with telling("removing"):
        try:
            thing.remove()
        except sdk().errors.APIError as error:
            if error.status_code == 409:  # noqa: PLR2004 - in use
                return False
            raise
    return True
