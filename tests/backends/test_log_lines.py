from __future__ import annotations

from pytest_llmbench.backends import BACKENDS


def test_llama_errors_lose_their_stamps_and_repetitions() -> None:
    """llama.cpp's error lines are told once, in order, without the time stamps."""
    log = [
        "0.00.002.255 I srv          init: loading model",
        "0.01.211.114 E gguf_init_from_file: no such file",
        "0.01.211.323 E llama_model_load: error loading model",
        "0.01.211.375 E gguf_init_from_file: no such file",
        "error: invalid argument: --bad",
    ]
    assert BACKENDS["llama"].telling_lines(log) == [
        "gguf_init_from_file: no such file",
        "llama_model_load: error loading model",
        "error: invalid argument: --bad",
    ]


def test_llama_without_errors_tells_the_end() -> None:
    """A log that reports no error is told by its last lines."""
    assert BACKENDS["llama"].telling_lines(["one", "", "two"]) == ["one", "two"]


def test_at_most_eight_lines() -> None:
    """However long a log is, a message stays readable."""
    assert len(BACKENDS["llama"].telling_lines([f"error: {number}" for number in range(99)])) == 8
    assert BACKENDS["vllm"].telling_lines([f"{number}" for number in range(99)])[-1] == "98"
    assert len(BACKENDS["vllm"].telling_lines([f"{number}" for number in range(99)])) == 8


def test_noise_at_the_end_is_skipped() -> None:
    """What Python engines print on their way out does not hide the cause."""
    log = [
        "RuntimeError: Engine core initialization failed.",
        "nanobind: leaked 3 instances!",
        ' - leaked instance 0x7f of type "xgrammar.CompiledGrammar"',
        " - ... skipped remainder",
        "nanobind: this is likely caused by a reference counting issue.",
        "See https://nanobind.readthedocs.io/en/latest/refleaks.html",
        "",
    ]
    assert BACKENDS["vllm"].telling_lines(log) == ["RuntimeError: Engine core initialization failed."]
