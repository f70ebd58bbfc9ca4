"""`llmbench serve`: have a server as a test would have it, to use by hand."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from pytest_llmbench.backends.wire import post_json
from pytest_llmbench.commands.planned import add_config, planned
from pytest_llmbench.commands.showing import Showing, in_turn
from pytest_llmbench.errors import ServerError, UsageError
from pytest_llmbench.models.cache import cache_dir
from pytest_llmbench.planning import known_facts
from pytest_llmbench.runtimes.base import StartContext
from pytest_llmbench.runtimes.connect import server_http
from pytest_llmbench.runtimes.found import sweep_servers
from pytest_llmbench.runtimes.gpus import list_gpus
from pytest_llmbench.runtimes.known import RUNTIMES
from pytest_llmbench.runtimes.leases import GpuPool
from pytest_llmbench.spec.plan import Selection
from pytest_llmbench.telemetry.inventory import host_inventory

if TYPE_CHECKING:
    import argparse
    from contextlib import AbstractContextManager

    from pytest_llmbench.runtimes.base import RunningServer
    from pytest_llmbench.runtimes.server import Server
    from pytest_llmbench.spec.deployment import Deployment
    from pytest_llmbench.telemetry.gpu import GpuInfo

__all__ = ["Serve"]

_PORT = 8000
_KEPT = ("docker", "process")
_LOOK_SECONDS = 0.5
_LEASE_SECONDS = 600.0
_TEXTS = ("content", "reasoning_content", "reasoning")


class Serve:
    """Starts a deployment's server and leaves it to its user."""

    name = "serve"
    summary = "start a model's server, to use it by hand"
    description = """\
Start the server of a model exactly as a benchmark would: same image, arguments, GPUs and
weights. Prints how to connect, and runs until Ctrl-C. MODEL is one of the configuration,
a path, or a hub id.

  llmbench serve tiny-glm                            on this machine, no Docker needed
  llmbench serve qwen3-8b --backend vllm --port 9000
  llmbench serve qwen3-8b --detach                   in the background, until `llmbench stop`
  llmbench serve qwen3-8b --test                     does it start and answer? exit code 0 if so"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take which model, and where to serve it."""
        parser.add_argument("model", metavar="MODEL", help="of the configuration, a path, or a hub id")
        parser.add_argument("--backend", metavar="NAME", help="where the model runs on several")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
        parser.add_argument("--port", type=int, default=_PORT, help="default: %(default)s; 0 for any")
        parser.add_argument(
            "--arg", metavar="NAME=VALUE", action="append", default=[], help="engine argument"
        )
        parser.add_argument("--detach", action="store_true", help="leave it running (not an embedded one)")
        parser.add_argument("--warmup", action="store_true", help="have one request answered first")
        parser.add_argument("--test", action="store_true", help="have one request answered, and stop")
        add_config(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Start it, tell how to connect, and wait.

        Raises:
            UsageError: there is no such model or backend.
            Unavailable: this machine cannot run it.
            ServerError: it did not start, or did not answer.
        """
        deployment = _choose(arguments)
        if arguments.detach and deployment.runtime not in _KEPT:
            message = (
                "--detach: only containers and local processes run on by themselves;"
                f" this is runtime {deployment.runtime}"
            )
            raise UsageError(message)
        with _gpus(deployment) as gpus:
            return _serve(deployment, arguments, gpus)


def _serve(deployment: Deployment, arguments: argparse.Namespace, gpus: tuple[GpuInfo, ...]) -> int:
    running = _start(deployment, arguments, gpus)
    try:
        if arguments.test or arguments.warmup:
            sys.stdout.write(_verified(running.server))
        if not arguments.test:
            sys.stdout.write(_how_to_connect(running.server))
            sys.stdout.flush()
        if arguments.detach and not arguments.test:
            sys.stdout.write(f"runs until `llmbench stop {deployment.id}`\n")
            return 0
        if not arguments.test:
            _wait(running)
    except KeyboardInterrupt:
        sys.stdout.write("\nstopping\n")
    finally:
        if not arguments.detach or arguments.test:
            running.stop()
    return 0


def _gpus(deployment: Deployment) -> AbstractContextManager[tuple[GpuInfo, ...]]:
    pool = GpuPool(list_gpus(), host_inventory(), facts_of=known_facts, sweep=sweep_servers)
    return pool.leased(deployment, timeout=_LEASE_SECONDS, on_wait=Showing())


def _choose(arguments: argparse.Namespace) -> Deployment:
    backends = (arguments.backend,) if arguments.backend else ()
    selection = Selection(models=(arguments.model,), backends=backends, args=tuple(arguments.arg))
    try:
        deployments = planned(arguments.config, selection)
    except UsageError as error:
        message = str(error).removeprefix("--bench-model: ").replace("--bench-", "--")
        raise UsageError(message) from error
    by_backend = list(dict.fromkeys(deployment.backend for deployment in deployments))
    if len(by_backend) > 1:
        message = f"{arguments.model} runs on {', '.join(by_backend)}: choose one with --backend"
        raise UsageError(message)
    if not deployments:
        message = f"{arguments.model}: nothing to serve"
        raise UsageError(message)
    # Of several sizes the first that this machine can run.
    able = [one for one in deployments if RUNTIMES[one.runtime].unavailable(one) is None]
    return (able or list(deployments))[0]


def _start(deployment: Deployment, arguments: argparse.Namespace, gpus: tuple[GpuInfo, ...]) -> RunningServer:
    with in_turn(f"starting {deployment.id}") as showing:
        context = StartContext(
            log_path=cache_dir() / "serve" / f"{deployment.id}.log",
            on_progress=showing,
            session="serve",
            keep=arguments.detach and not arguments.test,
            publish=(arguments.host, arguments.port),
            gpus=gpus,
        )
        context.log_path.unlink(missing_ok=True)
        return RUNTIMES[deployment.runtime].start(deployment, context)


def _verified(server: Server) -> str:
    """Have one completion made, and say how long it took.

    Raises:
        ServerError: no text came.
    """
    body = {
        "model": server.served_model,
        "messages": [{"role": "user", "content": "Say hello."}],
        "max_tokens": 16,
    }
    begin = time.monotonic()
    with server_http(server, timeout=120) as http:
        reply = post_json(http, "/v1/chat/completions", body)
    seconds = time.monotonic() - begin
    try:
        message = reply["choices"][0]["message"]
        text = str(
            message.get("content") or message.get("reasoning_content") or message.get("reasoning") or ""
        )
    except (KeyError, IndexError, TypeError):
        text = ""
    if not text:
        problem = f"{server.deployment.id} started, but answered without a text: {json.dumps(reply)[:200]}"
        raise ServerError(problem)
    return f"{server.deployment.id} started in {server.ready_seconds:.1f} s and answered in {seconds:.2f} s\n"


def _how_to_connect(server: Server) -> str:
    url, model = server.base_url, server.served_model
    key = f"${server.deployment.api_key_env}" if server.api_key else "none"
    facts = [str(server.facts[name]) for name in ("engine", "version") if server.facts.get(name)]
    header = f'-H "Authorization: Bearer {key}" ' if server.api_key else ""
    request = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
    return f"""\
{server.deployment.id} serves at {url} ({" ".join(facts)})
model:      {model}
OpenAI:     OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY={key}
Anthropic:  ANTHROPIC_BASE_URL={url} ANTHROPIC_AUTH_TOKEN={key}
try it:     curl {url}/v1/chat/completions {header}-H 'Content-Type: application/json' -d '{request}'
measure it: pytest -m bench --bench-url={url}
log:        {server.log or f"llmbench logs {server.deployment.id}"}
"""


def _wait(running: RunningServer) -> None:
    """Wait until the server ends by itself.

    Raises:
        ServerStartError: it did.
    """
    sys.stdout.write("Ctrl-C stops it\n")
    sys.stdout.flush()
    while (gone := running.exited()) is None:
        time.sleep(_LOOK_SECONDS)
    message = f"{running.server.deployment.id}: {gone}"
    raise ServerError(message)
