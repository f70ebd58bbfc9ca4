"""Which models on which backends: what the files name, narrowed or replaced by the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from pytest_llmbench.errors import ConfigError, UsageError, nearest
from pytest_llmbench.spec.files import ModelEntry
from pytest_llmbench.spec.layers import sourced
from pytest_llmbench.spec.load import model_key
from pytest_llmbench.spec.nodes import key_path
from pytest_llmbench.spec.plan import BUILT_IN, Sourced
from pytest_llmbench.spec.sources import check_source, detected_backend, model_id
from pytest_llmbench.spec.urls import server_name, server_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_llmbench.spec.load import Configuration
    from pytest_llmbench.spec.nodes import Node
    from pytest_llmbench.spec.plan import Selection

__all__ = ["Choice", "Chooser"]

EXTERNAL_BACKEND = "openai"
"""What a server is taken for that only a URL names."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model on a backend, and what says so. `node` is None for what only the command line names."""

    entry: ModelEntry
    node: Node | None
    model: Sourced
    backend: Sourced

    @property
    def name(self) -> str:
        """The backend's name."""
        return str(self.backend.value)

    @property
    def key(self) -> str:
        """What messages call the model's entry."""
        return model_key(self.entry.id)

    @property
    def settings_key(self) -> str:
        """What messages call the entry's settings of this backend."""
        return f"{self.key}.backends.{self.name}"

    def fail(self, message: str, key: str, node: Node | None = None) -> NoReturn:
        """Blame the file where one is to blame, else the option."""
        place = node or self.node
        if place is not None:
            raise ConfigError(message, file=place.file, line=place.line, key=key)
        text = f"{self.model.origin} {self.entry.id}: {message}"
        raise UsageError(text)


class Chooser:
    """Makes choices out of one configuration and one selection; `engines` are the names that exist."""

    def __init__(self, configuration: Configuration, selection: Selection, engines: Iterable[str]) -> None:
        self.configuration, self.selection, self.engines = configuration, selection, tuple(engines)

    def choices(self) -> Iterator[Choice]:
        """All that is to be deployed, in the order of the configuration.

        Raises:
            UsageError: the selection names what does not exist, or nothing.
            ConfigError: a file names a backend that does not exist, selected or not.
        """
        self.check_names()
        return self.external() if self.selection.urls else self.configured()

    def check_names(self) -> None:
        """Every backend that is named anywhere must exist, selected or not."""
        nodes = self.configuration.nodes
        named = [("defaults", nodes.at("defaults", "backends"))]
        for name in self.configuration.models:
            node = nodes.at("models", name)
            named.append((model_key(name), node.at("backends") if node else None))
            run = node.at("run") if node else None
            for index, item in enumerate(run.items if run else ()):
                self.check_backend(item.text, item, key_path(f"{model_key(name)}.run", index))
        for parent, backends in named:
            for engine, child in backends.entries.items() if backends else ():
                self.check_backend(engine, child, f"{parent}.backends.{engine}")
        for engine in self.selection.backends:
            if engine not in self.engines:
                message = f"--bench-backend: unknown backend {engine!r}; {nearest(engine, self.engines)}"
                raise UsageError(message)

    def check_backend(self, name: str, node: Node, key: str) -> None:
        """A file may only name backends that exist."""
        if name not in self.engines:
            message = f"unknown backend {name!r}; {nearest(name, self.engines)}"
            raise ConfigError(message, file=node.file, line=node.key_line, key=key)

    def external(self) -> Iterator[Choice]:
        """The servers of `--bench-url`."""
        if self.selection.models:
            message = (
                "--bench-url measures servers that already run, --bench-model names one to start; "
                "to name a running one: --bench-url NAME=URL"
            )
            raise UsageError(message)
        if len(self.selection.backends) > 1:
            message = "--bench-url: a server is one backend; give --bench-backend once"
            raise UsageError(message)
        given = bool(self.selection.backends)
        backend = Sourced(
            self.selection.backends[0] if given else EXTERNAL_BACKEND,
            "--bench-backend" if given else BUILT_IN,
        )
        for text in self.selection.urls:
            name, equals, url = text.partition("=")
            if not equals or ":" in name or "/" in name or "?" in name:
                name, url = "", text
            try:
                url = server_url(url)
                data = {
                    "id": name or server_name(url),
                    "backends": {backend.value: {"runtime": "external", "url": url}},
                }
                entry = ModelEntry.model_validate(data)
            except ValueError as error:
                reason = _reason(error)
                message = f"--bench-url {text.rpartition('@')[2]}: {reason}"
                raise UsageError(message) from None
            yield Choice(entry, None, Sourced(entry.id, "--bench-url"), backend)

    def configured(self) -> Iterator[Choice]:
        """The configured models that are selected, on the backends that are selected."""
        entries = list(self.entries())
        wanted = self.selection.backends
        matched: set[str] = set()
        runs: list[str] = []
        for entry, node, model in entries:
            for backend in self.backends(entry, node):
                name = str(backend.value)
                runs.append(f"{entry.id} runs on {name}")
                if not wanted or name in wanted or node is None:
                    matched.add(name)
                    yield Choice(entry, node, model, backend)
        for name in wanted:
            if name not in matched and entries:
                chosen = f" ({', '.join(runs)})" if self.selection.models else ""
                message = f"--bench-backend {name}: no selected model runs on it{chosen}"
                raise UsageError(message)

    def entries(self) -> Iterator[tuple[ModelEntry, Node | None, Sourced]]:
        """The selected models; each once, in the order of the file, then those it does not know."""
        known = self.configuration.models
        asked = dict.fromkeys(self.selection.models)
        for name, entry in known.items():
            node = self.configuration.nodes.at("models", name)
            if not self.selection.models or {name, entry.source} & set(self.selection.models):
                asked.pop(name, None)
                yield entry, node, sourced(name, node.at("id") if node else None)
        sources = {entry.source for entry in known.values()}
        for name in asked:
            if name not in sources:
                check_source(name, known)
                entry = ModelEntry.model_validate({"id": model_id(name), "source": name})
                yield entry, None, Sourced(entry.id, "--bench-model")

    def backends(self, entry: ModelEntry, node: Node | None) -> list[Sourced]:
        """The backends a model runs on, said by the file, the command line or the weights' format."""
        run = node.at("run") if node else None
        if entry.run and run:
            return [sourced(name, item) for name, item in zip(entry.run, run.items, strict=True)]
        if node is None and self.selection.backends:
            return [Sourced(name, "--bench-backend") for name in self.selection.backends]
        if entry.source:
            return [Sourced(detected_backend(entry.source), "detected from the source")]
        backends = node.at("backends") if node else None
        if node and not (backends and backends.entries):
            message = "'source' is missing: builtin:<name>, a path or a hub id"
            raise ConfigError(message, file=node.file, line=node.line, key=model_key(entry.id))
        return [sourced(name, child) for name, child in backends.entries.items()] if backends else []


def _reason(error: ValueError) -> str:
    """The text of a ValueError; of pydantic's, only what our own validator said."""
    errors = getattr(error, "errors", None)
    return str(errors(include_url=False)[0]["ctx"]["error"]) if errors else str(error)
