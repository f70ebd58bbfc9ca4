"""What a published port costs: the truth server in a container, by its own address and by Docker's proxy.

    python -m benchmarks.published_port --image debian:bookworm-slim

The image needs nothing but the C library of this host's release. Rounds alternate, so that both sides share
the host's moods.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmbench.calibration.build import SOURCE
from pytest_llmbench.calibration.cpu import tree_seconds
from pytest_llmbench.calibration.figures import LevelFigures, level_figures
from pytest_llmbench.calibration.level import requests_for
from pytest_llmbench.calibration.server import Behaviour, read_log
from pytest_llmbench.calibration.table import markdown
from pytest_llmbench.client.dialects import DIALECTS
from pytest_llmbench.client.dialects.base import Ask
from pytest_llmbench.client.generator import LoadGenerator
from pytest_llmbench.client.plan import LoadPlan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_DIALECT = "openai-chat"
_PORT = 9000
_MICRO = 1e6


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", required=True, help="what the server runs in")
    parser.add_argument("--streams", type=int, nargs="+", default=(64, 256))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round")
    arguments = parser.parse_args()
    rows = []
    with contextlib.closing(LoadGenerator()) as generator, _program() as program:
        for streams in arguments.streams:
            found: dict[bool, list[LevelFigures]] = {False: [], True: []}
            for _ in range(arguments.rounds):
                for published, levels in found.items():
                    levels.append(_round(generator, program, arguments, streams, published=published))
            for published, levels in found.items():
                p50, p99 = (
                    statistics.median((getattr(level, name) or 0.0) * _MICRO for level in levels)
                    for name in ("error_p50", "error_p99")
                )
                where = "published port" if published else "its own address"
                rows.append((str(streams), where, f"{p50:.0f} µs", f"{p99:.0f} µs"))
    print(markdown(("streams", "reached by", "chunk late p50", "p99"), rows))


def _round(
    generator: LoadGenerator, program: Path, arguments: argparse.Namespace, streams: int, *, published: bool
) -> LevelFigures:
    behaviour = Behaviour()
    requests = requests_for(streams, arguments.seconds, behaviour)
    counts = [2] * streams + [behaviour.tokens] * requests
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _server(program, folder, arguments.image, behaviour, published=published) as url:
            before = tree_seconds()
            outcome = generator.run(_plan(url, streams, counts), lambda _progress: None)
            cpu = tree_seconds() - before
        records = read_log(folder / "log")
    return level_figures(
        streams,
        outcome.traces,
        records,
        window=(outcome.ended - outcome.began) * 1e-9,
        cpu_seconds=cpu,
        behaviour=behaviour,
    )


def _plan(url: str, streams: int, counts: Sequence[int]) -> LoadPlan:
    dialect = DIALECTS[_DIALECT]
    asks = [Ask("Say something.", max_tokens=count) for count in counts]
    bodies = [dialect.body(ask, model="truth", extras={"user": str(i)}) for i, ask in enumerate(asks)]
    return LoadPlan(
        base_url=url,
        dialect=_DIALECT,
        bodies=tuple(json.dumps(body).encode() for body in bodies),
        concurrency=streams,
        warmup=streams,
    )


@contextlib.contextmanager
def _program() -> Iterator[Path]:
    """Compile the truth server so that it listens to others than this host, too."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "truth_server.c"
        source.write_text(SOURCE.read_text(encoding="utf-8").replace("INADDR_LOOPBACK", "INADDR_ANY"))
        program = Path(folder) / "truth_server"
        subprocess.run(["cc", "-std=c11", "-O2", "-o", program, source, "-lm"], check=True)
        yield program


@contextlib.contextmanager
def _server(
    program: Path, folder: Path, image: str, behaviour: Behaviour, *, published: bool
) -> Iterator[str]:
    """Run it in a container, and give its address; its log is in `folder` once the context has ended."""
    name = f"llmbench-published-port-{folder.name}"
    command = ["docker", "run", "--rm", "--interactive", "--name", name]
    command += ["--volume", f"{program}:/truth:ro", "--volume", f"{folder}:/log"]
    command += ["--publish", f"127.0.0.1::{_PORT}"] if published else []
    command += [image, "/truth", "--port", str(_PORT), "--until-stdin-closes", "--log", "/log/log"]
    with subprocess.Popen(
        [*command, *behaviour.arguments()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - asked for above
        assert process.stdout.readline().startswith("port ")  # noqa: S101
        asked = ["docker", "port", name, str(_PORT)] if published else ["docker", "inspect", name]
        said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        address = (
            said.split()[0]
            if published
            else f"{json.loads(said)[0]['NetworkSettings']['Networks']['bridge']['IPAddress']}:{_PORT}"
        )
        try:
            yield f"http://{address}"
        finally:
            process.communicate(timeout=20)


if __name__ == "__main__":
    main()
