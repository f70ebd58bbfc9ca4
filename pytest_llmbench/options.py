"""Every option, once: the one table behind the command line, the environment, ini files and YAML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["OPTIONS", "Option"]

Kind = Literal["flag", "text", "list", "int", "ints", "number", "numbers"]


@dataclass(frozen=True, slots=True)
class Option:
    """One option: `--bench-<name>`, `LLMBENCH_<NAME>`, `bench_<name>` in ini files, `<name>:` in YAML.

    A `list` may be given more than once, and with commas if `commas` allows; `least` bounds numbers.
    """

    name: str
    kind: Kind
    help: str
    metavar: str = ""
    default: Any = None
    least: int = 1
    commas: bool = False
    choices: tuple[str, ...] = ()
    const: str | None = None

    @property
    def flag(self) -> str:
        """As on the command line."""
        return f"--bench-{self.name}"

    @property
    def environment(self) -> str:
        """Name of the environment variable."""
        return f"LLMBENCH_{self.attribute.upper()}"

    @property
    def attribute(self) -> str:
        """As an argument of the `bench` marker, or of a call."""
        return self.name.replace("-", "_")

    @property
    def ini(self) -> str:
        """Name in an ini file, and of the attribute on `config.option`."""
        return f"bench_{self.attribute}"


OPTIONS = (
    # What to run
    Option(
        "config",
        "list",
        "configuration file; repeatable, overrides config/models.yaml and config/workloads.yaml",
        "PATH",
    ),
    Option("show-config", "flag", "print every deployment's values and where each came from, and exit"),
    Option(
        "model",
        "list",
        "run these models of the configuration, or a GGUF path or hub id (repo:QUANT)",
        "NAME",
        commas=True,
    ),
    Option("backend", "list", "run these backends", "NAME", commas=True),
    Option(
        "backend-version",
        "list",
        "run these versions of the backends: vllm=v0.32.0,vllm=v0.33.0 (repeatable)",
        "[BACKEND=]VERSION",
        commas=True,
    ),
    Option(
        "profile",
        "list",
        "run these profiles of the configuration; plain is without one",
        "NAME",
        commas=True,
    ),
    Option(
        "tp",
        "list",
        "tensor parallelism, instead of the models': --bench-tp=1,2,4; auto takes all GPUs that divide",
        "N|auto",
        commas=True,
    ),
    Option(
        "gpus",
        "list",
        "GPUs a server gets, instead of what the models ask for: --bench-gpus=1,2 or 2xH100",
        "N[xMODEL]",
        commas=True,
    ),
    Option(
        "arg",
        "list",
        "set an engine argument; repeatable: --bench-arg llama.ctx-size=4096",
        "[BACKEND.]NAME=VALUE",
    ),
    Option("env", "list", "set an environment variable of the engine; repeatable", "NAME=VALUE"),
    Option(
        "image",
        "list",
        "image of containers, by tag or digest, instead of the engine's own for its version",
        "[BACKEND=]IMAGE",
    ),
    Option(
        "image-type",
        "text",
        "pull the engine's published image, or build one from docker/<backend>",
        "prebuilt|build",
        choices=("prebuilt", "build"),
    ),
    Option("rebuild", "flag", "pull or build images anew, even those that are here"),
    Option(
        "keep",
        "flag",
        "leave containers and local processes running, and use those that run already (llmbench stop)",
    ),
    Option(
        "url",
        "list",
        "measure a server that already runs, instead of the configured deployments; repeatable",
        "[NAME=]URL",
    ),
    Option(
        "served-model",
        "text",
        "model name to ask a --bench-url server for (default: the one it serves)",
        "NAME",
    ),
    Option("api-key-env", "text", "environment variable that holds the key of --bench-url servers", "NAME"),
    # What to ask
    Option("workload", "list", "run these workloads of the configuration", "NAME", commas=True),
    Option("input-tokens", "int", "exact prompt length, instead of the workload's", "N"),
    Option("output-tokens", "int", "tokens to generate, instead of the workload's", "N"),
    Option(
        "concurrency",
        "ints",
        "parallel streams, for tests that take `concurrency`: --bench-concurrency=1,8,64",
        "N,N,...",
    ),
    Option(
        "rate",
        "numbers",
        "requests/s of an open loop, for tests that take `rate`: --bench-rate=1,2,4",
        "R,R,...",
        least=0,
    ),
    Option(
        "arrival",
        "text",
        "how the requests of an open loop come: poisson, constant or gamma (default: poisson)",
        "NAME",
        choices=("poisson", "constant", "gamma"),
    ),
    Option(
        "burstiness", "number", "shape of gamma arrivals: 1 is poisson, less comes in bursts", "K", least=0
    ),
    Option("replay", "text", "send what a file recorded, when it recorded it, for `bench.replay`", "PATH"),
    Option("replay-speed", "number", "replay so many times as fast (default: 1)", "K", least=0),
    Option("duration", "number", "send requests for so long, instead of so many", "SECONDS", least=0),
    Option("requests", "int", "measured requests a run (default: the test's)", "N"),
    Option("warmup", "int", "requests before the measured ones (default: one a stream)", "N", least=0),
    Option("runs", "int", "measure everything so often on the same server", "N", default=1),
    Option("replicates", "int", "start every server afresh so often (with --bench-ab: 5)", "N", default=1),
    Option("timeout", "number", "longest a request may take", "SECONDS", default=300.0),
    Option("first-timeout", "number", "longest a server may take to begin its answer", "SECONDS", least=0),
    Option("gap-timeout", "number", "longest a stream may be silent", "SECONDS", least=0),
    Option(
        "wait-timeout",
        "number",
        "longest to wait for GPUs, and for the measurements of others on this host",
        "SECONDS",
        default=86400.0,
        least=0,
    ),
    Option(
        "overlap",
        "flag",
        "measure beside other measurements on this host; results name their neighbours and are not judged",
    ),
    Option(
        "models-dir",
        "list",
        "folder of local copies of hub repositories, taken before the hub: DIR/owner/name; repeatable",
        "DIR",
    ),
    Option("start-timeout", "number", "longest a server may take to start", "SECONDS", default=1800.0),
    Option(
        "slo",
        "list",
        "service levels, for goodput and for bench.search: ttft.p99=500ms,itl.p95=50ms (repeatable)",
        "METRIC.STAT=BOUND",
        commas=True,
    ),
    Option("eval-limit", "int", "ask only so many prompts of an eval, drawn by its seed: a subset", "N"),
    Option(
        "eval-resume",
        "text",
        "do not ask again what an eval that was interrupted has replies to (default: in the newest session)",
        "SESSION",
        const="",
    ),
    Option(
        "data-dir",
        "text",
        "folder with the data of evals (ifeval/, gsm8k/, nltk_data/), instead of fetching it",
        "DIR",
    ),
    # What to keep
    Option("label", "list", "note to store with the results; repeatable", "KEY=VALUE"),
    Option("json", "text", "write the JSON report here as well", "PATH"),
    Option("results", "text", "folder for reports and baselines", "DIR", default="results"),
    # What to compare
    Option("save", "text", "add the results to this baseline", "NAME"),
    Option(
        "compare",
        "text",
        "fail tests that are slower than this baseline, report or session (default: the only one, or main)",
        "NAME|PATH|ID",
        const="",
    ),
    Option(
        "compare-fail",
        "list",
        "what is gated, and from which change on: ttft.p50:5%%,throughput_output:3%% (repeatable; default:"
        " 3%% of ttft.p50, tpot.p50 and throughput_output, one point of error_rate)",
        "METRIC.STAT:PERCENT",
        commas=True,
    ),
    Option(
        "inconclusive",
        "text",
        "what becomes of a test whose verdict is open: it passes, adds up to two replicates, or fails",
        "pass|rerun|fail",
        default="pass",
        choices=("pass", "rerun", "fail"),
    ),
    Option(
        "ab",
        "list",
        "compare two servers in this session, start by start: B=version=v0.33.0, B=arg.threads=1,"
        " B=image=..., B=env.NAME=..., B=url=... (repeatable; A is as configured, or A=...)",
        "SIDE=KEY=VALUE",
    ),
    Option("allow-mismatch", "flag", "compare even if the baseline was measured on other hardware"),
)
