"""What a backend is: an engine, and what the rest of the package must know about it.

One module an engine behind `Backend`; `pytest_llmbench.backends.BACKENDS` names them all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from pytest_llmbench.runtimes.server import FactValue, Secret
    from pytest_llmbench.spec.deployment import ArgValue, Deployment, RuntimeName
    from pytest_llmbench.spec.workload import Endpoint

__all__ = ["Accelerator", "Api", "Backend", "Container", "Image", "Launch", "MetricNames"]

Accelerator = Literal["cpu", "cuda", "rocm"]
"""What an image computes with."""


@dataclass(frozen=True, slots=True)
class Api:
    """How an engine speaks at one endpoint.

    Attributes:
        dialect: name of the stream dialect.
        extras: fields added to every request body so that exactly as many tokens are generated as asked
            for, and counted with every chunk, as far as the engine can be told so at this endpoint.
    """

    dialect: str
    extras: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Image:
    """Where a container's image comes from.

    Attributes:
        reference: what is pulled, or what the image that is built is called.
        dockerfile: folder below `docker/` to build it from; None to pull it.
        build_args: arguments of its Dockerfile.
    """

    reference: str
    dockerfile: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Container:
    """What an engine's images agree on.

    Attributes:
        program: what its command line begins with inside the image.
        caches: folders in which it keeps what it compiled, worth keeping from one start to the next.
        shm_bytes: shared memory it needs; None for Docker's own 64 MiB.
    """

    program: tuple[str, ...]
    caches: tuple[str, ...] = ()
    shm_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is told to start, beyond its deployment.

    Attributes:
        program: what the command line begins with: a program and the words that make it serve.
        model: path of the weights, as the server sees it: a GGUF file, or a folder.
        served_name: the only name it is to answer to.
        host: address to listen at.
        port: port to listen at.
        api_key: what requests must show; None for a server that asks for nothing.
        gpus: how many it is given; it sees these only.
    """

    program: tuple[str, ...]
    model: str
    served_name: str
    host: str
    port: int
    api_key: Secret | None = None
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class MetricNames:
    """What an engine calls things; several names are tried in turn, as they change between versions.

    Attributes:
        histograms: a metric of ours (`server_ttft`) → names of histograms in seconds.
        cached, prompt: counters whose quotient is the cache hit rate: tokens found, and tokens looked for.
        accepted, drafts: counters of speculative decoding: draft tokens that were accepted, and drafts made.
    """

    histograms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cached: tuple[str, ...] = ()
    prompt: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    drafts: tuple[str, ...] = ()


class Backend(Protocol):
    """An engine.

    Attributes:
        name: as in the configuration.
        default_runtime: where it runs when the configuration does not say.
        default_args: engine arguments below every other source.
        formats: weight formats it loads, best first: `gguf`, `safetensors`.
        metrics_path: where its Prometheus metrics are; None if it has none.
        metric_names: what it calls those that are used.
        health_path: what answers with success once it serves.
        program: what its command line begins with on a host where it is installed; empty if we cannot
            start it.
        container: what its images agree on; None if it has none.
    """

    name: str
    default_runtime: RuntimeName
    default_args: Mapping[str, ArgValue]
    formats: tuple[str, ...]
    metrics_path: str | None
    metric_names: MetricNames
    health_path: str
    program: tuple[str, ...]
    container: Container | None

    def image(self, deployment: Deployment, accelerator: Accelerator) -> Image:
        """Say which image a deployment's container is made from, by its image, version and image type.

        Raises:
            UsageError: it says none of them, or the engine has no such image.
        """

    def command(self, deployment: Deployment, launch: Launch) -> list[str]:
        """Write the whole command line of a server, program first.

        Raises:
            UsageError: the arguments cannot be written for this engine.
        """

    def environment(self, deployment: Deployment, launch: Launch) -> dict[str, str]:
        """Return the variables the engine needs, below those of the deployment."""

    def api(self, endpoint: Endpoint, facts: Mapping[str, FactValue]) -> Api:
        """Say how to speak to a server, which reported these facts, at a workload's endpoint.

        Raises:
            UsageError: the engine has no such endpoint; it names those there are.
        """

    def served_as(self, launch: Launch) -> str:
        """Return the name the server will list its model under: it proves that it is the one we started."""

    def check_args(self, args: Mapping[str, ArgValue], runtime: RuntimeName) -> None:
        """Reject engine arguments that cannot be in this runtime, before anything starts.

        Raises:
            UsageError: naming the argument and the nearest valid one.
        """

    def facts(self, http: httpx.Client) -> dict[str, FactValue]:
        """Ask a running server about itself; what it does not tell is absent.

        `http` has the base URL and the authorization header set.
        """

    def log_facts(self, log: Sequence[str]) -> dict[str, FactValue]:
        """Return what a server told about itself in its log alone: `kv_capacity` (tokens), `kv_bytes`, ..."""

    def count_tokens(self, http: httpx.Client, prompt: str, *, chat: bool) -> int | None:
        """Count the tokens of `prompt` as the server's `usage.prompt_tokens` would, generating nothing.

        With `chat`, as the one user message inside the chat template. None if the server cannot say.
        """

    def telling_lines(self, log: Sequence[str]) -> list[str]:
        """The lines of a failed start's log that tell the cause, at most eight, noise left out."""

    def cause(self, log: Sequence[str]) -> str | None:
        """Name the cause of a failed start in half a sentence, if its log tells a known one."""
