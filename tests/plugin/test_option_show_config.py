from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project
    from tests.plugin.fake_engine import FakeEngine


def test_prints_values_and_origins_and_runs_nothing(project: Project, engine: FakeEngine) -> None:
    """Each value with the place it came from; no server is asked, no file written."""
    left = project("--bench-show-config", "--bench-requests=9")
    assert left.code == 0
    assert "fake.openai.tp01.gpux00" in left.out
    assert engine.url in left.out
    assert "--bench-url" in left.out
    assert "passed" not in left.out
    assert not engine.requests
    assert not (project.root / "results").exists()


def test_shows_the_shipped_configuration(project: Project) -> None:
    """Without any of one's own: the deployments of the shipped models, whatever this machine has."""
    left = project("--no-url", "--bench-show-config")
    assert "tiny-glm.llama.tp01.gpux00" in left.out
    assert "built in" in left.out


def test_hides_values_of_the_environment(project: Project) -> None:
    """A secret that is given to an engine is named, never shown."""
    left = project(
        "--no-url", "--bench-show-config", "--bench-model=tiny-glm", "--bench-env=HF_TOKEN=hunter2secret"
    )
    assert "HF_TOKEN" in left.out
    assert "hunter2secret" not in left.out


@pytest.mark.parametrize("word", ["maybe", "tru"])
def test_a_wrong_word_in_the_environment_is_a_usage_error(
    project: Project, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """Flags are yes or no."""
    monkeypatch.setenv("LLMBENCH_SHOW_CONFIG", word)
    project().usage_error(f"LLMBENCH_SHOW_CONFIG: expected yes or no, not '{word}'")


def test_tells_what_is_wrong(project: Project) -> None:
    """A mistake is a usage error here, too."""
    project("--no-url", "--bench-show-config", "--bench-model=tiny-glmm").usage_error(
        "did you mean 'tiny-glm'"
    )


def test_a_misspelt_option_is_told_with_the_nearest(project: Project) -> None:
    """Pytest would only say that it does not know it."""
    project("--bench-show-confg").usage_error(
        "there is no option --bench-show-confg: did you mean '--bench-show-config'?"
    )
