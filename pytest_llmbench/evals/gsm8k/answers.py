"""Finding the answer in a reply, and comparing it with the true one."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

__all__ = ["SCORER", "extract_flexible", "extract_strict", "matches", "numerically_equal"]

SCORER = "llmbench-gsm8k 1"
"""Name and version of this scorer; raised when a reply would get another verdict."""

_STRICT = re.compile(r"#### (\-?[0-9\.\,]+)")
_STRICT_COT = re.compile(r"The answer is (\-?[0-9\.\,]+)")
_FLEXIBLE = re.compile(r"(-?[$0-9.,]{2,})|(-?[0-9]+)")
_BEFORE = re.compile(r".*#### ", re.DOTALL)
_SYMBOLS = str.maketrans("", "", ",$")


def extract_strict(reply: str, *, cot: bool = False) -> str | None:
    """Return the first number after `#### `, or, in the style of `cot`, after `The answer is `.

    None if there is none.
    """
    found = (_STRICT_COT if cot else _STRICT).search(reply)
    return found[1] if found else None


def extract_flexible(reply: str) -> str | None:
    """Return the last thing that looks like a number, None if nothing does.

    Two or more digits, dots, commas and dollar signs look like one, so `.,` does, too: that is what the
    published results were scored with. `numerically_equal` is the comparison that knows better.
    """
    found = [match[0] for match in _FLEXIBLE.finditer(reply)]
    return found[-1] if found else None


def matches(answer: str | None, gold: str) -> bool:
    """Whether an extracted answer is the true one, as text.

    Ignored are commas, dollar signs, everything up to `#### `, one dot at the end, and case. `gold` may be
    the whole solution that the data gives. No answer matches nothing.
    """
    return answer is not None and _bare(answer) == _bare(gold)


def numerically_equal(answer: str | None, gold: str) -> bool:
    """Whether an extracted answer and the true one are the same number.

    `18.00` is `18`, which `matches` denies. A number may carry commas, a dollar sign and dots at its end.
    """
    if answer is None:
        return False
    value, true = _number(answer), _number(gold)
    return value is not None and value == true


def _bare(text: str) -> str:
    return _BEFORE.sub("", text).translate(_SYMBOLS).strip().removesuffix(".").lower()


def _number(text: str) -> Decimal | None:
    try:
        value = Decimal(_BEFORE.sub("", text).translate(_SYMBOLS).strip().rstrip("."))
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
