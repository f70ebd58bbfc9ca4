"""From files and options to deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmbench.errors import ConfigError, UsageError
from pytest_llmbench.spec.deployment import Deployment
from pytest_llmbench.spec.load import Configuration, load_configuration
from pytest_llmbench.spec.plan import Selection
from pytest_llmbench.spec.resolve import resolve
from tests.spec.conftest import ENGINES

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.spec.plan import Plan
    from tests.spec.conftest import MakePlan

ISSUE = """\
defaults:
  backends:
    vllm:   {version: v0.12.0, image-type: prebuilt, args: {gpu-memory-utilization: 0.92}, env: {}}
    llama:  {version: b4521, image-type: build, args: {n-gpu-layers: 999}}
models:
  - id: tiny-glm
    source: builtin:tiny-glm
    run: [llama]
    backends: {llama: {runtime: embedded}}
  - id: glm-4.7-flash-awq
    source: QuantTrio/GLM-4.7-Flash-AWQ
    tp: [2]
    gpus: [{count: 2}]
    run: [vllm]
    backends: {vllm: {args: {max-model-len: 131072}}}
"""


def ids(plan: Plan) -> list[str]:
    """The ids of the plan's deployments."""
    return [deployment.id for deployment in plan.deployments]


def test_the_shape_everyone_starts_from(make_plan: MakePlan) -> None:
    """The configuration of the documentation gives these two deployments, nothing more."""
    plan = make_plan(ISSUE)
    assert plan.deployments == (
        Deployment(
            model="tiny-glm",
            source="builtin:tiny-glm",
            backend="llama",
            runtime="embedded",
            args=(("n-gpu-layers", 999), ("parallel", 4)),
        ),
        Deployment(
            model="glm-4.7-flash-awq",
            source="QuantTrio/GLM-4.7-Flash-AWQ",
            backend="vllm",
            runtime="docker",
            version="v0.12.0",
            image_type="prebuilt",
            tp=2,
            gpus=2,
            args=(("gpu-memory-utilization", 0.92), ("max-model-len", 131072), ("seed", 0)),
        ),
    )
    assert ids(plan) == ["tiny-glm.llama.tp01.gpux00", "glm-4.7-flash-awq.vllm.tp02.gpux02"]


def test_every_value_has_an_origin(make_plan: MakePlan) -> None:
    """Origins name the line, the option or the engine, for each value that is set."""
    plan = make_plan(ISSUE, Selection(args=("vllm.seed=7",), env=("A=1",)))
    assert plan.origins["glm-4.7-flash-awq.vllm.tp02.gpux02"] == {
        "model": "a.yaml:10",
        "source": "a.yaml:11",
        "backend": "a.yaml:14",
        "runtime": "built in",
        "version": "a.yaml:3",
        "image-type": "a.yaml:3",
        "tp": "a.yaml:12",
        "gpus": "a.yaml:13",
        "args.gpu-memory-utilization": "a.yaml:3",
        "args.max-model-len": "a.yaml:15",
        "args.seed": "--bench-arg",
        "env.A": "--bench-env",
    }


@given(st.lists(st.one_of(st.none(), st.integers(0, 99)), min_size=4, max_size=4))
def test_the_nearest_source_wins(said: list[int | None]) -> None:
    """Of command line, model, defaults and engine, the first that says something is heard, and named."""
    command, model, default, built_in = said

    def stated(value: int | None) -> dict[str, int]:
        return {} if value is None else {"x": value}

    engine = type(ENGINES["vllm"])("vllm", default_args=stated(built_in))
    selection = Selection(args=() if command is None else (f"x={command}",))
    plan = resolve(_configuration(stated(default), stated(model)), selection, {"vllm": engine})
    [deployment] = plan.deployments
    spoken = [value for value in said if value is not None]
    assert dict(deployment.args) == ({"x": spoken[0]} if spoken else {})
    places = ["--bench-arg", "<test>:2", "<test>:1", "built in"]
    expected = [place for place, value in zip(places, said, strict=True) if value is not None]
    assert plan.origins[deployment.id].get("args.x") == (expected[0] if expected else None)


