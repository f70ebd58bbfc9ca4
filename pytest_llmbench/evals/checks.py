"""What is checked of a server beside its answers: does it repeat itself, and which template does it apply?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_llmbench.backends import backend_of
from pytest_llmbench.errors import ServerError
from pytest_llmbench.runtimes.connect import server_http

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmbench.evals.replies import Reply
    from pytest_llmbench.runtimes.server import Server

__all__ = ["TemplateCheck", "check_template"]

_SOME = 8
_HTTP_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class TemplateCheck:
    """How many prompts were looked at, how many have the tokens they should, what the template adds."""

    checked: int = 0
    agreed: int = 0
    tokens: int | None = None


def check_template(server: Server, replies: Iterable[Reply], *, templated: bool) -> TemplateCheck:
    """Compare the tokens a prompt had with what the engine counts when it renders the template itself.

    A difference means that requests are not what they seem: another template, a system prompt put in front,
    a prompt that was cut. Engines that cannot be asked are not checked.
    """
    told = [reply for reply in replies if reply.prompt_tokens is not None and not reply.resumed][:_SOME]
    backend = backend_of(server)
    try:
        with server_http(server, timeout=_HTTP_TIMEOUT) as http:
            counted = [(reply, backend.count_tokens(http, reply.prompt, chat=templated)) for reply in told]
            plain = backend.count_tokens(http, told[0].prompt, chat=False) if told else None
    except ServerError:
        return TemplateCheck()
    known: Sequence[tuple[Reply, int]] = [(reply, count) for reply, count in counted if count is not None]
    return TemplateCheck(
        len(known),
        sum(count == reply.prompt_tokens for reply, count in known),
        known[0][1] - plain if known and plain is not None and templated else None,
    )
