"""Any task of lm-eval, asked of a running server, as a test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pytest_llmbench.errors import UsageError
from pytest_llmbench.evals.needs import needed

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.runtimes.server import Server

__all__ = ["lm_eval_task"]

_KEY = "OPENAI_API_KEY"


def lm_eval_task(
    server: Server,
    task: str,
    *,
    limit: int | None = None,
    concurrency: int = 8,
    num_fewshot: int | None = None,
    max_tokens: int | None = None,
    include_path: Path | None = None,
) -> dict[str, float]:
    """Run a task of lm-eval that generates text; return its scores, `exact_match,strict-match` to a share.

    lm-eval asks, with its own client, prompts and scoring; nothing is timed, and nothing enters a baseline.
    Prompts go through the server's chat template. `include_path` is a folder with tasks of your own.

    Raises:
        Unavailable: the `lm-eval` extra is not installed.
        UsageError: lm-eval has no such task, or it does not generate.
    """
    harness = needed("lm_eval", extra="lm-eval")
    tasks = needed("lm_eval.tasks", extra="lm-eval")
    manager = tasks.TaskManager(include_path=str(include_path) if include_path else None)
    if task not in manager.all_tasks:
        message = f"lm-eval has no task {task!r}; lm-eval ls tasks lists those there are"
        raise UsageError(message)
    before = os.environ.get(_KEY)
    # It reads the key from there, and wants one even where the server does not.
    os.environ[_KEY] = server.api_key or "none"
    try:
        found: dict[str, Any] = harness.simple_evaluate(
            model="local-chat-completions",
            model_args={
                "model": server.served_model,
                "base_url": f"{server.base_url}/v1/chat/completions",
                "num_concurrent": concurrency,
                "tokenized_requests": False,
                "tokenizer_backend": "none",
                "max_retries": 1,
            },
            tasks=[task],
            num_fewshot=num_fewshot,
            limit=limit,
            gen_kwargs={"max_gen_toks": max_tokens} if max_tokens else None,
            apply_chat_template=True,
            fewshot_as_multiturn=False,
            task_manager=manager,
            bootstrap_iters=0,
        )
    finally:
        if before is None:
            del os.environ[_KEY]
        else:
            os.environ[_KEY] = before
    scores: dict[str, Any] = found["results"][task]
    return {name: float(value) for name, value in scores.items() if _is_score(name, value)}


def _is_score(name: str, value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and "stderr" not in name and "," in name
