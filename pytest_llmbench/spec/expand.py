"""Each degree of parallelism with each request for GPUs: what one model on one backend comes to."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmbench.counting import counted
from pytest_llmbench.spec.files import AUTO, GpuRequest
from pytest_llmbench.spec.impossible import largest_tp
from pytest_llmbench.spec.layers import sourced
from pytest_llmbench.spec.nodes import key_path
from pytest_llmbench.spec.plan import BUILT_IN, Sourced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmbench.models.facts import ModelFacts
    from pytest_llmbench.spec.asked import Asked
    from pytest_llmbench.spec.choices import Choice
    from pytest_llmbench.spec.layers import Layer
    from pytest_llmbench.spec.nodes import Node

__all__ = ["Combination", "combinations"]

_DEGREES = ("tp", "pp", "dp", "ep")
FOLLOWS = "follows tp"


class Combination(NamedTuple):
    """Values of `tp`, `gpus` and what belongs to them; `short` says why there are too few GPUs for it.

    `key` and `place` are of what asks for too few.
    """

    layer: Layer
    short: str = ""
    key: str = ""
    place: Node | None = None


def combinations(choice: Choice, asked: Asked, runtime: str, facts: ModelFacts | None) -> list[Combination]:
    """Multiply the axes out, in the order written; GPUs that are not stated follow the parallelism.

    Raises:
        ConfigError, UsageError: `tp: auto` without a number of GPUs.
    """
    axes = [_axis(choice, asked, name) for name in _DEGREES]
    found = [
        combination
        for degrees in product(*axes)
        for combination in _with_gpus(choice, asked, runtime, facts, degrees)
    ]
    # `auto` comes to the same for several requests, as for 4 and for 6 GPUs.
    automatic = any(degree.value == AUTO for degree in axes[0])
    if not automatic:
        return found
    unique = {tuple((key, value.value) for key, value in one.layer.items()): one for one in reversed(found)}
    return list(unique.values())[::-1]


def _axis(choice: Choice, asked: Asked, name: str) -> list[Sourced]:
    if name == "tp" and asked.tp:
        return [Sourced(value, "--bench-tp") for value in asked.tp]
    values = getattr(choice.entry, name)
    if values is None:
        return [Sourced(1, BUILT_IN)]
    return _placed(values, choice.node.at(name) if choice.node else None)


def _placed(values: Sequence[object], node: Node | None) -> list[Sourced]:
    """Pair the values of an axis with their places; a single one may stand there without brackets."""
    places: Sequence[Node | None] = (node.items or (node,)) if node else ()
    places = (*places, *[None] * (len(values) - len(places)))
    return [sourced(value, place) for value, place in zip(values, places, strict=True)]


def _with_gpus(
    choice: Choice, asked: Asked, runtime: str, facts: ModelFacts | None, degrees: Sequence[Sourced]
) -> Iterator[Combination]:
    tp, pp, dp, ep = degrees
    rest = int(str(pp.value)) * int(str(dp.value))
    for index, gpus in enumerate(_requests(choice, asked)):
        request = gpus.value if isinstance(gpus.value, GpuRequest) else None
        count = None if request is None or _follows(asked, request) else request.number
        degree, automatic = tp, tp.value == AUTO
        if automatic:
            if count is None:
                message = "'auto' takes as many as the request for GPUs allows: give 'gpus', or --bench-gpus"
                choice.fail(message, f"{choice.key}.tp", choice.node.at("tp") if choice.node else None)
            degree = Sourced(largest_tp(facts, count // rest), f"{tp.origin}: auto")
        needed = int(str(degree.value)) * rest
        if count is None:
            on_cpu = runtime == "embedded" or (runtime == "external" and tp.origin == BUILT_IN)
            number = Sourced(0 if on_cpu else needed, BUILT_IN if on_cpu else FOLLOWS)
        else:
            number = Sourced(needed, FOLLOWS) if automatic else Sourced(count, gpus.origin)
        layer: Layer = {"tp": degree}
        layer |= {
            name: value
            for name, value in zip(_DEGREES[1:], (pp, dp, ep), strict=True)
            if value.origin != BUILT_IN
        }
        layer |= {"gpus": number, **_beyond_number(request, gpus.origin, int(str(number.value)))}
        yield _checked(choice, layer, index, stated=count is not None)


def _follows(asked: Asked, request: GpuRequest) -> bool:
    """Whether `--bench-tp` without `--bench-gpus` makes the file's number of GPUs mean nothing."""
    return bool(asked.tp) and AUTO not in asked.tp and not asked.gpus and not request.ids


def _requests(choice: Choice, asked: Asked) -> list[Sourced]:
    if asked.gpus:
        return [Sourced(request, "--bench-gpus") for request in asked.gpus]
    if choice.entry.gpus is None:
        return [Sourced(None, BUILT_IN)]
    requests = _placed(choice.entry.gpus, choice.node.at("gpus") if choice.node else None)
    if not asked.tp or AUTO in asked.tp:
        return requests
    # Only their numbers differ, and those follow `--bench-tp`.
    unique = {
        request.value.model_copy(update={"count": None}) if isinstance(request.value, GpuRequest) else None: (
            request
        )
        for request in reversed(requests)
    }
    return list(unique.values())[::-1]


def _beyond_number(request: GpuRequest | None, origin: str, number: int) -> Layer:
    if request is None:
        return {}
    sets = tuple(chosen for chosen in request.prefer or () if len(chosen) == number)
    said = {
        "gpu-name": request.name,
        "gpu-ids": (request.ids or ())[:number],
        "gpu-prefer": sets,
        "gpu-share": request.share,
    }
    return {key: Sourced(value, origin) for key, value in said.items() if value}


def _checked(choice: Choice, layer: Layer, index: int, *, stated: bool) -> Combination:
    """Compare the GPUs with what the parallelism needs."""
    sizes = {name: int(str(layer[name].value)) for name in _DEGREES[:3] if name in layer}
    needed = 1
    for size in sizes.values():
        needed *= size
    count = int(str(layer["gpus"].value))
    if count >= needed or (count == 0 and (stated or needed == 1)):  # ranks can share a CPU
        return Combination(layer)
    factors = " x ".join(f"{name} {size}" for name, size in sizes.items())
    text = f"{factors} needs {counted(needed, 'GPU')}, this asks for {count}"
    places = choice.node.at("gpus") if choice.node else None
    if places and stated:
        key = f"{choice.key}.gpus" if not places.items else key_path(f"{choice.key}.gpus", index)
        return Combination(layer, text, key, places.at(index) or places)
    return Combination(layer, text, f"{choice.key}.tp", choice.node.at("tp") if choice.node else None)