def _configuration(default: dict[str, int], model: dict[str, int]) -> Configuration:
    """A configuration without files on disk: hypothesis and `tmp_path` do not go together."""
    from pytest_llmbench.spec.files import Defaults, ModelEntry  # noqa: PLC0415
    from pytest_llmbench.spec.shape import shaped  # noqa: PLC0415
    from pytest_llmbench.spec.yaml_source import parse_yaml  # noqa: PLC0415

    text = (
        f"defaults: {{backends: {{vllm: {{args: {default}}}}}}}\n"
        f"models: {{m: {{id: m, source: o/m, run: [vllm], backends: {{vllm: {{args: {model}}}}}}}}}\n"
    )
    nodes = parse_yaml(text.replace("'", ""), {}, name="<test>")
    entry = shaped(nodes.entries["models"].entries["m"], ModelEntry)
    return Configuration(
        defaults=shaped(nodes.entries["defaults"], Defaults), models={"m": entry}, nodes=nodes
    )


def test_null_removes(make_plan: MakePlan) -> None:
    """A null nearer by takes away what a more general source says, the engine included."""
    plan = make_plan(
        """
        defaults: {backends: {vllm: {version: v1, args: {a: 1, b: 1}, env: {E: 1}}}}
        models: [{id: m, source: o/m, backends: {vllm: {args: {a: null}, env: {E: ~}}}}]
        """,
        Selection(args=("seed=null",)),
    )
    assert plan.deployments[0].args == (("b", 1),)
    assert plan.deployments[0].env == ()


def test_expansion(make_plan: MakePlan) -> None:
    """`tp` by `gpus`, in the order written; GPUs follow the parallelism where they are not stated."""
    plan = make_plan(
        """
        models:
          - {id: a, source: o/a, tp: [1, 2], gpus: [{count: 2}, {count: 4}]}
          - {id: b, source: o/b, tp: [2], pp: 2, dp: 2, ep: 4}
          - {id: c, source: o/c, run: [vllm, sglang]}
          - {id: d, source: d.gguf, tp: [1], gpus: [{count: 1}]}
          - {id: e, source: o/e:Q4, gpus: [{count: 0}], backends: {llama: {runtime: docker}}}
        """
    )
    assert ids(plan) == [
        "a.vllm.tp01.gpux02",
        "a.vllm.tp01.gpux04",
        "a.vllm.tp02.gpux02",
        "a.vllm.tp02.gpux04",
        "b.vllm.tp02.pp02.dp02.ep04.gpux08",
        "c.vllm.tp01.gpux01",
        "c.sglang.tp01.gpux01",
        "d.llama.tp01.gpux01",
        "e.llama.tp01.gpux00",
    ]
    assert plan.origins["b.vllm.tp02.pp02.dp02.ep04.gpux08"]["gpus"] == "follows tp"
    assert plan.origins["e.llama.tp01.gpux00"]["backend"] == "detected from the source"


def test_versions_are_for_images_and_facts(make_plan: MakePlan) -> None:
    """What pins images says nothing about an embedded engine; what we start says nothing about what runs."""
    plan = make_plan(
        """
        defaults:
          backends:
            llama: {version: b1, image: i, image-type: build, args: {ctx-size: 8}, env: {A: 1}}
            vllm: {version: v1, args: {x: 1}, env: {A: 1}, api-key-env: KEY}
        models:
          - {id: a, source: a/b:Q4, run: [llama]}
          - {id: a-docker, source: a/b:Q4, run: [llama], backends: {llama: {runtime: docker}}}
          - id: there
            tp: [4]
            backends: {vllm: {runtime: external, url: "http://gpu:8000/v1", version: v9, served-model: m}}
        """
    )
    embedded, docker, external = plan.deployments
    assert (embedded.version, embedded.image, embedded.env) == (None, None, (("A", "1"),))
    assert (docker.version, docker.image, docker.image_type) == ("b1", "i", "build")
    assert external == Deployment(
        model="there",
        source="",
        backend="vllm",
        runtime="external",
        version="v9",
        tp=4,
        gpus=4,
        url="http://gpu:8000",
        served_model="m",
        api_key_env="KEY",
    )


def test_skip(make_plan: MakePlan) -> None:
    """A reason to skip holds for the model, or for one backend, which is heard first."""
    plan = make_plan(
        "models: [{id: m, source: o/m, run: [vllm, sglang], skip: all, backends: {vllm: {skip: this one}}}]"
    )
    assert [deployment.skip for deployment in plan.deployments] == ["this one", "all"]


