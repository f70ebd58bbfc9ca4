"""deepeval on a running server: its metrics and benchmarks in a test, asked of the deployment.

deepeval is imported when the first of these functions is called, with its telemetry off and no `.env` file
read. Its benchmark classes are driven with our data and our scoring; `docs/evals.md` says why.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pytest_llmbench.backends.wire import post_json
from pytest_llmbench.errors import ServerError
from pytest_llmbench.evals.gsm8k.task import GSM8K
from pytest_llmbench.evals.ifeval.task import IFEval
from pytest_llmbench.evals.needs import needed
from pytest_llmbench.evals.thinking import split_thinking
from pytest_llmbench.runtimes.connect import server_http

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from pytest_llmbench.evals.data import EvalData
    from pytest_llmbench.runtimes.server import Server

__all__ = ["deepeval_gsm8k", "deepeval_ifeval", "deepeval_model"]

_QUIET = {"DEEPEVAL_TELEMETRY_OPT_OUT": "1", "DEEPEVAL_DISABLE_DOTENV": "1"}
_TIMEOUT = 3600.0


def _deepeval(module: str) -> ModuleType:
    """Import a module of deepeval, quietly.

    Raises:
        Unavailable: the `deepeval` extra is not installed.
    """
    os.environ.update(_QUIET)
    return needed(f"deepeval.{module}", extra="deepeval")


def deepeval_model(server: Server, *, max_tokens: int = 2048, temperature: float = 0.0) -> Any:  # noqa: ANN401
    """Return a `DeepEvalBaseLLM` that asks a running server; give it to a metric as `model`.

    Thinking is taken out of replies. Metrics that want JSON get it as far as the model writes it: no schema
    is enforced. Requests go through an ordinary HTTP client: they judge answers and time nothing.

    Raises:
        Unavailable: the `deepeval` extra is not installed.
    """
    base = _deepeval("models").DeepEvalBaseLLM

    class ServerModel(base):  # type: ignore[misc, valid-type] # it has no type information here
        """The server of a deployment."""

        def load_model(self, *_: object, **__: object) -> str:
            """Return the name to ask for: the model is loaded already."""
            return server.served_model

        def generate(self, prompt: str) -> str:
            """Ask."""
            return _answer(server, prompt, max_tokens, temperature)

        async def a_generate(self, prompt: str) -> str:
            """Ask; one at a time, as deepeval waits for each."""
            return self.generate(prompt)

        def get_model_name(self, *_: object, **__: object) -> str:
            """Name the deployment."""
            return server.deployment.id

    return ServerModel(server.deployment.id)


def _answer(server: Server, prompt: str, max_tokens: int, temperature: float) -> str:
    body = {
        "model": server.served_model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": max_tokens,
        "temperature": temperature,
    }
    with server_http(server, timeout=_TIMEOUT) as http:
        choices = post_json(http, "/v1/chat/completions", body).get("choices")
    if not choices:
        message = f"{server.base_url} gave no answer to a prompt of {len(prompt)} characters"
        raise ServerError(message)
    return split_thinking(str(choices[0]["message"].get("content") or ""))[1]


def deepeval_ifeval(data: EvalData, *, n_problems: int | None = None) -> Any:  # noqa: ANN401
    """Return deepeval's `IFEval`, with our data and every instruction scored as the paper does.

    `benchmark.evaluate(model=deepeval_model(server))`, then `benchmark.overall_score`: prompts whose
    instructions were all strictly followed.

    Raises:
        Unavailable: a package or the data is missing.
    """
    golden, base = _deepeval("dataset").Golden, _deepeval("benchmarks").IFEval
    eval_ = IFEval()
    rows = eval_.rows(data)

    class OurIFEval(base):  # type: ignore[misc, valid-type]
        """Their class, our data and scoring."""

        def load_benchmark_dataset(self) -> list[Any]:
            """Make their items of our rows."""
            return [golden(input=row["prompt"], additional_metadata={"row": row}) for row in rows]

        def predict(self, model: Any, item: Any) -> tuple[str, bool, dict[str, bool]]:  # noqa: ANN401
            """Ask, and score strictly."""
            row, reply = item.additional_metadata["row"], model.generate(item.input)
            found = eval_.score(row, reply)
            parts = found["strict_instructions"]
            told = parts if isinstance(parts, list) else []
            single = dict(zip(row["instruction_id_list"], map(bool, told), strict=True))
            return reply, bool(found["strict"]), single

    return OurIFEval(n_problems=n_problems)


def deepeval_gsm8k(
    data: EvalData, *, n_problems: int = 1319, n_shots: int = 5, score: str = "flexible"
) -> Any:  # noqa: ANN401
    """Return deepeval's `GSM8K`, with worked examples, and answers found where they are.

    `score` is `strict`, `flexible` or `numeric`; the rest as `deepeval_ifeval`.

    Raises:
        Unavailable: a package or the data is missing.
    """
    golden, base = _deepeval("dataset").Golden, _deepeval("benchmarks").GSM8K
    eval_ = GSM8K(shots=n_shots)
    rows = eval_.rows(data)
    extract: Callable[[Any, str], bool] = lambda row, reply: bool(eval_.score(row, reply)[score])  # noqa: E731

    class OurGSM8K(base):  # type: ignore[misc, valid-type]
        """Their class, our data and scoring."""

        def load_benchmark_dataset(self) -> list[Any]:
            """Make their items of our rows."""
            return [
                golden(
                    input=eval_.prompt(row),
                    expected_output=row["answer"].rpartition("#### ")[2],
                    additional_metadata={"row": row},
                )
                for row in rows
            ]

        def predict(self, model: Any, item: Any) -> dict[str, Any]:  # noqa: ANN401
            """Ask, and look for the answer."""
            reply = model.generate(item.input).partition(eval_.stop[0])[0]
            right = extract(item.additional_metadata["row"], reply)
            return {"prediction": reply, "score": int(right)}

    return OurGSM8K(n_shots=n_shots, n_problems=n_problems)
