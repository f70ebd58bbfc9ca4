"""What the axes come to: versions, profiles, parallelism, GPUs, and what is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import ConfigError, UsageError
from pytest_llmbench.models.facts import ModelFacts
from pytest_llmbench.spec.plan import Selection
from pytest_llmbench.spec.resolve import resolve
from tests.spec.conftest import ENGINES

if TYPE_CHECKING:
    from pytest_llmbench.spec.plan import Plan
    from tests.spec.conftest import Load, MakePlan


def ids(plan: Plan) -> list[str]:
    """The ids of what is run."""
    return [deployment.id for deployment in plan.deployments]


def dropped(plan: Plan) -> dict[str, str]:
    """What is not run: id → why."""
    return {one.deployment.id: one.reason for one in plan.dropped}


def test_all_axes_multiply(make_plan: MakePlan) -> None:
    """Versions by profiles by degrees by GPUs, each once; a single value needs no brackets."""
    plan = make_plan(
        """
        models:
          - id: m
            source: o/m
            profiles: [plain, debug]
            tp: [1, 2]
            dp: 2
            gpus: [{count: 2}, {count: 4}]
            backends: {vllm: {version: [v1, "0.10"], profiles: {debug: {args: {eager: true}}}}}
        """
    )
    assert ids(plan) == [
        f"m.vllm.{version}{profile}.tp{tp:02d}.dp02.gpux{gpus:02d}"
        for profile in ("", ".debug")
        for version in ("v1", "0.10")
        for tp, gpus in ((1, 2), (1, 4), (2, 4))
    ]
    assert dropped(plan)["m.vllm.v1.debug.tp02.dp02.gpux02"] == ("tp 2 x dp 2 needs 4 GPUs, this asks for 2")
    assert len(plan.dropped) == 4


def test_the_version_is_in_an_id_only_where_there_are_two(make_plan: MakePlan) -> None:
    """Else a new engine would be another cell, and nothing could be compared with it."""
    text = """
    defaults: {backends: {vllm: {version: v1}, sglang: {version: [s1, s2]}}}
    models: [{id: m, source: o/m, run: [vllm, sglang]}]
    """
    assert ids(make_plan(text)) == [
        "m.vllm.tp01.gpux01",
        "m.sglang.s1.tp01.gpux01",
        "m.sglang.s2.tp01.gpux01",
    ]
    plan = make_plan(text, Selection(versions=("vllm=v7", "sglang=s9")))
    assert ids(plan) == ["m.vllm.tp01.gpux01", "m.sglang.tp01.gpux01"]
    assert [deployment.version for deployment in plan.deployments] == ["v7", "s9"]
    assert plan.origins["m.vllm.tp01.gpux01"]["version"] == "--bench-backend-version"
    plan = make_plan(text, Selection(backends=("vllm",), versions=("v7", "sha256:ab")))
    assert ids(plan) == ["m.vllm.v7.tp01.gpux01", "m.vllm.sha256-ab.tp01.gpux01"]


PROFILES = """
defaults:
  backends:
    vllm: {args: {a: 1}, profiles: {debug: {args: {a: 2, b: 2}, env: {E: d}}, fast: {args: {a: 3}}}}
models:
  - {id: m, source: o/m, run: [vllm, sglang], profiles: [debug, plain],
     backends: {vllm: {args: {a: 4}, profiles: {debug: {args: {b: 5}}}}}}
  - {id: n, source: o/n}
