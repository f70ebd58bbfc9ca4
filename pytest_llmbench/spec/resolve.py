"""From configuration and command line to deployments, each value with its origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.spec.choices import Choice, Chooser
from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.spec.layers import (
    APPLIES,
    Layer,
    arg_layers,
    built_in_layer,
    effective,
    env_layer,
    settings_layer,
    sourced,
)
from pytest_llmbench.spec.plan import BUILT_IN, Plan, Selection, Sourced, is_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_llmbench.spec.load import Configuration
    from pytest_llmbench.spec.nodes import Node
    from pytest_llmbench.spec.plan import Engine

__all__ = ["resolve"]

_SINGLE = ("version", "image", "image-type", "url", "served-model", "api-key-env")


def resolve(configuration: Configuration, selection: Selection, engines: Mapping[str, Engine]) -> Plan:
    """Work out every deployment: command line over model over defaults over what is built in.

    `selection.urls` replace the configured deployments. Nothing is started, probed or downloaded.

    Raises:
        ConfigError: a file asks for what cannot be; names file, line and key.
        UsageError: an option does; names the option and the nearest valid value.
    """
    return _Resolver(configuration, selection, engines).plan()


class _Resolver:
    def __init__(
        self, configuration: Configuration, selection: Selection, engines: Mapping[str, Engine]
    ) -> None:
        self.configuration, self.selection, self.engines = configuration, selection, engines
        self.args = arg_layers(selection.args, engines)
        self.env = env_layer(selection.env)

    def plan(self) -> Plan:
        resolved: dict[str, tuple[Deployment, Layer]] = {}
        runtimes: set[tuple[str, str]] = set()
        for choice in Chooser(self.configuration, self.selection, self.engines).choices():
            for deployment, layer in self.expanded(choice):
                if deployment.id in resolved:
                    first = resolved[deployment.id][1]["backend"].origin
                    choice.fail(
                        f"two deployments are called {deployment.id}; the first comes from {first}",
                        choice.key,
                    )
                resolved[deployment.id] = deployment, layer
                runtimes.add((deployment.backend, deployment.runtime))
        self.check_used(runtimes)
        return Plan(
            deployments=tuple(deployment for deployment, _ in resolved.values()),
            origins={
                name: {key: value.origin for key, value in layer.items()}
                for name, (_, layer) in resolved.items()
            },
            secrets={
                name: frozenset(key for key, value in layer.items() if _hidden(key, value))
                for name, (_, layer) in resolved.items()
            },
        )

    def check_used(self, used: set[tuple[str, str]]) -> None:
        """What reaches no server was meant for something."""
        started = {backend for backend, runtime in used if runtime != "external"}
        stray = [
            f"--bench-arg {key.partition('.')[2]}"
            for backend, layer in self.args.items()
            if not ({backend} & started if backend else started)
            for key in layer
        ]
        stray += [f"--bench-env {key.partition('.')[2]}" for key in self.env if not started]
        if used and stray:
            message = f"{stray[0]}: no selected deployment starts a server that could take it"
            raise UsageError(message)
        if used and not any(runtime == "external" for _, runtime in used):
            for key in self.external_layer():
                message = f"--bench-{key} is for servers that already run; give --bench-url too"
                raise UsageError(message)

    def expanded(self, choice: Choice) -> Iterator[tuple[Deployment, Layer]]:
        """The deployments of one model on one backend: its `tp` by its `gpus`."""
        if choice.name not in self.engines:  # built-in names, against the engines that are here
            choice.fail(f"unknown backend {choice.name!r}; {nearest(choice.name, self.engines)}", choice.key)
        settings = self.settings(choice)
        if "skip" not in settings and choice.entry.skip:
            settings["skip"] = sourced(choice.entry.skip, choice.node.at("skip") if choice.node else None)
        args = {key[5:]: value for key, value in sorted(settings.items()) if key.startswith("args.")}
        env = {key[4:]: value for key, value in sorted(settings.items()) if key.startswith("env.")}
        self.check_args(choice, args)
        runtime = str(settings["runtime"].value)
        for parallel in self.parallelism(choice, runtime):
            head: Layer = {"model": choice.model}
            if choice.entry.source:
                head["source"] = self.stated(choice, "source")
            elif runtime != "external":
                choice.fail("'source' is missing: builtin:<name>, a path or a hub id", choice.key)
            head |= {"backend": choice.backend, "runtime": settings["runtime"]}
            head |= {key: settings[key] for key in _SINGLE if key in settings} | parallel
            head |= {key: settings[key] for key in ("skip",) if key in settings}
            data: dict[str, Any] = {key.replace("-", "_"): value.value for key, value in head.items()}
            data["source"] = choice.entry.source or ""
            data["args"] = tuple((name, value.value) for name, value in args.items())
            data["env"] = tuple((name, value.value) for name, value in env.items())
            layer = head | {f"args.{name}": value for name, value in args.items()}
            yield Deployment(**data), layer | {f"env.{name}": value for name, value in env.items()}

    def stated(self, choice: Choice, key: str) -> Sourced:
        """A value of the model's entry, from the file or from the option that made the entry."""
        value = getattr(choice.entry, key)
        return sourced(value, choice.node.at(key)) if choice.node else Sourced(value, choice.model.origin)

    def settings(self, choice: Choice) -> Layer:
        """All that is said about the backend for this model."""
        engine, nodes = self.engines[choice.name], self.configuration.nodes
        own_node = choice.node.at("backends", choice.name) if choice.node else None
        own = settings_layer(choice.entry.backends.get(choice.name), own_node)
        if choice.node is None and self.selection.urls:
            url = choice.entry.backends[choice.name].url
            own = {"runtime": Sourced("external", "--bench-url"), "url": Sourced(url, "--bench-url")}
        defaults = settings_layer(
            self.configuration.defaults.backends.get(choice.name),
            nodes.at("defaults", "backends", choice.name),
        )
        built_in: Layer = {"runtime": Sourced(engine.default_runtime, BUILT_IN)}
        runtime = effective(own, defaults, built_in)["runtime"]
        applies = APPLIES[str(runtime.value)]
        for key, value in own.items():
            section, _, name = key.partition(".")
            if section not in applies and value.value is not None and own_node is not None:
                place = own_node.at(section, name) if name else own_node.at(section)
                message = f"means nothing in runtime {runtime.value} (from {runtime.origin})"
                choice.fail(message, f"{choice.settings_key}.{key}", place)
        if runtime.value == "external":
            # What we start servers with says nothing about one that runs already.
            kept = {key: value for key, value in defaults.items() if key in ("skip", "api-key-env")}
            settings = effective(self.external_layer(), own, kept, {"runtime": runtime})
            if "url" not in settings:
                choice.fail("'url' is missing: an external server needs one", choice.settings_key, own_node)
            return settings
        # A version of an image says nothing about the engine that is installed here.
        kept = {key: value for key, value in defaults.items() if key.partition(".")[0] in applies}
        command = self.args.get(None, {}) | self.args.get(choice.name, {}) | self.env
        return effective(command, own, kept, built_in | built_in_layer(engine.default_args))

    def external_layer(self) -> Layer:
        """What the command line says about servers that already run."""
        return {
            key: Sourced(value, f"--bench-{key}")
            for key, value in (
                ("served-model", self.selection.served_model),
                ("api-key-env", self.selection.api_key_env),
            )
            if value is not None
        }

    def check_args(self, choice: Choice, args: Mapping[str, Sourced]) -> None:
        """Let the engine look at its arguments, and say where a wrong one comes from."""
        engine = self.engines[choice.name]
        values: dict[str, Any] = {name: value.value for name, value in args.items()}
        try:
            engine.check_args(values)
        except UsageError as error:
            for name, value in args.items():
                try:
                    engine.check_args({name: values[name]})
                except UsageError as single:
                    message = f"{value.origin}: {single}"
                    raise UsageError(message) from error
            message = f"{choice.backend.origin}: {error}"  # wrong only together
            raise UsageError(message) from error

    def parallelism(self, choice: Choice, runtime: str) -> Iterator[Layer]:
        """`tp` by `gpus`; GPUs that are not stated are as many as the parallelism needs."""
        entry, node = choice.entry, choice.node
        fixed: Layer = {
            key: self.stated(choice, key) for key in ("pp", "dp", "ep") if getattr(entry, key) is not None
        }
        for tp in _items(entry.tp, node.at("tp") if node else None, 1):
            ranks = int(str(tp.value)) * (entry.pp or 1)
            needed = ranks * (entry.dp or 1)
            on_cpu = runtime == "embedded" or (runtime == "external" and tp.origin == BUILT_IN)
            counts = [request.count for request in entry.gpus] if entry.gpus else None
            follows = Sourced(0 if on_cpu else needed, BUILT_IN if on_cpu else "follows tp")
            places = node.at("gpus") if node else None
            for index, gpus in enumerate(_items(counts, places, follows)):
                count = int(str(gpus.value))
                if count < ranks and not (count == 0 and ranks == 1):
                    place = (places.at(index) if places else None) or (node.at("tp") if node else None)
                    key = f"{choice.key}.gpus[{index}]" if places else f"{choice.key}.tp"
                    factors = f"tp {tp.value}" + (f" x pp {entry.pp}" if entry.pp else "")
                    choice.fail(f"{factors} needs {ranks} GPUs, this asks for {count}", key, place)
                yield {"tp": tp, **fixed, "gpus": gpus}


def _items(values: Iterable[int] | None, node: Node | None, default: int | Sourced) -> list[Sourced]:
    if values is None:
        return [default if isinstance(default, Sourced) else Sourced(default, BUILT_IN)]
    places: list[Node | None] = list(node.items) if node else []
    return [
        sourced(value, places[index] if index < len(places) else None) for index, value in enumerate(values)
    ]


def _hidden(key: str, value: Sourced) -> bool:
    """Whether a value must not be shown, by its own name or by the variable it came from."""
    section, _, name = key.partition(".")
    return value.secret or (section in ("args", "env") and is_secret(name))
