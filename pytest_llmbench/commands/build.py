"""`llmbench build`: make an engine's image from source."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_llmbench.backends.base import Image
from pytest_llmbench.commands.engines import engines
from pytest_llmbench.commands.planned import add_config, default_version
from pytest_llmbench.commands.showing import in_turn
from pytest_llmbench.errors import UsageError
from pytest_llmbench.models.cache import cache_dir
from pytest_llmbench.runtimes.containers.build_context import dockerfiles
from pytest_llmbench.runtimes.containers.daemon import connect
from pytest_llmbench.runtimes.containers.images import build_image, find_image
from pytest_llmbench.spec.deployment import Deployment

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

__all__ = ["Build"]


class Build:
    """Builds an image from `docker/<name>`."""

    name = "build"
    summary = "build an engine's image from source"
    description = """\
Build the image of an engine from docker/<name>/Dockerfile: this project's own, or the
one that comes with the package (llama, ik_llama, vllm, vllm-transformers). Tests whose
deployment says `image-type: build` do it by themselves when the image is not there.

  llmbench build llama                         for the CPU, at the configuration's version
  llmbench build llama --accelerator cuda --build-arg CUDA_ARCHITECTURES=90
  llmbench build ik_llama --version 8337e4cd   a commit
  llmbench build llama --build-arg SOURCE=./llama.cpp.tar.gz --build-arg BASE=my/debian
  llmbench build vllm-transformers --build-arg BASE=vllm/vllm-openai:v0.32.0 --tag my/vllm:next"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take what to build and how."""
        parser.add_argument("folder", metavar="NAME", help="a backend, or a folder below docker/")
        parser.add_argument("--version", help="release tag or commit (default: the configuration's)")
        parser.add_argument(
            "--accelerator", choices=("cpu", "cuda"), default="cpu", help="default: %(default)s"
        )
        parser.add_argument(
            "--build-arg",
            metavar="NAME=VALUE",
            action="append",
            default=[],
            help="argument of the Dockerfile; repeatable. SOURCE may be an archive on this host",
        )
        parser.add_argument("--tag", help="what to call the image (default: llmbench/<name>:...)")
        parser.add_argument("--rebuild", action="store_true", help="build every step anew")
        add_config(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Build, and print what came out.

        Raises:
            UsageError: there is no such Dockerfile, or no version to build.
            Unavailable: no Docker.
            ServerStartError: the build failed.
        """
        image = _image(arguments)
        client = connect()
        log = cache_dir() / "builds" / f"{image.reference.replace('/', '-').replace(':', '-')}.log"
        with in_turn(f"building {image.reference}") as showing:
            built = build_image(client, image, showing, no_cache=arguments.rebuild, log=log)
        found = find_image(client, built.reference)
        size = client.images.get(built.reference).attrs["Size"] / 2**20
        sys.stdout.write(f"{built.reference}  {(found or built).id}  {size:.0f} MiB\n")
        return 0


def _image(arguments: argparse.Namespace) -> Image:
    args = {}
    for text in arguments.build_arg:
        name, equals, value = text.partition("=")
        if not equals or not name:
            message = f"--build-arg takes NAME=VALUE, not {text!r}"
            raise UsageError(message)
        args[name] = value
    backend = engines().get(arguments.folder)
    if backend is None or backend.container is None:
        folder: Path = dockerfiles(arguments.folder)
        version = {"VERSION": arguments.version} if arguments.version else {}
        reference = arguments.tag or f"llmbench/{folder.name}:{arguments.version or 'latest'}"
        return Image(reference, folder.name, {**version, **args})
    deployment = Deployment(
        model=arguments.folder,
        source="",
        backend=arguments.folder,
        runtime="docker",
        version=arguments.version or default_version(arguments.config, arguments.folder),
        image=arguments.tag,
        image_type="build",
    )
    image = backend.image(deployment, arguments.accelerator)
    return replace(image, build_args={**image.build_args, **args})