"""


def test_profiles_win_over_what_is_around_them(make_plan: MakePlan) -> None:
    """A model's over the defaults', both over the plain settings, the command line over all."""
    plan = make_plan(PROFILES, Selection(args=("vllm.c=6",)))
    assert ids(plan) == [
        "m.vllm.debug.tp01.gpux01",
        "m.vllm.tp01.gpux01",
        "m.sglang.tp01.gpux01",
        "n.vllm.tp01.gpux01",
    ]
    debug, plain = plan.deployments[:2]
    assert dict(debug.args) == {"a": 2, "b": 5, "c": 6, "seed": 0}
    assert dict(debug.env) == {"E": "d"}
    assert dict(plain.args) == {"a": 4, "c": 6, "seed": 0}
    assert plan.origins[debug.id]["args.b"] == "a.yaml:7"
    assert plan.origins[debug.id]["profile"] == "a.yaml:6"
    assert make_plan(PROFILES, Selection(args=("a=9",))).deployments[0].args[0] == ("a", 9)


def test_choosing_a_profile(make_plan: MakePlan) -> None:
    """The command line's profiles replace the files'; backends without them are left out."""
    plan = make_plan(PROFILES, Selection(profiles=("fast",)))
    assert ids(plan) == ["m.vllm.fast.tp01.gpux01", "n.vllm.fast.tp01.gpux01"]
    assert ids(make_plan(PROFILES, Selection(profiles=("plain",)))) == [
        "m.vllm.tp01.gpux01",
        "m.sglang.tp01.gpux01",
        "n.vllm.tp01.gpux01",
    ]
    with pytest.raises(UsageError, match=r"--bench-profile fats: .*; did you mean 'fast'\?"):
        make_plan(PROFILES, Selection(profiles=("fats", "debug")))
    with pytest.raises(ConfigError, match=r"^a.yaml:1: models\[m\].profiles: unknown profile 'x'"):
        make_plan("models: [{id: m, source: o/m, profiles: [x]}]")


def test_asking_for_gpus(make_plan: MakePlan) -> None:
    """What is asked of GPUs beyond their number makes another cell, so another id; a preference does not."""
    plan = make_plan(
        """
        models:
          - {id: a, source: o/a, tp: 2, gpus: {count: 2, name: RTX 4090, prefer: [[0, 1], [2, 3]]}}
          - {id: b, source: o/b, gpus: {ids: [3]}}
          - {id: c, source: o/c, tp: 2, gpus: {ids: [GPU-1a2b3c4d-55, 1]}}
          - {id: d, source: o/d, gpus: {count: 1, share: 0.5}}
        """
    )
    assert ids(plan) == [
        "a.vllm.tp02.gpux02.rtx-4090",
        "b.vllm.tp01.gpux01.id3",
        "c.vllm.tp02.gpux02.id1a2b3c4d-1",
        "d.vllm.tp01.gpux01.share50",
    ]
    assert plan.deployments[0].gpu_prefer == (("0", "1"), ("2", "3"))


def test_the_command_lines_degrees_and_gpus(make_plan: MakePlan) -> None:
    """They replace the files'; GPUs follow `--bench-tp` unless they are given, too."""
    text = "models: [{id: m, source: o/m, tp: 2, gpus: [{count: 2, name: H100}, {count: 4, name: H100}]}]"
    assert ids(make_plan(text, Selection(tp=("1", "4")))) == [
        "m.vllm.tp01.gpux01.h100",
        "m.vllm.tp04.gpux04.h100",
    ]
    assert ids(make_plan(text, Selection(gpus=("2", "8xB200")))) == [
        "m.vllm.tp02.gpux02",
        "m.vllm.tp02.gpux08.b200",
    ]
    plan = make_plan(text, Selection(tp=("1", "4"), gpus=("2",)))
    assert ids(plan) == ["m.vllm.tp01.gpux02"]
    assert dropped(plan) == {"m.vllm.tp04.gpux02": "tp 4 needs 4 GPUs, this asks for 2"}
    with pytest.raises(UsageError, match=r"no selected combination is possible: .* tp 4 needs 4 GPUs"):
        make_plan(text, Selection(tp=("4",), gpus=("2",))).require_some()


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection(tp=("0",)), "--bench-tp: expected whole numbers of at least 1, or auto, not '0'"),
        (
            Selection(gpus=("H100",)),
            "--bench-gpus: expected a number of GPUs, or of those of a model (2xH100), not 'H100'",
        ),
        (Selection(versions=("vlm=v1",)), "--bench-backend-version vlm=v1: unknown backend 'vlm'; did you"),
        (Selection(versions=("vllm=",)), "--bench-backend-version takes [BACKEND=]VERSION, not 'vllm='"),
        (Selection(versions=("v1",)), "--bench-backend-version v1: write BACKEND=VERSION, one of sglang, vl"),
        (Selection(versions=("llama=b1",)), "--bench-backend-version b1: no selected deployment takes a ver"),
        (Selection(tp=("auto",)), "a.yaml:1: models[m].tp: 'auto' takes as many as the request for GPUs"),
    ],
)
def test_mistakes_on_the_command_line(make_plan: MakePlan, selection: Selection, message: str) -> None:
    """The option is named, and what it takes."""
    with pytest.raises(UsageError) as caught:
        make_plan("models: [{id: m, source: o/m, run: [vllm, sglang], tp: 1}]", selection)
    assert str(caught.value).startswith(message)


