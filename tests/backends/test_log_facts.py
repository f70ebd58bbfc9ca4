from __future__ import annotations

from pytest_llmbench.backends import BACKENDS

# Lines of real logs.
VLLM = """\
(APIServer pid=1) INFO 11-28 05:04:44 [model.py:733] Resolved architecture: LlamaForCausalLM
(APIServer pid=1) WARNING 11-28 05:04:44 [vllm.py:1703] Enforce eager set, disabling torch.compile
(EngineCore pid=2) INFO 11-28 05:04:55 [core.py:133] Initializing a V1 LLM engine (v0.32.0) with config: \
model='m', dtype=torch.bfloat16, quantization=None, kv_cache_dtype=auto
(Worker pid=3) INFO 11-28 05:05:03 [cpu_worker.py:260] Explicitly set (1.0/9.96) GiB for KV cache on node 0.
(EngineCore pid=2) INFO 11-28 05:05:04 [kv_cache_utils.py:2327] CPU KV cache size: 1,048,576 tokens, Maximum
(Worker pid=3) WARNING 11-28 05:05:05 [x.py:1] FlashInfer is not there. Falling back to the native sampler.
(Worker pid=4) WARNING 11-28 05:05:05 [x.py:1] FlashInfer is not there. Falling back to the native sampler.
"""
LLAMA = """\
0.00.017.124 I llama_context: flash_attn            = auto
0.00.041.855 I llama_kv_cache: size =   32.00 MiB ( 16384 cells,   4 layers,  4/1 seqs), K (f16):   16.00 MiB
"""


def test_vllm() -> None:
    """The log has what no page of the server tells; what several workers say is told once."""
    assert BACKENDS["vllm"].log_facts(VLLM.splitlines()) == {
        "architecture": "LlamaForCausalLM",
        "dtype": "bfloat16",
        "fallbacks": "FlashInfer is not there. Falling back to the native sampler.",
        "graph_mode": "eager",
        "kv_bytes": 1 << 30,
        "kv_capacity": 1048576,
    }


def test_llama() -> None:
    """The KV cache, where the log is verbose enough."""
    facts = BACKENDS["llama"].log_facts(LLAMA.splitlines())
    assert facts == {"flash_attention": "auto", "kv_bytes": 32 << 20, "kv_capacity": 16384}


def test_silent_log() -> None:
    """What a log does not tell is absent."""
    assert all(backend.log_facts([]) == {} for backend in BACKENDS.values())
