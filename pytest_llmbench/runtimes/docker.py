"""Servers in containers of the local Docker daemon."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.backends.base import Launch
from pytest_llmbench.errors import ServerError, Unavailable, UsageError
from pytest_llmbench.models import locate
from pytest_llmbench.runtimes.activity import activity
from pytest_llmbench.runtimes.base import served_name
from pytest_llmbench.runtimes.connect import http_client
from pytest_llmbench.runtimes.containers.daemon import (
    connect,
    containers_are_near,
    daemon_shortage,
    sdk,
    telling,
)
from pytest_llmbench.runtimes.containers.ending import end, end_at_exit, leave_at_exit
from pytest_llmbench.runtimes.containers.found import find_containers, sweep_containers
from pytest_llmbench.runtimes.containers.images import ensure_image
from pytest_llmbench.runtimes.containers.mounts import Mount, user_mount, weights_mounts
from pytest_llmbench.runtimes.containers.reach import CONTAINER_PORT, own_address, published_address
from pytest_llmbench.runtimes.containers.server import ContainerServer, LogCopy, ended
from pytest_llmbench.runtimes.containers.wiring import (
    Wiring,
    accelerator_of,
    cache_volumes,
    devices,
    limits,
    seeing,
)
from pytest_llmbench.runtimes.gpus import gpu_shortage
from pytest_llmbench.runtimes.keeping import fingerprint, kept, new_name, new_tag
from pytest_llmbench.runtimes.keys import resolve_api_key, resolve_secrets
from pytest_llmbench.runtimes.readiness import answers_as, read_log, wait_until_ready
from pytest_llmbench.runtimes.server import Secret, Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmbench.backends.base import Backend
    from pytest_llmbench.runtimes.base import StartContext
    from pytest_llmbench.runtimes.containers.daemon import Client, DockerContainer
    from pytest_llmbench.runtimes.containers.images import FoundImage
    from pytest_llmbench.runtimes.labels import Tag
    from pytest_llmbench.spec.deployment import Deployment

__all__ = ["Docker"]

T = TypeVar("T")

_HEALTH_SECONDS = 2.0
_ANY_PORT = ("127.0.0.1", 0)


@dataclass(frozen=True, slots=True)
class _Order:
    """What one start needs, all of it found out before a container is made."""

    deployment: Deployment
    context: StartContext
    backend: Backend
    image: FoundImage
    api_key: Secret | None
    secrets: dict[str, Secret]
    mounts: tuple[Mount, ...]
    model: str
    fingerprint: str


class Docker:
    """Starts engines from their images. Reaches them by the container's own address where that can be."""

    name = "docker"

    def unavailable(self, deployment: Deployment) -> str | None:
        """Return why this machine cannot run the deployment, or None: GPUs first, then the daemon."""
        return gpu_shortage(deployment.gpus) or daemon_shortage()

    def start(self, deployment: Deployment, context: StartContext) -> ContainerServer:
        """Have image and weights here, start the container, and return when it answers under its own name.

        Removes the containers of dead owners first. Pulling, building and fetching do not count as starting.

        Raises:
            Unavailable: a GPU or the daemon is missing.
            UsageError: the model, an argument, a volume, or the variable of a secret does not exist.
            ServerStartError: no image, or the server ended or made no progress before it was ready.
            ServerError: the daemon is gone.
        """
        reason = self.unavailable(deployment)
        if reason:
            raise Unavailable(reason)
        backend = BACKENDS[deployment.backend]
        if backend.container is None:
            message = (
                f"{deployment.id}: {backend.name} can be measured where it runs, not started in a container"
            )
            raise UsageError(message)
        api_key, secrets = resolve_api_key(deployment), resolve_secrets(deployment)
        own_mounts = [user_mount(text) for text in deployment.volumes]
        image = backend.image(deployment, accelerator_of(context))
        image = replace(image, build_args={**image.build_args, **dict(deployment.build_args)})
        client = connect()
        for orphan in sweep_containers(client):
            context.on_progress(f"removed {orphan.name}, which a session that was killed left behind")
        found = ensure_image(
            client,
            image,
            context.on_progress,
            rebuild=context.rebuild,
            log=context.log_path.with_name(f"{context.log_path.stem}.build.log"),
        )
        weights = locate(
            deployment.source,
            context.on_progress,
            formats=backend.formats,
            folders=context.model_folders,
        )
        of_weights, model = weights_mounts(weights)
        mounts = (*of_weights, *own_mounts)
        same = fingerprint(deployment, context, weights, secrets, api_key, found.id, mounts)
        order = _Order(deployment, context, backend, found, api_key, secrets, mounts, model, same)
        return (context.keep and self._adopt(client, order)) or self._create(client, order)

    def _create(self, client: Client, order: _Order) -> ContainerServer:
        context, deployment = order.context, order.deployment
        near = context.publish is None and containers_are_near(client)
        wiring, tag = _wiring(order, near=near)
        context.on_progress(f"starting {order.image.reference}")
        container = None
        try:
            with telling(f"{deployment.id} did not start"):
                container = client.containers.create(**wiring.arguments())
                end_at_exit(container)
                container.start()
            log = LogCopy(container, context.log_path, [*order.secrets.values(), order.api_key or Secret()])
            server = _ready(order, container, tag, near=near, log=log)
        except BaseException:  # Ctrl-C too
            _discard(client, wiring.name, container)
            raise
        if context.keep:
            leave_at_exit(container)
        return ContainerServer(server, container, log, keep=context.keep)

    def _adopt(self, client: Client, order: _Order) -> ContainerServer | None:
        """Return a server that was kept and is just what is wanted; None if there is none that runs well."""
        for found in kept(find_containers(client, fingerprint=order.fingerprint), order.context):
            if ended(found.container) is None:
                order.context.on_progress(f"using {found.name}, which was kept")
                near = order.context.publish is None and containers_are_near(client)
                server = replace(_ready(order, found.container, found.tag, near=near), log=None)
                return ContainerServer(server, found.container, None, keep=True)
        return None


