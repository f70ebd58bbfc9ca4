"""All that is said about one backend for one model, nearest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_llmbench.errors import UsageError
from pytest_llmbench.spec.layers import (
    APPLIES,
    Layer,
    arg_layers,
    built_in_layer,
    effective,
    env_layer,
    image_layers,
    profile_layer,
    settings_layer,
)
from pytest_llmbench.spec.plan import BUILT_IN, Selection, Sourced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmbench.spec.choices import Choice
    from pytest_llmbench.spec.deployment import RuntimeName
    from pytest_llmbench.spec.load import Configuration
    from pytest_llmbench.spec.plan import Engine

__all__ = ["Said"]


class Said:
    """What files and command line say, by model, backend and profile.

    `args` and `images` (by backend, None for all) and `env` are the command line's.

    Raises:
        UsageError: `--bench-arg`, `--bench-env` or `--bench-image` is not written as it should be.
    """

    def __init__(
        self, configuration: Configuration, selection: Selection, engines: Mapping[str, Engine]
    ) -> None:
        self.configuration, self.selection, self.engines = configuration, selection, engines
        self.args = arg_layers(selection.args, engines)
        self.env = env_layer(selection.env)
        self.images = image_layers(selection.images, engines)
        if selection.image_type:
            every = self.images.setdefault(None, {})
            every["image-type"] = Sourced(selection.image_type, "--bench-image-type")

    def settings(self, choice: Choice, profile: str | None) -> Layer:
        """All that is said about the backend for this model, a profile's words before the rest."""
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
        if profile is not None:
            # Nearer than all but the command line: a default's profile, too, is for those who choose it.
            own |= profile_layer(
                self.configuration.defaults.backends.get(choice.name),
                nodes.at("defaults", "backends", choice.name),
                profile,
            ) | profile_layer(choice.entry.backends.get(choice.name), own_node, profile)
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
        if runtime.value == "docker":
            command |= self.images.get(None, {}) | self.images.get(choice.name, {})
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

    def check_args(self, choice: Choice, args: Mapping[str, Sourced], runtime: RuntimeName) -> None:
        """Let the engine look at its arguments, and say where a wrong one comes from."""
        engine = self.engines[choice.name]
        values: dict[str, Any] = {name: value.value for name, value in args.items()}
        try:
            engine.check_args(values, runtime)
        except UsageError as error:
            for name, value in args.items():
                try:
                    engine.check_args({name: values[name]}, runtime)
                except UsageError as single:
                    message = f"{value.origin}: {single}"
                    raise UsageError(message) from error
            message = f"{choice.backend.origin}: {error}"  # wrong only together
            raise UsageError(message) from error