def test_selecting(make_plan: MakePlan) -> None:
    """Names, sources and backends narrow; several of a kind add up; the file's order stays."""
    text = """
    models:
      - {id: a, source: o/a, run: [vllm, sglang]}
      - {id: b, source: o/b, run: [sglang]}
      - {id: c, source: o/c:Q4}
    """
    assert ids(make_plan(text, Selection(models=("c", "a")))) == [
        "a.vllm.tp01.gpux01",
        "a.sglang.tp01.gpux01",
        "c.llama.tp01.gpux00",
    ]
    assert ids(make_plan(text, Selection(models=("o/b",)))) == ["b.sglang.tp01.gpux01"]
    assert ids(make_plan(text, Selection(backends=("sglang",)))) == [
        "a.sglang.tp01.gpux01",
        "b.sglang.tp01.gpux01",
    ]
    assert ids(make_plan(text, Selection(models=("a",), backends=("vllm", "sglang")))) == [
        "a.vllm.tp01.gpux01",
        "a.sglang.tp01.gpux01",
    ]


def test_models_that_no_file_knows(make_plan: MakePlan) -> None:
    """A hub id is a model as soon as it is named; the backend is the one asked for, or the format's."""
    text = "defaults: {backends: {vllm: {version: v1}}}\nmodels: [{id: a, source: o/a}]"
    plan = make_plan(text, Selection(models=("Qwen/Qwen3-8B", "o/x-GGUF:Q8_0")))
    assert ids(plan) == ["qwen3-8b.vllm.tp01.gpux01", "x-gguf-q8_0.llama.tp01.gpux00"]
    assert plan.deployments[0].source == "Qwen/Qwen3-8B"
    assert plan.deployments[0].version == "v1"
    assert plan.origins["qwen3-8b.vllm.tp01.gpux01"] == {
        "model": "--bench-model",
        "source": "--bench-model",
        "backend": "detected from the source",
        "runtime": "built in",
        "version": "a.yaml:1",
        "tp": "built in",
        "gpus": "follows tp",
        "args.seed": "built in",
    }
    plan = make_plan(text, Selection(models=("Qwen/Qwen3-8B",), backends=("sglang", "vllm")))
    assert ids(plan) == ["qwen3-8b.sglang.tp01.gpux01", "qwen3-8b.vllm.tp01.gpux01"]


def test_urls_replace_the_configuration(make_plan: MakePlan) -> None:
    """Servers that run are named by NAME or by host and port, and are what they are said to be."""
    urls = ("http://gpu-box:8000/v1", "mine=http://gpu-box:8001")
    plan = make_plan(ISSUE, Selection(urls=urls, served_model="m", api_key_env="KEY"))
    assert plan.deployments == tuple(
        Deployment(
            model=model,
            source="",
            backend="openai",
            runtime="external",
            url=url,
            served_model="m",
            api_key_env="KEY",
        )
        for model, url in (("gpu-box-8000", "http://gpu-box:8000"), ("mine", "http://gpu-box:8001"))
    )
    assert plan.origins["mine.openai.tp01.gpux00"] == {
        "model": "--bench-url",
        "backend": "built in",
        "runtime": "--bench-url",
        "url": "--bench-url",
        "served-model": "--bench-served-model",
        "api-key-env": "--bench-api-key-env",
        "tp": "built in",
        "gpus": "built in",
    }
    plan = make_plan(ISSUE, Selection(urls=urls[:1], backends=("vllm",)))
    assert ids(plan) == ["gpu-box-8000.vllm.tp01.gpux00"]
    assert plan.deployments[0].args == ()
    assert plan.deployments[0].version is None


def test_argument_types_and_scope(make_plan: MakePlan) -> None:
    """Values are typed as in YAML; a backend in front limits an argument, a dot inside a name does not."""
    text = "models: [{id: a, source: o/a, run: [vllm, sglang]}]"
    args = ("x=1", "vllm.x=2.5", "sglang.y=on", "z='8'", "compilation-config.level=3", 'json={"a": 1}', "e=")
    vllm, sglang = make_plan(text, Selection(args=args)).deployments
    common = {"z": "8", "compilation-config.level": 3, "json": '{"a": 1}'}
    assert dict(vllm.args) == {"seed": 0, "x": 2.5, **common}
    assert dict(sglang.args) == {"x": 1, "y": "on", **common}


