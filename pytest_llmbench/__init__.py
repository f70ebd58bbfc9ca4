"""LLM-serving benchmarks as pytest test cases."""
