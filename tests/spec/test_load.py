"""Files, their shape, and their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import ConfigError, UsageError
from pytest_llmbench.spec import load as load_module
from pytest_llmbench.spec.load import Option, default_files, load_configuration, shipped_folder
from pytest_llmbench.spec.workload import Workload

if TYPE_CHECKING:
    from pathlib import Path

    from tests.spec.conftest import Load


_DEGREE = "must be a whole number of at least 1, or auto"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "models:\n  - id: a\n  - id: b\n    bakends: {}\n",
            "a.yaml:4: models[1].bakends: unknown key; did you mean 'backends'?",
        ),
        ("modles: []\n", "a.yaml:1: modles: unknown key; did you mean 'models' or 'rules'?"),
        (
            "defaults:\n  backends:\n    vllm: {image_type: build}\n",
            "a.yaml:3: defaults.backends.vllm.image_type: unknown key; did you mean 'image-type' or 'image'?",
        ),
        (
            "models: [{id: a, zzz: 1}]\n",
            (
                "a.yaml:1: models[0].zzz: unknown key; "
                "known: backends, dp, ep, gpus, id, pp, profiles, run, skip, source, tp"
            ),
        ),
        ("models: 3\n", "a.yaml:1: models: must be a list, not '3'"),
        ("- 1\n", "a.yaml:1: must be a mapping of keys to values"),
        ("models: [{source: x}]\n", "a.yaml:1: models[0].id: is missing"),
        ("models: [{id: a, run: vllm}]\n", "a.yaml:1: models[0].run: must be a list, not 'vllm'"),
        ("models: [{id: a, tp: []}]\n", "a.yaml:1: models[0].tp: must not be an empty list"),
        ("models: [{id: a, tp: [0]}]\n", f"a.yaml:1: models[0].tp[0]: {_DEGREE}"),
        ("models: [{id: a, pp: [0]}]\n", "a.yaml:1: models[0].pp[0]: must be at least 1, not '0'"),
        (
            "models: [{id: a, gpus: [{count: 2, ids: [0]}]}]\n",
            (
                "a.yaml:1: models[0].gpus[0]: 'ids' says which GPUs and how many; "
                "leave out 'count', 'name' and 'prefer'"
            ),
        ),
        (
            "models: [{id: a, gpus: 2}]\n",
            "a.yaml:1: models[0].gpus: a request for GPUs is a mapping: {count: 2}",
        ),
        ("models: [{id: a, gpus: {name: H100}}]\n", "a.yaml:1: models[0].gpus: needs 'count', or 'ids'"),
        (
            "models: [{id: a, gpus: {count: 2, prefer: [[0]]}}]\n",
            "a.yaml:1: models[0].gpus: 'prefer' has a set of 1 GPU, not of 2",
        ),
        (
            "rules:\n  - {when: {tp: 1}, reason: no}\n",
            (
                'a.yaml:2: rules[0].reason: give the reason as a text: skip: "why"; '
                "leave the key out to run the entry"
            ),
        ),
        (
            "rules:\n  - {when: {}, reason: because}\n",
            "a.yaml:2: rules[0]: 'when' must say something: an empty one would forbid everything",
        ),
        (
            "models: [{id: a, tp: [two]}]\n",
            f"a.yaml:1: models[0].tp[0]: {_DEGREE}",
        ),
        (
            "models:\n  - id: a\n    gpus:\n      - cuont: 2\n",
            "a.yaml:4: models[0].gpus[0].cuont: unknown key; did you mean 'count'?",
        ),
        (
            "models: [{id: a b}]\n",
            (
                "a.yaml:1: models[0].id: 'a b' cannot name a test; "
                "an id is made of letters, digits, '.', '_' and '-'"
            ),
        ),
        (
            "models: [{id: a, skip: true}]\n",
            (
                'a.yaml:1: models[0].skip: give the reason as a text: skip: "why"; '
                "leave the key out to run the entry"
            ),
        ),
        (
            "defaults: {backends: {vllm: {runtime: dokcer}}}\n",
            (
                "a.yaml:1: defaults.backends.vllm.runtime: "
                "must be 'embedded', 'external', 'docker' or 'process'; did you mean 'docker'?"
            ),
        ),
        (
            "defaults: {backends: {vllm: {args: {x: [1]}}}}\n",
            (
                "a.yaml:1: defaults.backends.vllm.args.x: "
                "must be a number, a text or true/false; write JSON as a text, in quotes"
            ),
        ),
        (
            "defaults: {backends: {vllm: {env: {a-b: 1}}}}\n",
            "a.yaml:1: defaults.backends.vllm.env.a-b: 'a-b' cannot be the name of an environment variable",
        ),
        (
            "defaults: {backends: {vllm: {env: {A: [1]}}}}\n",
            "a.yaml:1: defaults.backends.vllm.env.A: must be a text",
        ),
        (
            "models: [{id: a, backends: {vllm: {url: 'gpu:8000'}}}]\n",
            "a.yaml:1: models[0].backends.vllm.url: a server's URL begins with http:// or https://",
        ),
        (
            "models:\n  - id: a\n  - id: a\n",
            "a.yaml:3: models[1].id: 'a' was given before, on line 2",
        ),
        ("workloads: {w: {in: 8}}\n", "a.yaml:1: workloads.w.out: is missing"),
        (
            "workloads:\n  w: {out: 8}\n",
            "a.yaml:2: workloads.w: give one of 'prompts' and 'in' (exact prompt tokens)",
        ),
        (
            "workloads:\n  w: {out: 8, in: 8, prompt: hi}\n",
            "a.yaml:2: workloads.w: give only one of 'prompt', 'prompts' and 'in' (exact prompt tokens)",
        ),
        (
            "workloads: {w: {out: 8, in: 8, temperature: hot}}\n",
            "a.yaml:1: workloads.w.temperature: must be a number, not 'hot'",
        ),
        (
            "workloads: {w: {out: 8, prompts: ['']}}\n",
            "a.yaml:1: workloads.w.prompts[0]: must not be empty",
        ),
        ("options: {requests: {a: 1}}\n", "a.yaml:1: options.requests: must be a value or a list of values"),
        ("options: {requests: [[1]]}\n", "a.yaml:1: options.requests: must be a value or a list of values"),
    ],
)
def test_mistakes(load: Load, text: str, message: str) -> None:
    """Each mistake is one sentence with file, line, key, and the nearest valid word where there is one."""
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert str(caught.value) == message


def test_all_mistakes_at_once(load: Load) -> None:
    """Several mistakes come in the order of the file, one a line."""
    with pytest.raises(ConfigError) as caught:
        load("models:\n- id: a\n  tp: [x]\n  ep: y\n")
    assert str(caught.value) == (
        f"a.yaml:3: models[0].tp[0]: {_DEGREE}\na.yaml:4: models[0].ep: must be a whole number, not 'y'"
    )
    assert (caught.value.file, caught.value.line, caught.value.key) == ("a.yaml", 3, "models[0].tp[0]")


def test_values_from_the_environment_are_not_repeated(load: Load) -> None:
    """A wrong value that came from a variable may be a secret."""
    with pytest.raises(ConfigError) as caught:
        load("models: [{id: a, pp: ['${PW}']}]", environ={"PW": "hunter2"})
    assert str(caught.value) == "a.yaml:1: models[0].pp[0]: must be a whole number"


def test_texts_keep_their_spelling(load: Load) -> None:
    """A version or variable that looks like a number is the text that stands in the file."""
    configuration = load("defaults: {backends: {vllm: {version: 0.10, env: {A: 1.50, B: true, C: 0x10}}}}")
    settings = configuration.defaults.backends["vllm"]
    assert settings.version == ("0.10",)
    assert settings.env == {"A": "1.50", "B": "true", "C": "0x10"}


def test_empty_places(load: Load) -> None:
    """A key with nothing behind it says nothing, as when all below it is commented out."""
    configuration = load(
        "defaults:\nmodels:\n  - id: a\n    source: s/s\n    tp:\n    backends:\n      vllm:\n        args:\n"
    )
    entry = configuration.models["a"]
    assert entry.tp is None
    assert entry.backends["vllm"].args == {}
    assert load("models:\nworkloads:\noptions:\n").models == {}


def test_later_files_override(load: Load) -> None:
    """Models merge by id and key by key; lists replace; null removes; new models follow."""
    configuration = load(
        """
        defaults: {backends: {vllm: {version: v1, args: {a: 1, b: 1}}}}
        models:
          - {id: one, source: x/one, tp: [1, 2], skip: broken, backends: {vllm: {args: {c: 1, d: 1}}}}
          - {id: two, source: x/two}
        options: {requests: 8, concurrency: [1, 8]}
        """,
        """
        defaults: {backends: {vllm: {version: v2, args: {b: 2}}}}
        models:
          - {id: three, source: x/three}
          - {id: one, tp: [4], skip: null, backends: {vllm: {args: {d: 2}}}}
        options:
          requests: 16
        """,
    )
    assert list(configuration.models) == ["one", "two", "three"]
    one = configuration.models["one"]
    assert (one.source, one.tp, one.skip) == ("x/one", (4,), None)
    assert one.backends["vllm"].args == {"c": 1, "d": 2}
    assert configuration.defaults.backends["vllm"].version == ("v2",)
    assert configuration.defaults.backends["vllm"].args == {"a": 1, "b": 2}
    assert configuration.options == {
        "requests": Option(16, "b.yaml:7"),
        "concurrency": Option([1, 8], "a.yaml:6"),
    }
    assert configuration.files == ("a.yaml", "b.yaml")


def _workload(name: str, **values: object) -> Workload:
    return Workload.model_validate({"id": name, **values})


def test_workloads(load: Load) -> None:
    """`prompt` is one of `prompts`; a later file's `in` replaces an earlier file's prompts."""
    configuration = load(
        "workloads: {w: {prompt: 7, out: 8, seed: 3}, v: {prompts: [a, b], out: 1, endpoint: completions}}",
        "workloads: {v: {in: 64}, u: {in: 1, out: 1, temperature: 0.5}}",
    )
    assert configuration.workloads == {
        "w": _workload("w", prompts=("7",), out=8, seed=3),
        "v": _workload("v", **{"in": 64}, out=1, endpoint="completions"),
        "u": _workload("u", **{"in": 1}, out=1, temperature=0.5),
    }
    assert configuration.workload("w").seed == 3
    with pytest.raises(UsageError) as caught:
        configuration.workload("x")
    assert str(caught.value) == "unknown workload 'x'; known: u, v, w"


def test_files_outside_the_current_folder_are_named_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file below the current folder is named from there, any other absolutely."""
    (tmp_path / "here").mkdir()
    (tmp_path / "a.yaml").write_text("x: 1", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ConfigError, match=f"^{tmp_path}/a.yaml:1: x: "):
        load_configuration([tmp_path / "a.yaml"], {})


