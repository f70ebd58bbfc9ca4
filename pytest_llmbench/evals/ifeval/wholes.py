"""Instructions on the reply as a whole: language, case, commas, how it begins and ends, what it repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.evals.ifeval.reading import holds
from pytest_llmbench.evals.ifeval.sentences import possible_sentences, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from pytest_llmbench.evals.ifeval.reading import Check, Reading

__all__ = ["WHOLES"]

_DIVIDER = "******"
_RESPONSES = 2


def response_language(reply: Reading, wanted: Mapping[str, Any]) -> bool:
    """All of it is in one language; a text that tells nothing is in any."""
    return reply.language in {None, wanted["language"]}


def english_capital(reply: Reading, _wanted: Mapping[str, Any]) -> bool:
    """English without a small letter."""
    return reply.text.isupper() and reply.language in {None, "en"}


def english_lowercase(reply: Reading, _wanted: Mapping[str, Any]) -> bool:
    """English without a capital letter."""
    return reply.text.islower() and reply.language in {None, "en"}


def capital_word_frequency(reply: Reading, wanted: Mapping[str, Any]) -> bool | None:
    """So many words in capitals.

    Where a sentence ends matters to few words (`IT'S.` is one of them, or two), so Punkt is asked only if the
    bounds disagree: no sentence ends inside of the text, and one ends wherever it could.
    """
    relation, bound = wanted["capital_relation"], wanted["capital_frequency"]
    fewest = holds(_capitals([reply.text]), relation, bound)
    if fewest == holds(_capitals(possible_sentences(reply.text)), relation, bound):
        return fewest
    return None if reply.sentences is None else holds(_capitals(reply.sentences), relation, bound)


def _capitals(sentences: Iterable[str]) -> int:
    return sum(word.isupper() for sentence in sentences for word in words(sentence))


def no_comma(reply: Reading, _wanted: Mapping[str, Any]) -> bool:
    """No comma anywhere."""
    return "," not in reply.text


def quotation(reply: Reading, _wanted: Mapping[str, Any]) -> bool:
    """All of it stands in double quotation marks."""
    text = reply.stripped
    return len(text) > 1 and text[0] == text[-1] == '"'


def end_checker(reply: Reading, wanted: Mapping[str, Any]) -> bool:
    """It ends with a phrase, in whatever case; quotation marks around it all do not count."""
    return reply.stripped.strip('"').lower().endswith(wanted["end_phrase"].strip().lower())


def repeat_prompt(reply: Reading, wanted: Mapping[str, Any]) -> bool:
    """It begins with the request, in whatever case."""
    return reply.stripped.lower().startswith(wanted["prompt_to_repeat"].strip().lower())


def two_responses(reply: Reading, _wanted: Mapping[str, Any]) -> bool:
    """Two different texts with six asterisks between them; some more at the start or the end do no harm."""
    parts = [part.strip() for part in reply.text.split(_DIVIDER)]
    given = [part for part in parts if part]
    return all(parts[1:-1]) and len(given) == _RESPONSES and given[0] != given[1]


WHOLES: dict[str, Check] = {
    "language:response_language": response_language,
    "change_case:english_capital": english_capital,
    "change_case:english_lowercase": english_lowercase,
    "change_case:capital_word_frequency": capital_word_frequency,
    "punctuation:no_comma": no_comma,
    "startend:quotation": quotation,
    "startend:end_checker": end_checker,
    "combination:repeat_prompt": repeat_prompt,
    "combination:two_responses": two_responses,
}
