"""lm-eval, for real where it is installed: `pip install 'pytest-llmbench[lm-eval]'`."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from pytest_llmbench.errors import Unavailable, UsageError
from pytest_llmbench.evals.lm_eval import lm_eval_task

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.runtimes.server import Server

installed = find_spec("lm_eval") is not None
needs_lm_eval = pytest.mark.skipif(not installed, reason="needs lm-eval, which has a venv of its own")

TASK = """
task: letters
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: [], max_gen_toks: 8}}
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
metadata: {{version: 1.0}}
"""


@pytest.mark.skipif(installed, reason="lm-eval is installed here")
def test_says_how_to_install_it(real_server: Server) -> None:
    """A test that uses it is skipped with this."""
    with pytest.raises(Unavailable, match=r"needs the lm-eval extra .* pip install '.*\[lm-eval\]'"):
        lm_eval_task(real_server, "gsm8k")


@needs_lm_eval
def test_a_task_is_asked_of_the_server(
    real_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With lm-eval's own client and scoring; the environment is as it was."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    data = tmp_path / "letters.jsonl"
    rows = [{"question": f"Letter {n}?", "answer": "no word of this model"} for n in range(6)]
    data.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    (tmp_path / "letters.yaml").write_text(TASK.format(data=data), encoding="utf-8")
    scores = lm_eval_task(real_server, "letters", limit=4, include_path=tmp_path, max_tokens=8)
    assert scores == {"exact_match,none": 0.0}
    assert "OPENAI_API_KEY" not in os.environ


@needs_lm_eval
def test_an_unknown_task_is_told(real_server: Server) -> None:
    """Before anything is asked."""
    with pytest.raises(UsageError, match="lm-eval has no task 'gsm8q'"):
        lm_eval_task(real_server, "gsm8q")
