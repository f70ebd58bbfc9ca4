"""A pivot for programs and for pages."""

from __future__ import annotations

import json

from pytest_llmbench.baselines.judge import Rules
from pytest_llmbench.baselines.limits import parse_limits
from pytest_llmbench.baselines.pivot import pivot
from pytest_llmbench.files import json_text
from pytest_llmbench.reports.pivot_export import pivot_document, pivot_markdown
from tests.baselines.entries import baseline_of, entry, parts

FOUND = pivot(
    [
        baseline_of(
            [
                (parts(name, streams), {"s": entry(*({"ttft.p50": ttft * n} for n in (0.99, 1.0, 1.01)))})
                for name, streams, ttft in (
                    ("a|b", 1, 0.1),
                    ("a|b", 4, 0.4),
                    ("vllm", 1, 0.2),
                    ("vllm", 4, 0.2),
                    ("vllm", 8, 0.3),
                )
            ]
        )
    ],
    "backend",
    Rules(parse_limits("ttft.p50:3%,itl.p50:3%")),
)


def test_markdown_begins_with_the_answer() -> None:
    """Then a table a metric; no name can break it."""
    text = pivot_markdown(FOUND, ["ttft.p50", "itl.p50"])
    lines = text.splitlines()
    assert lines[0] == "## backend: a\\|b or vllm?"
    assert lines[2] == "- glm tp01.gpux01 short: ttft.p50: a\\|b up to 2.0 streams (2.0 to 2.0), vllm above"
    assert "### ttft.p50, ms (lower is better)" in lines
    row = next(line for line in lines if "c004" in line)
    assert row == "| glm tp01.gpux01 short c004 | a\\|b: 400 ms | vllm: 200 ms | 0.50 | 0.50 to 0.50 | vllm |"
    assert "itl" not in text
    assert lines[-1] == "- only vllm: short c008"


def test_a_document_has_every_cell_pair_and_crossing() -> None:
    """Strict JSON; a column that was not measured at a load is absent there."""
    document = json.loads(json_text(pivot_document(FOUND, ["ttft.p50"])))
    assert [(cell["load"], sorted(cell["values"])) for cell in document["cells"]] == [
        ("c001", ["a|b", "vllm"]),
        ("c004", ["a|b", "vllm"]),
        ("c008", ["vllm"]),
    ]
    assert [pair["comparisons"][0]["change"] > 0 for pair in document["pairs"]] == [True, False]
    (crossing,) = document["crossings"]
    assert (crossing["sure"], crossing["first"], crossing["below"], crossing["above"]) == (True, "a|b", 1, 4)