def _wiring(order: _Order, *, near: bool) -> tuple[Wiring, Tag]:
    deployment, context = order.deployment, order.context
    container = order.backend.container
    assert container is not None  # noqa: S101 - asked before
    launch = Launch(
        program=container.program,
        model=order.model,
        served_name=served_name(deployment, context),
        host="0.0.0.0",  # noqa: S104 - of the container's own network
        port=CONTAINER_PORT,
        api_key=order.api_key,
        gpus=len(context.gpus),
    )
    tag = new_tag(deployment, context, order.backend.served_as(launch), order.fingerprint)
    caches = cache_volumes(container, order.image.exact)
    environment = {
        **seeing(context),
        **order.backend.environment(deployment, launch),
        **dict(deployment.env),
        **order.secrets,
    }
    wiring = Wiring(
        image=order.image.id,
        name=new_name(deployment),
        command=order.backend.command(deployment, launch),
        environment={name: str(value) for name, value in environment.items()},
        labels=tag.labels(),
        mounts=[*order.mounts, *(Mount(name, path, read_only=False) for name, path in caches.items())],
        publish=context.publish or (None if near else _ANY_PORT),
        extra=devices(context) | limits(deployment, container),
    )
    return wiring, tag


def _ready(
    order: _Order,
    container: DockerContainer,
    tag: Tag,
    *,
    near: bool,
    log: LogCopy | None = None,
) -> Server:
    """Wait until the server answers under its name, and ask it about itself."""
    backend, context = order.backend, order.context
    begin = time.monotonic()

    def exited() -> str | None:
        reason = ended(container)
        if reason is not None and log is not None:
            log.finish()
        return reason

    def wait(probe: Callable[[], T | None]) -> T:
        return wait_until_ready(
            probe,
            exited,
            context,
            what=order.deployment.id,
            telling=backend.telling_lines,
            cause=backend.cause,
            progress=lambda: activity(int(container.attrs["State"].get("Pid") or 0)),
        )

    base_url = wait(lambda: (own_address if near else published_address)(container))
    with http_client(base_url, order.api_key, timeout=_HEALTH_SECONDS) as http:
        wait(lambda: answers_as(tag.served_name, http, backend.health_path))
        ready_seconds = time.monotonic() - begin
        facts = {**backend.log_facts(read_log(context.log_path)), **backend.facts(http)}
    facts |= {
        "engine": backend.name,
        "image": order.image.reference,
        # An id means something on this host only; it names a build of ours as exactly.
        "image_digest" if order.image.digest else "image_id": order.image.exact,
        "address": "container" if near else "published port",
    }
    if order.image.previous:
        facts["image_moved_from"] = order.image.previous
    return Server(
        deployment=order.deployment,
        base_url=base_url,
        served_model=tag.served_name,
        facts=facts,
        api_key=order.api_key,
        ready_seconds=ready_seconds,
        log=context.log_path,
        outlives=tag.kept,
    )


def _discard(client: Client, name: str, container: DockerContainer) -> None:
    """Remove what a failed start made; one that was interrupted may not have been told its container."""
    with contextlib.suppress(ServerError, sdk().errors.NotFound):
        if container is None:
            with telling(f"looking for {name}"):
                try:
                    container = client.containers.get(name)
                except sdk().errors.NotFound:
                    return
        end(container, None, grace=0)
