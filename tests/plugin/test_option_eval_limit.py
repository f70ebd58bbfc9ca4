from __future__ import annotations

from typing import TYPE_CHECKING

from tests.plugin.test_evals import SUITE, add

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


def test_asks_a_subset_that_is_marked_as_one(project: Project, engine: FakeEngine) -> None:
    """The same each time, so that it can be compared with itself and with the whole."""
    project.suite(SUITE % 30)
    engine.say = add
    limited = ("-m", "eval", "--bench-eval-limit=6")
    left = project(*limited)
    evaluation = left.result["evaluation"]
    assert (evaluation["asked"], evaluation["prompts"], evaluation["subset_seed"]) == (6, 30, 0)
    assert "note: a subset: 6 of 30 prompts, drawn with seed 0" in left.out
    assert project(*limited).result["evaluation"]["marks"].keys() == evaluation["marks"].keys()
    project("-m", "eval", "--bench-save=main")
    pair = project(*limited, "--bench-compare=main").result["verdict"]["paired"][0]
    assert pair["prompts"] == 6


def test_must_be_a_number(project: Project) -> None:
    """Of at least one."""
    project("-m", "eval", "--bench-eval-limit=0").usage_error(
        "--bench-eval-limit: expected a whole number of at least 1, not '0'"
    )