def test_secrets(make_plan: MakePlan) -> None:
    """Secrets are known by their own name or by the variable they come from."""
    plan = make_plan(
        """
        models:
          - id: a
            source: o/a
            backends:
              vllm: {args: {api-key: k, x: "${MY_TOKEN}", y: "${HOST}"}, env: {HF_TOKEN: t, HOME: /}}
        """,
        environ={"MY_TOKEN": "s", "HOST": "h"},
    )
    assert plan.secrets == {"a.vllm.tp01.gpux01": frozenset({"args.api-key", "args.x", "env.HF_TOKEN"})}


def test_nothing_configured(make_plan: MakePlan) -> None:
    """Without models there are no deployments, and that is no error."""
    assert make_plan("").deployments == ()
    assert make_plan("", Selection(backends=("vllm",), args=("x=1",))).deployments == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "defaults:\n  backends:\n    vlm: {}\n",
            "a.yaml:3: defaults.backends.vlm: unknown backend 'vlm'; did you mean 'vllm' or 'llama'?",
        ),
        (
            "models:\n  - id: m\n    source: o/m\n    run: [vllm,\n      slang]\n",
            "a.yaml:5: models[m].run[1]: unknown backend 'slang'; did you mean 'sglang'?",
        ),
        (
            "models:\n  - {id: m, source: o/m, backends: {lama: {}}}\n",
            "a.yaml:2: models[m].backends.lama: unknown backend 'lama'; did you mean 'llama' or 'vllm'?",
        ),
        (
            "models:\n  - id: m\n",
            "a.yaml:2: models[m]: 'source' is missing: builtin:<name>, a path or a hub id",
        ),
        (
            "models:\n  - id: m\n    run: [vllm]\n",
            "a.yaml:2: models[m]: 'source' is missing: builtin:<name>, a path or a hub id",
        ),
        (
            "models:\n  - id: m\n    backends:\n      openai: {}\n",
            "a.yaml:4: models[m].backends.openai: 'url' is missing: an external server needs one",
        ),
        (
            "models:\n  - id: m\n    source: o/m\n    tp: 4\n    gpus: {count: 2}\n",
            "a.yaml:5: models[m].gpus: tp 4 needs 4 GPUs, this asks for 2",
        ),
        (
            "models:\n  - id: m\n    source: o/m\n    tp: [2]\n    pp: 2\n    gpus: [{count: 2}]\n",
            "a.yaml:6: models[m].gpus[0]: tp 2 x pp 2 needs 4 GPUs, this asks for 2",
        ),
        (
            "models:\n  - id: m\n    source: m.gguf\n    tp: [2]\n",
            "a.yaml:4: models[m].tp: tp 2 needs 2 GPUs, this asks for 0",
        ),
        (
            "models:\n  - id: m\n    source: m.gguf\n    backends:\n      llama:\n        version: b1\n",
            "a.yaml:6: models[m].backends.llama.version: means nothing in runtime embedded (from built in)",
        ),
        (
            "models:\n  - {id: m, source: o/m, backends: {vllm: {url: 'http://h'}}}\n",
            "a.yaml:2: models[m].backends.vllm.url: means nothing in runtime docker (from built in)",
        ),
        (
            "models:\n  - id: m\n    backends: {openai: {url: 'http://h', env: {A: 1}}}\n",
            "a.yaml:3: models[m].backends.openai.env.A: means nothing in runtime external (from built in)",
        ),
        (
            "models:\n  - {id: m, source: o/m, tp: [2, 2]}\n",
            (
                "a.yaml:2: models[m]: two deployments are called m.vllm.tp02.gpux02; "
                "the first comes from detected from the source"
            ),
        ),
    ],
)
def test_mistakes_in_files(make_plan: MakePlan, text: str, message: str) -> None:
    """What a file asks for and cannot be is named by file, line and key."""
    with pytest.raises(ConfigError) as caught:
        make_plan(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (
            Selection(backends=("vlm",)),
            "--bench-backend: unknown backend 'vlm'; did you mean 'vllm' or 'llama'?",
        ),
        (
            Selection(models=("tiny-gml",)),
            (
                "--bench-model: unknown model 'tiny-gml' (a path or a hub id, "
                "owner/name or owner/name:QUANT, works too): did you mean 'tiny-glm'?"
            ),
        ),
        (
            Selection(models=("tiny-glm",), backends=("vllm",)),
            "--bench-backend vllm: no selected model runs on it (tiny-glm runs on llama)",
        ),
        (Selection(backends=("sglang",)), "--bench-backend sglang: no selected model runs on it"),
        (Selection(args=("x",)), "--bench-arg takes [BACKEND.]NAME=VALUE, not 'x'"),
        (Selection(args=("=1",)), "--bench-arg takes [BACKEND.]NAME=VALUE, not '=1'"),
        (
            Selection(args=("vlm.x=1",)),
            "--bench-arg vlm.x: unknown backend 'vlm'; did you mean 'vllm' or 'llama'?",
        ),
        (
            Selection(args=("sglang.x=1",)),
            "--bench-arg x: no selected deployment starts a server that could take it",
        ),
        (
            Selection(args=("llama.ctxsize=1",)),
            "--bench-arg: llama has no argument 'ctxsize'; did you mean 'ctx-size'?",
        ),
        (
            Selection(args=("llama.ctx-size=1", "llama.no-context=1")),
            "a.yaml:8: ctx-size and no-context exclude each other",
        ),
        (Selection(env=("HF_TOKEN",)), "--bench-env takes NAME=VALUE, not 'HF_TOKEN'"),
        (Selection(env=("A-B=1",)), "--bench-env takes NAME=VALUE, not 'A-B'"),
        (Selection(urls=("h:8000",)), "--bench-url h:8000: a server's URL begins with http:// or https://"),
        (
            Selection(urls=("a=h",)),
            "--bench-url a=h: a server's URL begins with http:// or https://",
        ),
        (
            Selection(urls=("http://me:secret@h",)),
            (
                "--bench-url h: a URL must not hold credentials; "
                "name the variable that holds the key with api-key-env"
            ),
        ),
        (
            Selection(urls=("a b=http://h",)),
            (
                "--bench-url a b=http://h: 'a b' cannot name a test; "
                "an id is made of letters, digits, '.', '_' and '-'"
            ),
        ),
        (
            Selection(urls=("http://h", "http://h/v1")),
            "--bench-url h: two deployments are called h.openai.tp01.gpux00; the first comes from built in",
        ),
        (
            Selection(urls=("http://h",), backends=("vllm", "sglang")),
            "--bench-url: a server is one backend; give --bench-backend once",
        ),
        (
            Selection(urls=("http://h",), models=("m",)),
            (
                "--bench-url measures servers that already run, --bench-model names one to start; "
                "to name a running one: --bench-url NAME=URL"
            ),
        ),
        (
            Selection(urls=("http://h",), env=("A=1",)),
            "--bench-env A: no selected deployment starts a server that could take it",
        ),
        (
            Selection(served_model="m"),
            "--bench-served-model is for servers that already run; give --bench-url too",
        ),
        (
            Selection(api_key_env="K"),
            "--bench-api-key-env is for servers that already run; give --bench-url too",
        ),
    ],
)
def test_mistakes_on_the_command_line(make_plan: MakePlan, selection: Selection, message: str) -> None:
    """What an option asks for and cannot be is named by the option, with the nearest valid value."""
    with pytest.raises(UsageError) as caught:
        make_plan(ISSUE, selection)
    assert str(caught.value) == message


def test_engine_missing_for_a_detected_format(tmp_path: Path) -> None:
    """A format whose engine does not exist here is said to be so."""
    (tmp_path / "a.yaml").write_text("models: [{id: m, source: m.gguf}]", encoding="utf-8")
    configuration = load_configuration([tmp_path / "a.yaml"], {})
    with pytest.raises(ConfigError, match=r"models\[m\]: unknown backend 'llama'; did you mean 'vllm'\?$"):
        resolve(configuration, Selection(), {"vllm": ENGINES["vllm"]})


def test_a_wrong_argument_of_a_file_is_blamed_on_its_line(make_plan: MakePlan) -> None:
    """The engine's complaint comes with the place of the argument it is about."""
    text = "models:\n- id: m\n  source: m.gguf\n  backends:\n    llama:\n      args:\n        paralel: 2\n"
    with pytest.raises(UsageError) as caught:
        make_plan(text)
    assert str(caught.value) == "a.yaml:7: llama has no argument 'paralel'; did you mean 'parallel'?"
