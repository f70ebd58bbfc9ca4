"""Read which arguments an engine takes out of its own parser, as the lines of `backends/tables/<engine>.txt`.

    python tests/backends/engine_parsers.py vllm /path/to/python-with-vllm
    python tests/backends/engine_parsers.py llama /path/to/llama-server
    python tests/backends/engine_parsers.py sglang|ik_llama SOURCE VERSION

SOURCE is SGLang's `server_args.py`, or ik_llama.cpp's `common/common.cpp`. The table goes to standard output.
A test compares the tables with the parsers that are here. TensorRT-LLM's was written by hand, from the
options of its `commands/serve.py`.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# Runs where vLLM is installed; vLLM's types of optional values keep the real one in a closure.
_VLLM = """
import json, sys
import vllm
from vllm.utils.argparse_utils import FlexibleArgumentParser
from vllm.entrypoints.launchers.cli_args import make_arg_parser

def name(kind):
    inner = [cell.cell_contents for cell in getattr(kind, "__closure__", None) or ()]
    inner = [found for found in inner if callable(found)]
    if getattr(kind, "__name__", "") == "_optional_type" and inner:
        return name(inner[0])
    return getattr(kind, "__name__", str(kind))

found = [
    {
        "flags": action.option_strings,
        "action": type(action).__name__,
        "type": name(action.type),
        "nargs": action.nargs,
        "choices": [str(choice) for choice in action.choices or () if choice is not None],
    }
    for action in make_arg_parser(FlexibleArgumentParser())._actions
]
print(json.dumps({"version": vllm.__version__, "actions": found}))
"""
_FLAGS = {"store_true", "store_false", "_StoreTrueAction"}
_PAIRS = {"BooleanOptionalAction", "argparse.BooleanOptionalAction"}
_KINDS = {
    "int": "int",
    "float": "float",
    "human_readable_int": "size",
    "human_readable_int_or_auto": "size",
    "loads": "json",
    "json.loads": "json",
    "_parse_type": "json",
    "parse_dataclass": "json",
    "union_dict_and_str": "json",
    "json_list_type": "json",
}


def vllm_table(python: Path) -> str:
    """Ask vLLM's own parser; `python` is one where it is installed."""
    done = subprocess.run([python, "-c", _VLLM], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    return _table(f"vllm {answer['version'].partition('+')[0]}", _actions(answer["actions"]))


def sglang_table(source: Path, version: str) -> str:
    """Read the calls of `add_argument`."""
    calls = [
        node
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "add_argument"
    ]
    return _table(f"sglang {version}", _actions(map(_call, calls)))


def llama_table(server: Path) -> str:
    """Read the help of a `llama-server`, which is made from its parser."""
    shown = subprocess.run([server, "--version"], capture_output=True, text=True, check=True)
    version = re.search(r"version: (\S+)", shown.stdout + shown.stderr)
    done = subprocess.run([server, "--help"], capture_output=True, text=True, check=True)
    rows = [row for line in done.stdout.splitlines() if line.startswith("-") for row in _help_line(line)]
    return _table(f"llama {version[1] if version else 'unknown'}", rows)


def ik_llama_table(source: Path, version: str) -> str:
    """Read the comparisons of the parser: `if (arg == "-t" || arg == "--threads") {`, then what it takes."""
    text = source.read_text(encoding="utf-8")
    blocks = re.split(r"\n    (?=if \([^\n]*arg == \")", text)
    rows: list[str] = []
    for block in blocks[1:]:
        head, _, body = block.partition("\n")
        flags = re.findall(r'arg == "(--?[\w-]+)"', head)
        if flags:
            kind = "any" if "CHECK_ARG" in body.partition("return true")[0] else "flag"
            rows += _row(flags, kind, ())
    return _table(f"ik_llama {version}", rows)


def _call(call: ast.Call) -> dict[str, Any]:
    given = {word.arg: word.value for word in call.keywords}
    choices = given.get("choices")  # many are names of lists elsewhere: any text will do
    listed = choices.elts if isinstance(choices, ast.List) else []
    return {
        "flags": [argument.value for argument in call.args if isinstance(argument, ast.Constant)],
        "action": _word(given.get("action")),
        "type": _word(given.get("type")),
        "nargs": _word(given.get("nargs")),
        "choices": [str(item.value) for item in listed if isinstance(item, ast.Constant)],
    }


def _word(node: ast.expr | None) -> str:
    return ast.unparse(node).strip("'") if node is not None else ""


def _actions(actions: Iterable[dict[str, Any]]) -> Iterator[str]:
    for action in actions:
        flags = action["flags"]
        if not flags or "--help" in flags or "Deprecated" in action["action"]:
            continue
        if action["action"] in _PAIRS:
            yield from _row([flag for flag in flags if not flag.startswith("--no-")], "pair", ())
        elif action["action"] in _FLAGS:
            yield from _row(flags, "flag", ())
        else:
            kind = "words" if action["nargs"] in {"+", "*"} else _KINDS.get(action["type"], "text")
            yield from _row(flags, kind, action["choices"])


def _help_line(line: str) -> Iterator[str]:
    """Read `-fa,   --flash-attn [on|off|auto]       set Flash Attention`."""
    columns = re.split(r"\s{2,}", line)
    head = columns[0]
    while head.rstrip().endswith(",") and len(columns) > 1:  # short forms stand in a column of their own
        head, columns = f"{head} {columns[1]}", columns[1:]
    flags = re.findall(r"(?<![\w-])--?[A-Za-z][\w.-]*", head)
    placeholder = re.sub(r"(?<![\w-])--?[A-Za-z][\w.-]*", "", head).strip(" ,")
    named = [flag for flag in flags if flag.startswith("--")]
    if "--help" in named or "--version" in named:
        return
    positive = [flag for flag in flags if not flag.startswith("--no-")]
    if not placeholder and len(positive) < len(flags) and any(flag in named for flag in positive):
        yield from _row(positive, "pair", ())
    elif placeholder:
        choices = re.fullmatch(r"[\[{]([\w.|,-]+)[\]}]", placeholder)
        yield from _row(flags, "any", re.split(r"[|,]", choices[1]) if choices else ())
    else:
        yield from _row(flags, "flag", ())


def _row(flags: Iterable[str], kind: str, choices: Iterable[str]) -> Iterator[str]:
    names = ",".join(flag.removeprefix("--") for flag in flags if flag.startswith("--"))
    if names:
        yield f"{names} {kind} {'|'.join(choices)}".strip()


def _table(title: str, rows: Iterable[str]) -> str:
    return "\n".join([f"# {title}", *sorted(set(rows))]) + "\n"


_TABLES: dict[str, Callable[..., str]] = {
    "vllm": lambda path: vllm_table(Path(path)),
    "llama": lambda path: llama_table(Path(path)),
    "sglang": lambda path, version: sglang_table(Path(path), version),
    "ik_llama": lambda path, version: ik_llama_table(Path(path), version),
}

if __name__ == "__main__":
    sys.stdout.write(_TABLES[sys.argv[1]](*sys.argv[2:]))
