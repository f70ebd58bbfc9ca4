from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Left, Project
    from tests.plugin.fake_engine import FakeEngine

SUITE = '''
    import pytest

    class Sums:
        """Whether a model can add."""

        name, scorer, max_tokens, stop = "sums", "sums 1", 40, ()

        def rows(self, data):
            return [{"key": n, "left": n} for n in range(%d)]

        def prompt(self, row):
            return f"{row['left']} + 1 ="

        def score(self, row, reply):
            return {"right": reply.strip() == str(row["left"] + 1)}

    @pytest.mark.eval
    def test_sums(evaluate, concurrency):
        result = evaluate(Sums(), concurrency=concurrency)
        assert result.speed.error_rate.mean == 0
'''


def add(prompt: str) -> str:
    """Answer as a model that can add."""
    return str(int(prompt.split(maxsplit=1)[0]) + 1)


def unlearn(count: int) -> dict[str, object]:
    """Make a model that cannot add the first few any more."""
    return {"say": lambda prompt: add(prompt) if int(prompt.split()[0]) >= count else "?"}


@pytest.fixture
def evals(project: Project, engine: FakeEngine) -> Project:
    """Give a project with a suite of evals and a model that can add."""
    project.suite(SUITE % 40)
    engine.say = add
    engine.first, engine.gap = 0.0, 0.0
    return project


def run(project: Project, *args: str, code: int = 0) -> Left:
    """Run the evals."""
    left = project("-m", "eval", "--bench-concurrency=4", *args)
    assert left.code == code, left.out
    return left


def test_a_suite_of_ones_own(evals: Project, mode: list[str]) -> None:
    """Scores reach the report, the terminal, and JUnit; all replies lie in the session's folder."""
    left = run(evals, *mode)
    evaluation = left.result["evaluation"]
    assert left.result["cell"] == "fake.openai.tp01.gpux00/sums/c004"
    assert evaluation["scores"]["right"]["mean"] == 1
    assert (evaluation["asked"], evaluation["unanswered"], evaluation["repeated"]) == (40, 0, 4)
    assert evaluation["marks"]["39"] == "+"
    assert "eval: sums c004, 40 prompts: right 100.0 % (91.2-100.0)" in left.out
    properties = {entry.attrib["name"]: entry.attrib["value"] for entry in left.junit.iter("property")}
    assert (properties["sums.right"], properties["prompts"], properties["eval"]) == ("1.0", "40", "sums")
    lines = (left.folder / evaluation["replies"]).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 41
    assert {json.loads(line)["key"] for line in lines[1:]} == set(evaluation["marks"])


def test_the_example_of_the_manual(project: Project, engine: FakeEngine) -> None:
    """A multiple choice, in one file."""
    manual = (Path(__file__).parents[2] / "docs" / "evals.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(import pytest\n\n\nclass.*?)```", manual, re.DOTALL)
    project.suite(example)
    engine.say = lambda prompt: "B) Paris" if "France" in prompt else "A"
    left = run(project)
    assert left.result["evaluation"]["scores"]["right"]["passed"] == 2
    engine.say = lambda _prompt: "B"
    assert "assert 0.5 >= 0.9" in run(project, code=1).out


def test_benchmarks_and_evals_are_asked_for_apart(evals: Project) -> None:
    """By their marks."""
    left = evals("-m", "bench")
    assert left.code == 5, left.out
    assert "1 deselected" in left.out


def test_a_model_that_got_dumber_fails(evals: Project, engine: FakeEngine) -> None:
    """Against the baseline, prompt by prompt; the message names the prompts."""
    run(evals, "--bench-save=main")
    assert "inconclusive" in run(evals, "--bench-compare=main").out, "forty prompts cannot exclude a loss"
    engine.say = unlearn(9)["say"]  # type: ignore[assignment]
    left = run(evals, "--bench-compare=main", code=1)
    told = "sums.right 100.0 % -> 77.5 % (9 lost, 0 gained of 40 prompts, p 0.002)"
    assert told in left.out
    assert "right: 9 lost: 0 1 2 3 4 5 6 7 8" in left.out
    verdict = left.result["verdict"]
    assert (verdict["verdict"], verdict["rule"]) == ("regressed", "paired")
    assert verdict["paired"][0]["lost"] == [str(place) for place in range(9)]


