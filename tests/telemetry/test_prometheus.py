from __future__ import annotations

import math

import httpx

from pytest_llmbench.backends import BACKENDS
from pytest_llmbench.metrics.histogram import Histogram
from pytest_llmbench.telemetry.prometheus import Difference, difference, parse_page, scrape

# As vLLM 0.32 writes it; two engines of a data-parallel server.
BEFORE = """\
# HELP vllm:time_to_first_token_seconds Histogram of time to first token in seconds.
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="m"} 0.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.01",model_name="m"} 1.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="m"} 1.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="m"} 1.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="m"} 0.004
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 100.0
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 0.0
vllm:spec_decode_num_drafts_total{engine="0",model_name="m"} 10.0
vllm:spec_decode_num_accepted_tokens_total{engine="0",model_name="m"} 5.0
"""
AFTER = """\
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="m"} 0.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.01",model_name="m"} 3.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="m"} 4.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="m"} 0.054
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 200.0
vllm:prefix_cache_queries_total{engine="1",model_name="m"} 100.0
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 20.0
vllm:prefix_cache_hits_total{engine="1",model_name="m"} 30.0
vllm:spec_decode_num_drafts_total{engine="0",model_name="m"} 30.0
vllm:spec_decode_num_accepted_tokens_total{engine="0",model_name="m"} 35.0
no metric at all
x NaN
"""
NAMES = BACKENDS["vllm"].metric_names


def test_page() -> None:
    """Labels are added up, cumulative buckets become counts, and the rest is passed over."""
    page = parse_page(AFTER)
    assert page.values["vllm:prefix_cache_hits_total"] == 50
    assert math.isnan(page.values["x"])
    assert page.histograms == {
        "vllm:time_to_first_token_seconds": Histogram((0.001, 0.01, math.inf), (0, 3, 1), 0.054)
    }


def test_difference_is_what_happened_meanwhile() -> None:
    """Histograms, the cache's hit rate and the acceptance length are of the window alone."""
    found = difference(parse_page(BEFORE), parse_page(AFTER), NAMES)
    histogram = found.histograms["server_ttft"]
    assert (histogram.counts, round(histogram.total, 6)) == ((0, 2, 1), 0.05)
    assert found.scalars == {"cache_hit_rate": 0.25, "acceptance_length": 2.5}


def test_nothing_happened() -> None:
    """A server that was not asked, began anew, or has no page tells nothing."""
    page = parse_page(BEFORE)
    assert difference(page, page, NAMES) == Difference()
    assert difference(parse_page(AFTER), page, NAMES) == Difference()
    assert difference(None, page, NAMES) == Difference()
    assert difference(page, page, BACKENDS["openai"].metric_names) == Difference()


def test_scrape() -> None:
    """A page that is not there, or a server that does not answer, is None."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/gone":
            message = "gone"
            raise httpx.ConnectError(message)
        return httpx.Response(200 if request.url.path == "/metrics" else 404, text=BEFORE)

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://server") as http:
        assert scrape(http, "/metrics") == parse_page(BEFORE)
        assert scrape(http, "/other") is None
        assert scrape(http, "/gone") is None
