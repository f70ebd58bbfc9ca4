"""Find configuration files, read them, and lay later ones over earlier ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from pytest_llmbench.errors import ConfigError, UsageError, nearest
from pytest_llmbench.spec.evals import EvalSettings
from pytest_llmbench.spec.files import ConfigFile, Defaults, ModelEntry, Rule
from pytest_llmbench.spec.nodes import Node, key_path, merge
from pytest_llmbench.spec.shape import shaped
from pytest_llmbench.spec.workload import Workload
from pytest_llmbench.spec.yaml_source import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "FILE_NAMES",
    "Configuration",
    "Option",
    "default_files",
    "load_configuration",
    "shipped_folder",
]

_MODELS = "models.yaml"
FILE_NAMES = (_MODELS, "workloads.yaml")

_PROMPT_SOURCES = {"prompt", "prompts", "in"}


class Option(NamedTuple):
    """A default of a `--bench-*` option: a scalar or a list of scalars, and `file:line`."""

    value: object
    origin: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """All files as one.

    `models` and `workloads` are by id, in the order of their first mention; `nodes` is what they were made
    from, with `models` as a mapping by id, and tells where each value stands.
    """

    defaults: Defaults = field(default_factory=Defaults)
    models: Mapping[str, ModelEntry] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    workloads: Mapping[str, Workload] = field(default_factory=dict)
    evals: EvalSettings = field(default_factory=EvalSettings)
    options: Mapping[str, Option] = field(default_factory=dict)
    nodes: Node = field(default_factory=lambda: Node({}, "", 1, 1))
    files: tuple[str, ...] = ()

    def workload(self, name: str) -> Workload:
        """The workload called `name`.

        Raises:
            UsageError: there is none; the message names the nearest.
        """
        if name not in self.workloads:
            message = f"unknown workload {name!r}; {nearest(name, self.workloads)}"
            raise UsageError(message)
        return self.workloads[name]


def shipped_folder() -> Path:
    """Where the configuration that comes with the package is: in a wheel, or in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_config"
    return inside if inside.is_dir() else package.parent / "config"


def default_files(rootdir: Path, named: Sequence[Path] = ()) -> tuple[Path, ...]:
    """The files that are read, the shipped ones standing in for what a project lacks.

    Only `config/models.yaml` and `config/workloads.yaml` are looked for: other files in a project's `config`
    folder are none of ours. `named` files come last and override; the shipped models stand in only where
    there are none, since whoever names a file does not ask for forty models of ours.
    """
    files = []
    for name in FILE_NAMES:
        own = rootdir / "config" / name
        if own.is_file():
            files.append(own)
        elif not (named and name == _MODELS):
            files.append(shipped_folder() / name)
    return (*files, *named)


def load_configuration(paths: Iterable[Path], environ: Mapping[str, str]) -> Configuration:
    """Read `paths`, later files over earlier ones, `${NAME}` from `environ`.

    Mappings (defaults, options, a model's `backends`, `args`, `env`) merge key by key, models and workloads
    by id; lists and scalars replace; null removes.

    Raises:
        ConfigError: naming file, line and key of the first mistake; further ones follow in its message.
    """
    merged, files = Node({}, "", 1, 1), []
    for path in paths:
        name = _shown(path)
        files.append(name)
        root = read_yaml(path, environ, name=name)
        shaped(root, ConfigFile)  # here, where keys and lines are still those of the file
        merged = merge(merged, _by_id(root))
    return Configuration(
        defaults=shaped(merged.at("defaults") or Node({}, "", 1, 1), Defaults, "defaults"),
        models={
            name: shaped(node, ModelEntry, model_key(name))
            for name, node in _section(merged, "models").items()
        },
        rules=tuple(
            shaped(node, Rule, key_path("rules", index))
            for index, node in enumerate((merged.at("rules") or Node((), "", 1, 1)).items)
        ),
        workloads={name: _workload(name, node) for name, node in _section(merged, "workloads").items()},
        evals=shaped(merged.at("eval") or Node({}, "", 1, 1), EvalSettings, "eval"),
        options={
            name: Option(node.plain(), node.origin)
            for name, node in _section(merged, "options").items()
            if node.value is not None
        },
        nodes=merged,
        files=tuple(files),
    )


def model_key(name: str) -> str:
    """What messages call a model once files are merged and positions mean nothing."""
    return f"models[{name}]"


def _shown(path: Path) -> str:
    """`path` as a person in the current folder would type it."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)


def _section(merged: Node, name: str) -> dict[str, Node]:
    section = merged.at(name)
    return section.entries if section else {}


def _by_id(root: Node) -> Node:
    """`root` prepared for merging: models as a mapping by id, empty sections left out, options checked."""
    sections = {name: node for name, node in root.entries.items() if node.value is not None}
    if models := sections.get("models"):
        by_id: dict[str, Node] = {}
        for index, node in enumerate(models.items):
            name = node.entries["id"].text
            if name in by_id:
                message = f"{name!r} was given before, on line {by_id[name].line}"
                raise ConfigError(
                    message, file=node.file, line=node.entries["id"].line, key=f"models[{index}].id"
                )
            by_id[name] = node
        sections["models"] = Node(by_id, models.file, models.line, models.key_line)
    if workloads := sections.get("workloads"):
        entries = {name: _one_source_of_prompts(node) for name, node in workloads.entries.items()}
        sections["workloads"] = Node(entries, workloads.file, workloads.line, workloads.key_line)
    for name, node in _section(root, "options").items():
        _check_option(name, node)
    return Node(sections, root.file, root.line, root.key_line)


def _one_source_of_prompts(node: Node) -> Node:
    """Let a later file's `in` replace an earlier file's `prompts`, and the other way round."""
    given = node.entries
    if not _PROMPT_SOURCES & given.keys():
        return node
    removed = {
        name: Node(None, node.file, node.line, node.key_line) for name in _PROMPT_SOURCES - given.keys()
    }
    return Node({**given, **removed}, node.file, node.line, node.key_line)


def _check_option(name: str, node: Node) -> None:
    for place in (node, *node.items):
        if isinstance(place.value, dict) or (place is not node and place.items):
            message = "must be a value or a list of values"
            raise ConfigError(message, file=node.file, line=place.line, key=key_path("options", name))


def _workload(name: str, node: Node) -> Workload:
    key = key_path("workloads", name)
    given = {part: child.plain() for part, child in node.entries.items() if child.value is not None}
    if "prompt" in given:
        given["prompts"] = [node.entries["prompt"].text]
        del given["prompt"]
    try:
        return Workload.model_validate({"id": name, **given})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        missing = [str(part) for part in first["loc"]] if first["type"] == "missing" else []
        message = "is missing" if missing else str(first.get("ctx", {}).get("error", first["msg"]))
        raise ConfigError(
            message, file=node.file, line=node.key_line, key=".".join([key, *missing])
        ) from error