def test_an_eval_that_the_baseline_has_may_not_be_missing(evals: Project) -> None:
    """Like a benchmark."""
    run(evals, "--bench-save=main")
    called = "evaluate(Sums(), concurrency=concurrency)"
    evals.suite((SUITE % 40).replace(called, "pytest.skip('not today')"))
    left = run(evals, "--bench-compare=main", code=1)
    assert "missing: baseline 'main' has fake.openai.tp01.gpux00/sums/c004" in left.out


def test_a_broken_floor_fails(evals: Project, engine: FakeEngine) -> None:
    """Without a baseline; a floor for another eval is none of this one's."""
    file = evals.root / "evals.yaml"
    config = (f"--bench-config={file}", f"--bench-url=fake={engine.url}")
    file.write_text("eval: {floor: {sums.right: 0.9, other.right: 1}}\n", encoding="utf-8")
    run(evals, *config)
    engine.say = unlearn(5)["say"]  # type: ignore[assignment]
    left = run(evals, *config, code=1)
    assert "sums.right 87.5 % is below its floor 90 %" in left.out
    file.write_text("eval: {floor: {sums.rigth: 0.9}}\n", encoding="utf-8")
    left = run(evals, *config, code=1)
    assert "eval.floor: sums has no score 'rigth': did you mean 'right'?" in left.out


def test_prompts_without_a_reply_make_an_eval_invalid(evals: Project, engine: FakeEngine) -> None:
    """A refused prompt is neither right nor wrong."""
    engine.behaviour = "every other fails"
    left = run(evals, code=1)
    assert "prompts have no reply: HTTP 503: out of memory" in left.out
    assert left.result["verdict"]["verdict"] == "invalid"


def test_the_configuration_says_how(evals: Project, engine: FakeEngine) -> None:
    """Sampling, length and streams; by policy the median and the highest of these."""
    file = evals.root / "evals.yaml"
    config = (f"--bench-config={file}", f"--bench-url=fake={engine.url}")
    file.write_text(
        "eval: {concurrency: [1, 2, 4], max-tokens: 7, sampling: {temperature: 0.5, seed: 3, top_k: 4}}\n",
        encoding="utf-8",
    )
    left = evals("-m", "eval", *config, "--bench-eval-limit=3")
    assert [result["load"]["id"] for result in left.results] == ["c002", "c004"]
    body = engine.requests[-1]
    assert [body[name] for name in ("max_tokens", "temperature", "seed", "top_k")] == [7, 0.5, 3, 4]
    assert "ignore_eos" not in body
    sampling = left.results[0]["evaluation"]["sampling"]
    assert sampling == {"temperature": 0.5, "seed": 3, "top_k": 4}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("eval: {policy: some}", "eval.policy"),
        ("eval: {polcy: all}", "did you mean 'policy'"),
        ("eval: {floor: {strict: 0.5}}", "'strict' names no score: write EVAL.SCORE"),
        ("eval: {floor: {gsm8k.strict: 90}}", "a floor is a share from 0 to 1, not 90"),
        ("eval: {concurrency: [0]}", "eval.concurrency"),
    ],
)
def test_a_wrong_configuration_is_told_first(
    evals: Project, engine: FakeEngine, text: str, told: str
) -> None:
    """With file and line."""
    file = evals.root / "evals.yaml"
    config = (f"--bench-config={file}", f"--bench-url=fake={engine.url}")
    file.write_text(f"{text}\n", encoding="utf-8")
    evals("-m", "eval", *config).usage_error("evals.yaml:1", told)


def test_an_eval_by_name(evals: Project, engine: FakeEngine) -> None:
    """A wrong name says which there are."""
    evals.suite("import pytest\n\n@pytest.mark.eval\ndef test_it(evaluate):\n    evaluate('ifevil')\n")
    left = run(evals, code=1)
    assert "unknown eval 'ifevil': did you mean 'ifeval'?" in left.out
    assert engine.requests == []