def test_default_files(tmp_path: Path) -> None:
    """A project's own files are taken by name, the shipped ones stand in, anything else is left alone."""
    shipped = shipped_folder()
    assert default_files(tmp_path) == (shipped / "models.yaml", shipped / "workloads.yaml")
    (tmp_path / "config").mkdir()
    for name in ("models.yaml", "database.yaml"):
        (tmp_path / "config" / name).touch()
    assert default_files(tmp_path) == (tmp_path / "config" / "models.yaml", shipped / "workloads.yaml")


def test_shipped_files_in_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a wheel the shipped files lie inside the package, in a checkout beside it."""
    assert shipped_folder().name == "config"
    (tmp_path / "spec").mkdir()
    (tmp_path / "_config").mkdir()
    monkeypatch.setattr(load_module, "__file__", str(tmp_path / "spec" / "load.py"))
    assert shipped_folder() == tmp_path.resolve() / "_config"


def test_named_files_come_last_and_displace_the_shipped_models(tmp_path: Path) -> None:
    """Whoever names a file gets its models, over the project's own but not over the shipped ones."""
    shipped, mine = shipped_folder(), tmp_path / "mine.yaml"
    assert default_files(tmp_path, [mine]) == (shipped / "workloads.yaml", mine)
    (tmp_path / "config").mkdir()
    own = tmp_path / "config" / "models.yaml"
    own.write_text("models: []\n")
    assert default_files(tmp_path, [mine]) == (own, shipped / "workloads.yaml", mine)
