"""Instructions on what a reply looks like: lists, titles, sections, JSON, placeholders, a postscript."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from pytest_llmbench.evals.ifeval.reading import Check, Reading

__all__ = ["LAYOUT"]

_STAR_BULLET = re.compile(r"^\s*\*[^*].*$", re.MULTILINE)
_DASH_BULLET = re.compile(r"^\s*-.*$", re.MULTILINE)
_SINGLE = re.compile(r"\*([^\n*]*)\*")
_DOUBLE = re.compile(r"\*\*([^\n*]*)\*\*")
_TITLE = re.compile(r"<<[^\n]+>>")
_PLACEHOLDER = re.compile(r"\[.*?\]")
_FENCES = ("```json", "```Json", "```JSON", "```")
_POSTSCRIPTS = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


def number_bullet_lists(reply: Reading, wanted: Mapping[str, Any]) -> bool:
    """Exactly so many lines that begin with `*` or `-`."""
    found = len(_STAR_BULLET.findall(reply.text)) + len(_DASH_BULLET.findall(reply.text))
    return found == int(wanted["num_bullets"])


def number_highlighted_sections(reply: Reading, wanted: Mapping[str, Any]) -> bool:
    """At least so many highlights within a line.

    What stands between double asterisks counts as such, and once more where it lies between single ones.
    """
    found = [*_SINGLE.findall(reply.text), *_DOUBLE.findall(reply.text)]
    return sum(bool(text.strip()) for text in found) >= int(wanted["num_highlights"])


def title(reply: Reading, _wanted: Mapping[str, Any]) -> bool:
    """Something stands in double angular brackets, on one line."""
    return any(found.lstrip("<").rstrip(">").strip() for found in _TITLE.findall(reply.text))


def multiple_sections(reply: Reading, wanted: Mapping[str, Any]) -> bool:
    """At least so many section marks: the word that was asked for, and a number."""
    marks = re.findall(wanted["section_spliter"].strip() + r"\s?\d+", reply.text)
    return len(marks) >= int(wanted["num_sections"])


def json_format(reply: Reading, _wanted: Mapping[str, Any]) -> bool:
    """All of it is JSON, perhaps in a fenced block."""
    text = reply.stripped
    for fence in _FENCES:
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def constrained_response(reply: Reading, _wanted: Mapping[str, Any]) -> bool:
    """It holds one of the three answers that the prompts offer."""
    return any(answer in reply.text for answer in _ANSWERS)


def number_placeholders(reply: Reading, wanted: Mapping[str, Any]) -> bool:
    """At least so many square brackets, each within a line."""
    return len(_PLACEHOLDER.findall(reply.text)) >= int(wanted["num_placeholders"])


def postscript(reply: Reading, wanted: Mapping[str, Any]) -> bool:
    """The mark of a postscript stands somewhere, in whatever case."""
    mark = wanted["postscript_marker"].strip()
    return re.search(_POSTSCRIPTS.get(mark, mark.lower()), reply.text.lower()) is not None


LAYOUT: dict[str, Check] = {
    "detectable_format:number_bullet_lists": number_bullet_lists,
    "detectable_format:number_highlighted_sections": number_highlighted_sections,
    "detectable_format:title": title,
    "detectable_format:multiple_sections": multiple_sections,
    "detectable_format:json_format": json_format,
    "detectable_format:constrained_response": constrained_response,
    "detectable_content:number_placeholders": number_placeholders,
    "detectable_content:postscript": postscript,
}
