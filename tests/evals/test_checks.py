from __future__ import annotations

import socket

from pytest_llmbench.evals.checks import check_template
from pytest_llmbench.evals.replies import Reply
from pytest_llmbench.runtimes.server import Server
from pytest_llmbench.spec.deployment import Deployment


def _reply(tokens: int | None, **changes: object) -> Reply:
    fields: dict[str, object] = {"key": "a", "prompt": "Hello there", "row": {}, "answer": "x"}
    fields["prompt_tokens"] = tokens
    return Reply.model_validate({**fields, **changes})


def test_the_engine_counts_what_it_renders(real_server: Server) -> None:
    """Replies whose prompts had other numbers of tokens do not agree; resumed ones are not looked at."""
    first = check_template(real_server, [_reply(5)], templated=True)
    assert first.tokens is not None
    plain = check_template(real_server, [_reply(5)], templated=False)
    assert (plain.checked, plain.tokens) == (1, None)
    right = next(
        count for count in range(1, 40) if check_template(real_server, [_reply(count)], templated=True).agreed
    )
    assert right > first.tokens > 0
    found = check_template(
        real_server, [_reply(right), _reply(right + 1), _reply(None), _reply(1, resumed=True)], templated=True
    )
    assert (found.checked, found.agreed) == (2, 1)


def test_an_engine_that_cannot_be_asked_is_not_checked(real_server: Server) -> None:
    """Or one that does not answer any more."""
    unknown = Deployment(model="m", source="", backend="openai", runtime="external", url="x")
    openai = Server(unknown, real_server.base_url, "m")
    assert check_template(openai, [_reply(5)], templated=True).checked == 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    gone = Server(real_server.deployment, f"http://127.0.0.1:{port}", "m")
    assert check_template(gone, [_reply(5)], templated=True).checked == 0
