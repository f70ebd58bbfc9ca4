from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.backends.arguments import Argument, Kind, load_table
from pytest_llmbench.errors import UsageError
from pytest_llmbench.spec.yaml_source import read_yaml
from tests.backends.engine_parsers import llama_table, vllm_table

if TYPE_CHECKING:
    from pytest_llmbench.spec.deployment import ArgValue, RuntimeName

ENGINES = ("vllm", "sglang", "trtllm", "llama", "ik_llama")
TABLES = Path(__file__).parents[2] / "pytest_llmbench" / "backends" / "tables"
CONFIG = Path(__file__).parents[2] / "config" / "models.yaml"

# What each kind takes and what it refuses.
SAMPLES: dict[Kind, tuple[list[ArgValue], list[ArgValue]]] = {
    "int": ([0, 4096], ["4096", 0.5, True]),
    "float": ([1, 0.92], ["high", True]),
    "size": ([4096, "16k", "1.5M", "auto"], ["many", True, 0.5]),
    "text": (["auto", 1], [True]),
    "json": (['{"method": "ngram"}'], ["{method: ngram}", True]),
    "words": (["a b", 1], [False]),
    "any": (["f16", 1, 0.5], [True]),
    "flag": ([True, False], [1, "yes"]),
    "pair": ([True, False], ["on"]),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_table_can_be_read(engine: str) -> None:
    """Every table names the version it was made from, and every argument is written in kebab-case."""
    table = load_table(engine)
    assert table.version
    assert len(table.arguments) > 30
    assert not [name for name in table.arguments if "_" in name]


@pytest.mark.parametrize("kind", get_args(Kind))
def test_kinds(kind: Kind) -> None:
    """Every kind takes what its message says, and nothing else."""
    right, wrong = SAMPLES[kind]
    argument = Argument("name", kind)
    assert [value for value in right if not argument.accepts(value)] == []
    assert [value for value in wrong if argument.accepts(value)] == []
    assert argument.expected


@pytest.mark.parametrize(
    ("argument", "value", "words"),
    [
        (Argument("max-model-len", "size"), 4096, ["--max-model-len", "4096"]),
        (Argument("max_seq_len", "int"), 4096, ["--max_seq_len", "4096"]),
        (Argument("enforce-eager", "pair"), True, ["--enforce-eager"]),
        (Argument("enforce-eager", "pair"), False, ["--no-enforce-eager"]),
        (Argument("enable-metrics", "flag"), True, ["--enable-metrics"]),
        (Argument("enable-metrics", "flag"), False, []),
        (Argument("ignore-patterns", "words"), "'a b' c", ["--ignore-patterns", "a b", "c"]),
        (Argument("flash-attn", "any", ("on", "off", "auto")), True, ["--flash-attn", "on"]),
        (Argument("kv-cache-dtype", "text", ("auto", "fp8")), "fp8", ["--kv-cache-dtype", "fp8"]),
    ],
)
def test_words(argument: Argument, value: ArgValue, words: list[str]) -> None:
    """Each kind is written as its parser reads it."""
    assert argument.accepts(value)
    assert argument.words(value) == words


@pytest.mark.parametrize(
    ("engine", "name", "value", "message"),
    [
        ("vllm", "max-model-length", 1, r"unknown argument 'max-model-length' of backend vllm: did you mean"),
        ("vllm", "max_model_len", 1, r"did you mean 'max-model-len'\?"),
        ("trtllm", "max_seq_len", 1, r"did you mean 'max-seq-len'\?"),
        ("vllm", "qqqqqqqqqqqqqq", 1, r"'extra-args' passes on what vllm 0\.\d+\.\d+ did not have"),
        ("vllm", "gpu-memory-utilization", "most", r"must be a number, not 'most'"),
        ("vllm", "kv-cache-dtype", "int3", r"must be one of auto, bfloat16, "),
        ("vllm", "speculative-config", "ngram", r"must be JSON, as a text in quotes, not 'ngram'"),
        ("vllm", "compilation-confik.mode", 3, r"unknown argument"),
        ("vllm", "tensor-parallel-size", 2, r"is chosen by this package: say 'tp' of the model"),
        ("vllm", "enable-expert-parallel", True, r"say 'ep' of the model"),
        ("vllm", "api-key", "k", r"name the variable that holds it with 'api-key-env'"),
        ("sglang", "tp-size", 2, r"say 'tp' of the model"),
        ("sglang", "model", "x", r"it is the model's 'source'"),
        ("trtllm", "ep-size", 2, r"say 'ep' of the model"),
        ("llama", "ctx-sise", 1, r"did you mean 'ctx-size'\?"),
        ("llama", "ctx-size", "4k", r"must be an integer"),
        ("llama", "alias", "x", r"remove it"),
        ("ik_llama", "ctx-sise", 1, r"did you mean 'ctx-size'\?"),
    ],
)
def test_wrong_arguments(engine: str, name: str, value: ArgValue, message: str) -> None:
    """A wrong name is answered with the nearest, a wrong value with what it must be, ours with the reason."""
    with pytest.raises(UsageError, match=message):
        BACKENDS[engine].check_args({name: value}, "docker")


def test_part_of_a_json_argument() -> None:
    """VLLM takes parts of its JSON arguments one by one."""
    table = load_table("vllm")
    args: dict[str, ArgValue] = {"compilation-config.mode": 3}
    table.check(args)
    assert table.command_line(args) == ["--compilation-config.mode", "3"]


def test_embedded_engine_takes_less() -> None:
    """What only `llama-server` can be told is refused where there is none."""
    llama = BACKENDS["llama"]
    llama.check_args({"tensor-split": "1,1"}, "docker")
    with pytest.raises(UsageError, match="unknown argument 'tensor-split'"):
        llama.check_args({"tensor-split": "1,1"}, "embedded")


def test_shipped_configuration_is_written_in_these_words() -> None:
    """Every argument of the shipped models is one its engine takes."""
    root = read_yaml(CONFIG, {})
    settings = [root.at("defaults", "backends"), *(m.at("backends") for m in root.entries["models"].items)]
    checked = 0
    for backends in settings:
        for engine, node in (backends.entries if backends else {}).items():
            runtime = node.at("runtime")
            where: RuntimeName = "embedded" if runtime and runtime.value == "embedded" else "docker"
            for name, value in node.at("args").entries.items() if node.at("args") else ():  # type: ignore[union-attr]
                BACKENDS[engine].check_args({name: value.value}, where)  # type: ignore[dict-item]
                checked += 1
    assert checked > 20


def test_vllm_table_is_that_of_its_parser() -> None:
    """Where vLLM is installed, its own parser is asked: LLMBENCH_VLLM_PYTHON names the interpreter."""
    python = os.environ.get("LLMBENCH_VLLM_PYTHON")
    if not python:
        pytest.skip("needs vLLM: LLMBENCH_VLLM_PYTHON names a Python that has it")
    assert (TABLES / "vllm.txt").read_text() == vllm_table(Path(python))


def test_llama_table_is_that_of_its_parser() -> None:
    """Where llama-server is installed, its help is read: every name there is known, and of that kind."""
    server = shutil.which("llama-server")
    if server is None:
        pytest.skip("needs llama-server on PATH")
    assert (TABLES / "llama.txt").read_text() == llama_table(Path(server))


def test_arguments_in_the_docs_are_the_engines() -> None:
    """Each name in the table of meanings is one that its engine takes."""
    text = (CONFIG.parents[1] / "docs" / "engines.md").read_text()
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|")]
    header = next(row for row in rows if row[1].strip() == "vllm")
    engines = [cell.strip() for cell in header[1:]]
    meanings = [row for row in rows if len(row) == len(header) and row is not header and "---" not in row[0]]
    assert len(meanings) > 8
    for row in meanings:
        for engine, cell in zip(engines, row[1:], strict=True):
            for name in cell.split("`")[1::2]:
                assert name in load_table(engine).arguments, (engine, name)
