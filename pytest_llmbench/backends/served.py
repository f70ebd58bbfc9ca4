"""What the engines that we start have in common: a command line out of their table of arguments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from pytest_llmbench.backends.arguments import load_table
from pytest_llmbench.backends.base import Image
from pytest_llmbench.backends.generic import GenericBackend
from pytest_llmbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmbench.backends.arguments import ArgumentTable
    from pytest_llmbench.backends.base import Accelerator, Launch
    from pytest_llmbench.spec.deployment import ArgValue, Deployment, RuntimeName

__all__ = ["ServedBackend"]


class ServedBackend(GenericBackend, ABC):
    """The base of engines that are started. An engine says `identity` and `parallelism` in its own words."""

    images: Mapping[Accelerator, str] = {}
    """The published image by what it computes with; `{version}` stands for the deployment's version."""
    key_env: str | None = None
    """The variable it takes its API key from; None if it has none: then it cannot be kept off its command
    line, and no key is given."""

    @property
    def table(self) -> ArgumentTable:
        """The arguments it takes."""
        return load_table(self.name)

    def check_args(self, args: Mapping[str, ArgValue], runtime: RuntimeName) -> None:  # noqa: ARG002
        """Hold them against the table made from the engine's own parser."""
        self.table.check(args)

    def image(self, deployment: Deployment, accelerator: Accelerator) -> Image:
        """Pull the project's own image of that version, or build one from source."""
        if deployment.image and deployment.image_type != "build":
            return Image(deployment.image)
        if not deployment.version:
            message = f"{deployment.id}: name a version (a release tag or a commit) or an image"
            raise UsageError(message)
        if deployment.image_type == "build" or not self.images:
            return self.built(deployment, accelerator)
        pattern = self.images.get(accelerator)
        if pattern is None:
            message = f"{deployment.id}: {self.name} publishes no image for {accelerator}: name an image"
            raise UsageError(message)
        return Image(pattern.format(version=deployment.version))

    def built(self, deployment: Deployment, accelerator: Accelerator) -> Image:
        """Say how an image is built from `docker/<engine>`.

        Raises:
            UsageError: not for this engine, or not for this accelerator.
        """
        message = f"{deployment.id}: {self.name} is not built from source for {accelerator}: name an image"
        raise UsageError(message)

    def command(self, deployment: Deployment, launch: Launch) -> list[str]:
        """Write who it is, how it is spread, its arguments, and last what is passed on unread."""
        args: dict[str, ArgValue] = {**self.default_args, **dict(deployment.args)}
        return [
            *launch.program,
            *self.identity(launch),
            *self.parallelism(deployment, launch, args),
            *self.table.command_line(args),
            *deployment.extra_args,
        ]

    @abstractmethod
    def identity(self, launch: Launch) -> Sequence[str]:
        """Write model, name and address."""

    @abstractmethod
    def parallelism(
        self, deployment: Deployment, launch: Launch, args: Mapping[str, ArgValue]
    ) -> Sequence[str]:
        """Write TP, PP, DP and EP, as far as they are more than one and `args` do not say it.

        Raises:
            UsageError: the engine cannot be spread so.
        """

    def environment(self, deployment: Deployment, launch: Launch) -> dict[str, str]:
        """Give the key by a variable: the command line can be seen by every process of the host.

        Raises:
            UsageError: the engine takes its key in no such way.
        """
        found = super().environment(deployment, launch)
        if launch.api_key is None:
            return found
        if self.key_env is None:
            message = (
                f"{deployment.id}: {self.name} takes an API key only on its command line, where every"
                " process of the host could read it: remove 'api-key-env'"
            )
            raise UsageError(message)
        return found | {self.key_env: str(launch.api_key)}

    def refuse(self, deployment: Deployment, *names: str) -> None:
        """Reject ways of spreading that the engine does not have.

        Raises:
            UsageError: one of `names` (`pp`, `dp`, `ep`) is more than 1.
        """
        for name in names:
            size = getattr(deployment, name)
            if size > 1:
                message = f"{deployment.id}: {self.name} cannot do {name} {size}"
                raise UsageError(message)
