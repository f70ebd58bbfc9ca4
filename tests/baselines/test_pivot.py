"""Cells side by side across an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.baselines.judge import ALPHA, Rules
from pytest_llmbench.baselines.limits import parse_limits
from pytest_llmbench.baselines.pivot import pivot
from tests.baselines.entries import baseline_of, entry, parts

if TYPE_CHECKING:
    from pytest_llmbench.baselines.model import SessionEntry

RULES = Rules(parse_limits("ttft.p50:3%,throughput_output:3%"))


def starts(ttft: float, output: float, version: str = "b1", day: int = 1) -> dict[str, SessionEntry]:
    """Make a session of five starts, alike up to a percent."""
    noise = (0.99, 1.0, 1.01, 0.995, 1.005)
    values = [{"ttft.p50": ttft * n, "throughput_output": output * n} for n in noise]
    return {f"s{day}": entry(*values, version=version, day=day)}


LLAMA = {1: (0.10, 100.0), 4: (0.15, 300.0), 16: (0.60, 400.0)}
VLLM = {1: (0.15, 80.0), 4: (0.16, 310.0), 16: (0.20, 900.0), 64: (0.5, 2000.0)}
BOTH = baseline_of(
    [(parts("llama", n), starts(*values)) for n, values in LLAMA.items()]
    + [(parts("vllm", n), starts(*values)) for n, values in VLLM.items()]
)


def test_backends_stand_side_by_side_where_both_were_measured() -> None:
    """A pair a load; the load that only one has is named."""
    found = pivot([BOTH], "backend", RULES)
    assert found.columns == ("llama", "vllm")
    assert [(pair.place.load, pair.a, pair.b) for pair in found.pairs] == [
        ("c001", "llama", "vllm"),
        ("c004", "llama", "vllm"),
        ("c016", "llama", "vllm"),
    ]
    assert {place.load: having for place, having in found.alone().items()} == {"c064": ("vllm",)}
    assert found.pairs[0].comparisons["ttft.p50"].change == pytest.approx(0.5)
    assert found.values[found.places[0], "vllm"]["throughput_output"] == pytest.approx(80, rel=0.01)
    # Three pairs and two metrics share it.
    assert found.pairs[0].comparisons["ttft.p50"].alpha == pytest.approx(ALPHA / 6)


def test_lines_cross_between_loads() -> None:
    """TTFT: llama up to a load a little above 4 streams."""
    (series,) = pivot([BOTH], "backend", RULES).lines("ttft.p50")
    assert [level.concurrency for level in series.levels] == [1, 4, 16]
    (crossing,) = series.crossings
    assert (crossing.below, crossing.above, crossing.falling, crossing.sure) == (4, 16, True, True)
    assert crossing.at is not None
    assert 4 < crossing.at < 5


def test_versions_are_what_the_servers_said() -> None:
    """Of two baselines whose cells have the same names; the newest session's of each version."""
    before = baseline_of([(parts(), starts(0.10, 100, "b1"))])
    after = baseline_of([(parts(), starts(0.12, 100, "b2", day=2))], "new")
    found = pivot([before, after], "version", RULES)
    assert found.columns == ("b1", "b2")
    assert found.pairs[0].place.backend == "llama"
    named = baseline_of([(parts(version=version), starts(0.1, 100, version)) for version in ("b1", "b2")])
    assert pivot([named], "version", RULES).pairs[0].place == found.pairs[0].place


def test_profiles_and_models_are_axes_too() -> None:
    """No profile is called plain."""
    cells = [(parts(profile=profile), starts(0.1, 100)) for profile in (None, "eager")]
    found = pivot([baseline_of(cells)], "profile", RULES)
    assert (found.columns, found.places[0].group) == (("plain", "eager"), "glm llama tp01.gpux01")
    cells = [(parts(model=model), starts(0.1, 100)) for model in ("q4", "q8")]
    found = pivot([baseline_of(cells)], "model", RULES)
    assert (found.columns, found.places[0].group) == (("q4", "q8"), "llama tp01.gpux01")


def test_two_versions_of_an_engine_are_two_columns() -> None:
    """Across backends: which of them is meant would be a guess."""
    cells = [(parts("vllm", version=version), starts(0.1, 100, version)) for version in ("v1", "v2")]
    found = pivot([baseline_of([*cells, (parts("llama"), starts(0.2, 50))])], "backend", RULES)
    assert found.columns == ("vllm v1", "vllm v2", "llama")
    assert len(found.pairs) == 3


def test_open_loads_are_compared_and_cross_nowhere() -> None:
    """There is no number of streams to put between them."""
    cells = [
        (parts(backend, None, "poisson.r0004"), starts(ttft, 100))
        for backend, ttft in (("llama", 0.1), ("vllm", 0.2))
    ]
    found = pivot([baseline_of(cells)], "backend", RULES)
    assert (len(found.pairs), found.lines("ttft.p50")) == (1, ())


def test_cells_of_which_nothing_is_known_are_named() -> None:
    """They were recorded before their parts were."""
    bare = baseline_of([(parts(), starts(0.1, 100))])
    bare = type(bare)(bare.name, bare.cells)
    found = pivot([bare, BOTH], "backend", RULES)
    assert (found.unknown, len(found.pairs)) == (tuple(bare.cells), 3)