FACTS = ModelFacts(format="safetensors", heads=32, kv_heads=8, intermediate=12288)


def test_auto_takes_all_that_divide(load: Load) -> None:
    """Of six GPUs a model of 32 heads uses four, and asks for no more; an unknown model is trusted."""
    text = """
    models:
      - {id: known, source: o/known, tp: auto, gpus: [{count: 6}, {count: 4}, {count: 8}]}
      - {id: not, source: o/not, tp: auto, pp: 2, gpus: {count: 6}}
    """
    facts = {"o/known": FACTS}
    plan = resolve(load(text), Selection(), ENGINES, facts.get)
    assert ids(plan) == ["known.vllm.tp04.gpux04", "known.vllm.tp08.gpux08", "not.vllm.tp03.pp02.gpux06"]
    assert plan.origins["known.vllm.tp04.gpux04"]["tp"] == "a.yaml:3: auto"
    plan = resolve(load(text), Selection(tp=("auto",), gpus=("5",)), ENGINES, facts.get)
    assert ids(plan) == ["known.vllm.tp04.gpux04", "not.vllm.tp02.pp02.gpux04"]


def test_impossible_combinations_are_dropped(load: Load) -> None:
    """With the arithmetic; the rest goes on, and nothing is dropped for what is not known."""
    text = "models: [{id: m, source: o/m, tp: [1, 3, 8]}, {id: n, source: o/n, tp: 3}]"
    plan = resolve(load(text), Selection(), ENGINES, {"o/m": FACTS}.get)
    assert ids(plan) == ["m.vllm.tp01.gpux01", "m.vllm.tp08.gpux08", "n.vllm.tp03.gpux03"]
    assert dropped(plan) == {"m.vllm.tp03.gpux03": "tp 3 does not divide the 32 attention heads"}


def test_rules(make_plan: MakePlan) -> None:
    """The user's own come first, with their reason and their line; those about GPUs wait for the machine."""
    plan = make_plan(
        """
        rules:
          - {when: {backend: vllm, args: {kv-cache-dtype: fp8}, gpu: RTX 4090}, reason: no fp8 cache}
          - {when: {model: "m*", backend: [sglang, vllm], tp: [2, 4]}, reason: broken since v3}
        models:
          - {id: m1, source: o/m, tp: [1, 2]}
          - {id: n, source: o/n, gpus: {count: 1, name: rtx 4090},
             backends: {vllm: {args: {kv-cache-dtype: fp8}}}}
          - {id: o, source: o/o, backends: {vllm: {args: {kv-cache-dtype: fp8}}}}
        """
    )
    assert ids(plan) == ["m1.vllm.tp01.gpux01", "o.vllm.tp01.gpux01"]
    assert [(one.deployment.id, one.reason, one.origin) for one in plan.dropped] == [
        ("m1.vllm.tp02.gpux02", "broken since v3", "a.yaml:4"),
        ("n.vllm.tp01.gpux01.rtx-4090", "no fp8 cache", "a.yaml:3"),
    ]
    assert {name: [rule.reason for rule in rules] for name, rules in plan.gpu_rules.items()} == {
        "o.vllm.tp01.gpux01": ["no fp8 cache"]
    }
