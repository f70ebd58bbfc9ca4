"""From configuration and command line to deployments, each value with its origin."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_llmbench.errors import UsageError, nearest
from pytest_llmbench.spec.asked import read_asked
from pytest_llmbench.spec.choices import Choice, Chooser
from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.spec.expand import combinations
from pytest_llmbench.spec.files import PLAIN, BackendSettings
from pytest_llmbench.spec.impossible import impossible
from pytest_llmbench.spec.layers import APPLIES, CONTAINER_SETTINGS, Layer, sourced
from pytest_llmbench.spec.plan import Dropped, Plan, Selection, Sourced, is_secret
from pytest_llmbench.spec.rules import forbids, says_gpu
from pytest_llmbench.spec.said import Said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_llmbench.models.facts import ModelFacts
    from pytest_llmbench.spec.deployment import RuntimeName
    from pytest_llmbench.spec.files import Defaults, ModelEntry
    from pytest_llmbench.spec.load import Configuration
    from pytest_llmbench.spec.plan import Engine

__all__ = ["resolve"]

_SINGLE = (
    *("image", "image-type", "url", "served-model", "api-key-env", "program", "extra-args"),
    *sorted(CONTAINER_SETTINGS),
)


def resolve(
    configuration: Configuration,
    selection: Selection,
    engines: Mapping[str, Engine],
    facts_of: Callable[[str], ModelFacts | None] = lambda _source: None,
) -> Plan:
    """Work out every deployment: command line over model over defaults over what is built in.

    `selection.urls` replace the configured deployments. `facts_of` tells of a model's source what is known of
    its weights. Nothing is started, probed or downloaded.

    Raises:
        ConfigError: a file asks for what cannot be; names file, line and key.
        UsageError: an option does; names the option and the nearest valid value.
    """
    return _Resolver(configuration, selection, engines, facts_of).plan()


class _Found(NamedTuple):
    """A deployment, where its values are from, what it was made of, and why it cannot be."""

    deployment: Deployment
    layer: Layer
    choice: Choice
    dropped: Dropped | None


class _Resolver:
    def __init__(
        self,
        configuration: Configuration,
        selection: Selection,
        engines: Mapping[str, Engine],
        facts_of: Callable[[str], ModelFacts | None],
    ) -> None:
        self.configuration, self.selection, self.engines = configuration, selection, engines
        self.facts_of = facts_of
        self.said = Said(configuration, selection, engines)
        self.asked = read_asked(selection, engines)

    def plan(self) -> Plan:
        chooser = Chooser(self.configuration, self.selection, self.engines)
        found = [one for choice in chooser.choices() for one in self.expanded(choice)]
        self.check_used({(one.deployment.backend, one.deployment.runtime) for one in found})
        self.check_asked([one.deployment for one in found])
        found = _with_versions(found)
        kept: dict[str, _Found] = {}
        for one in found:
            first = kept.setdefault(one.deployment.id, one)
            if first is not one:
                origin = first.layer["backend"].origin
                message = f"two deployments are called {one.deployment.id}; the first comes from {origin}"
                one.choice.fail(message, one.choice.key)
        dropped = tuple(one.dropped for one in found if one.dropped)
        rules = {
            name: tuple(rule for rule in self.configuration.rules if says_gpu(rule, one.deployment))
            for name, one in kept.items()
        }
        return Plan(
            deployments=tuple(one.deployment for one in found if not one.dropped),
            origins={
                name: {key: value.origin for key, value in one.layer.items()} for name, one in kept.items()
            },
            secrets={
                name: frozenset(key for key, value in one.layer.items() if _hidden(key, value))
                for name, one in kept.items()
            },
            dropped=dropped,
            gpu_rules={name: found for name, found in rules.items() if found},
        )

    def check_used(self, used: set[tuple[str, str]]) -> None:
        """What reaches no server was meant for something."""
        started = {backend for backend, runtime in used if runtime != "external"}
        stray = [
            f"--bench-arg {key.partition('.')[2]}"
            for backend, layer in self.said.args.items()
            if not ({backend} & started if backend else started)
            for key in layer
        ]
        stray += [f"--bench-env {key.partition('.')[2]}" for key in self.said.env if not started]
        containers = {backend for backend, runtime in used if runtime == "docker"}
        stray += [
            value.origin
            for backend, layer in self.said.images.items()
            for value in layer.values()
            if not ({backend} & containers if backend else containers)
        ]
        if used and stray:
            message = f"{stray[0]}: no selected deployment starts a server that could take it"
            raise UsageError(message)
        if used and not any(runtime == "external" for _, runtime in used):
            for key in self.said.external_layer():
                message = f"--bench-{key} is for servers that already run; give --bench-url too"
                raise UsageError(message)

    def check_asked(self, deployments: Sequence[Deployment]) -> None:
        """What the command line asks of an axis must come out somewhere."""
        for backend, versions in self.asked.versions.items():
            having = {d.backend for d in deployments if d.version == versions[0]}
            if deployments and not having:
                message = f"--bench-backend-version {versions[0]}: no selected deployment takes a version"
                raise UsageError(message)
            if backend is None and len(having) > 1:
                names = ", ".join(sorted(having))
                message = f"--bench-backend-version {versions[0]}: write BACKEND=VERSION, one of {names}"
                raise UsageError(message)
        known = {d.profile or PLAIN for d in deployments}
        for name in self.asked.profiles:
            if self.configuration.models and name not in known:
                hint = nearest(name, self.profile_names())
                message = f"--bench-profile {name}: no selected deployment has it; {hint}"
                raise UsageError(message)

    def profile_names(self) -> set[str]:
        """Every profile the files give, and the name for none."""
        settings: list[Defaults | ModelEntry] = [
            self.configuration.defaults,
            *self.configuration.models.values(),
        ]
        return {PLAIN} | {
            name for one in settings for backend in one.backends.values() for name in backend.profiles
        }

    def expanded(self, choice: Choice) -> Iterator[_Found]:
        """The deployments of one model on one backend: its profiles by its versions by its parallelism."""
        if choice.name not in self.engines:  # built-in names, against the engines that are here
            choice.fail(f"unknown backend {choice.name!r}; {nearest(choice.name, self.engines)}", choice.key)
        for profile in self.profiles(choice):
            settings = self.said.settings(choice, str(profile.value) if profile else None)
            if "skip" not in settings and choice.entry.skip:
                settings["skip"] = sourced(choice.entry.skip, choice.node.at("skip") if choice.node else None)
            yield from self.multiplied(choice, profile, settings)

    def multiplied(self, choice: Choice, profile: Sourced | None, settings: Layer) -> Iterator[_Found]:
        """The deployments of one model on one backend in one profile."""
        args = {key[5:]: value for key, value in sorted(settings.items()) if key.startswith("args.")}
        env = {key[4:]: value for key, value in sorted(settings.items()) if key.startswith("env.")}
        runtime: RuntimeName = settings["runtime"].value  # type: ignore[assignment]
        self.said.check_args(choice, args, runtime)
        if not choice.entry.source and runtime != "external":
            choice.fail("'source' is missing: builtin:<name>, a path or a hub id", choice.key)
        facts = self.facts_of(choice.entry.source) if choice.entry.source else None
        parallel = combinations(choice, self.asked, runtime, facts)
        # The same for all of them; there may be ten thousand.
        same: dict[str, Any] = {
            "source": choice.entry.source or "",
            "args": tuple((name, value.value) for name, value in args.items()),
            "env": tuple((name, value.value) for name, value in env.items()),
        }
        begin: Layer = {"model": choice.model}
        if choice.entry.source:
            begin["source"] = self.stated(choice, "source")
        begin |= {"backend": choice.backend, "runtime": settings["runtime"]}
        middle = {key: settings[key] for key in _SINGLE if key in settings}
        middle |= {"profile": profile} if profile else {}
        end = {key: settings[key] for key in ("skip",) if key in settings}
        spoken = {f"args.{name}": value for name, value in args.items()}
        spoken |= {f"env.{name}": value for name, value in env.items()}
        for version in self.versions(choice, settings):
            for combination in parallel:
                if combination.short and len(parallel) == 1 and not self.asked.tp and not self.asked.gpus:
                    choice.fail(combination.short, combination.key, combination.place)
                told = {"version": version} if version else {}
                head = begin | told | middle | combination.layer | end
                data: dict[str, Any] = {
                    key.replace("-", "_"): value.value for key, value in head.items()
                } | same
                deployment = Deployment(**data)
                dropped = self.dropped(deployment, facts, combination.short)
                yield _Found(deployment, head | spoken, choice, dropped)

    def dropped(self, deployment: Deployment, facts: ModelFacts | None, short: str) -> Dropped | None:
        """Why a combination is not run, None if it is."""
        for index, rule in enumerate(self.configuration.rules):
            if forbids(rule, deployment):
                place = self.configuration.nodes.at("rules", index)
                return Dropped(deployment, rule.reason, place.origin if place else "")
        formats = self.engines[deployment.backend].formats
        reason = short or impossible(deployment, facts, formats)
        return Dropped(deployment, reason) if reason else None

    def profiles(self, choice: Choice) -> list[Sourced | None]:
        """The profiles to run, None for without: those asked for that this backend has, or the model's."""
        entries = (choice.entry, self.configuration.defaults)
        known = {name for one in entries for name in self.settings_of(one, choice).profiles}
        if self.asked.profiles:
            return [
                None if name == PLAIN else Sourced(name, "--bench-profile")
                for name in self.asked.profiles
                if name in known or name == PLAIN
            ]
        if not choice.entry.profiles:
            return [None]
        node = choice.node.at("profiles") if choice.node else None
        listed = [
            (name, node.at(index) or node if node else None)
            for index, name in enumerate(choice.entry.profiles)
        ]
        for name, place in listed:
            if name != PLAIN and name not in self.profile_names():
                message = f"unknown profile {name!r}; {nearest(name, self.profile_names())}"
                choice.fail(message, f"{choice.key}.profiles", place)
        # One that another backend of the model has is none of this one's.
        return [
            None if name == PLAIN else sourced(name, place)
            for name, place in listed
            if name in known or name == PLAIN
        ]

    @staticmethod
    def settings_of(stated: ModelEntry | Defaults, choice: Choice) -> BackendSettings:
        """What a model, or the defaults, say about a backend."""
        return stated.backends.get(choice.name) or BackendSettings()

    def versions(self, choice: Choice, settings: Layer) -> list[Sourced | None]:
        """The versions to run, None for whichever there is."""
        runtime = str(settings["runtime"].value)
        for backend in (choice.name, None):
            if backend in self.asked.versions and "version" in APPLIES[runtime]:
                return [Sourced(value, "--bench-backend-version") for value in self.asked.versions[backend]]
        stated = settings.get("version")
        if stated is None or not isinstance(stated.value, tuple):
            return [None]
        return [stated._replace(value=value) for value in stated.value]

    def stated(self, choice: Choice, key: str) -> Sourced:
        """A value of the model's entry, from the file or from the option that made the entry."""
        value = getattr(choice.entry, key)
        return sourced(value, choice.node.at(key)) if choice.node else Sourced(value, choice.model.origin)


def _with_versions(found: list[_Found]) -> list[_Found]:
    """Let ids tell the version where there are two of the same."""
    names = [one.deployment.id for one in found]
    versions: dict[str, set[str | None]] = defaultdict(set)
    for name, one in zip(names, found, strict=True):
        versions[name].add(one.deployment.version)
    told = []
    for name, one in zip(names, found, strict=True):
        if len(versions[name]) == 1:
            told.append(one)
            continue
        deployment = one.deployment.model_copy(update={"names_version": True})
        dropped = one.dropped and one.dropped._replace(deployment=deployment)
        told.append(one._replace(deployment=deployment, dropped=dropped))
    return told


def _hidden(key: str, value: Sourced) -> bool:
    """Whether a value must not be shown, by its own name or by the variable it came from."""
    section, _, name = key.partition(".")
    return value.secret or (section in ("args", "env") and is_secret(name))
