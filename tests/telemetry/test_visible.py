"""Outer variables are limits."""

from __future__ import annotations

import pytest

from pytest_llmbench.telemetry.gpu import GpuInfo
from pytest_llmbench.telemetry.visible import chosen, visibility, visible

NVIDIA = tuple(GpuInfo(index, "H100", f"GPU-{index}abc", 1) for index in range(4))
AMD = tuple(GpuInfo(index, "MI300X", f"uuid-{index}", 1, "amd") for index in range(4))


@pytest.mark.parametrize(
    ("environ", "indices"),
    [
        ({}, [0, 1, 2, 3]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, [1]),
        ({"CUDA_VISIBLE_DEVICES": "2, 0"}, [2, 0]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_VISIBLE_DEVICES": "GPU-2"}, [2]),
        ({"CUDA_VISIBLE_DEVICES": "0,-1,2"}, [0]),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, [0, 1, 2, 3]),
        ({"NVIDIA_VISIBLE_DEVICES": "void"}, []),
        ({"NVIDIA_VISIBLE_DEVICES": "2,3"}, [2, 3]),
        ({"NVIDIA_VISIBLE_DEVICES": "GPU-3abc"}, [3]),
        # A container that sees what was given to it, under numbers of its own.
        ({"NVIDIA_VISIBLE_DEVICES": "4,5,6,7"}, [0, 1, 2, 3]),
        ({"NVIDIA_VISIBLE_DEVICES": "1,2,3", "CUDA_VISIBLE_DEVICES": "3"}, [3]),
        ({"ROCR_VISIBLE_DEVICES": "1"}, [0, 1, 2, 3]),
    ],
)
def test_nvidia(environ: dict[str, str], indices: list[int]) -> None:
    """By index or the beginning of a UUID, up to the first that is neither, as the driver reads it."""
    assert [gpu.index for gpu in visible(NVIDIA, environ)] == indices


@pytest.mark.parametrize(
    ("environ", "indices"),
    [
        ({"ROCR_VISIBLE_DEVICES": "1,3"}, [1, 3]),
        ({"HIP_VISIBLE_DEVICES": "2"}, [2]),
        ({"ROCR_VISIBLE_DEVICES": "1,3", "HIP_VISIBLE_DEVICES": "1"}, [3]),
        ({"CUDA_VISIBLE_DEVICES": "1", "NVIDIA_VISIBLE_DEVICES": "void"}, [0, 1, 2, 3]),
    ],
)
def test_amd(environ: dict[str, str], indices: list[int]) -> None:
    """HIP counts among those that ROCr leaves."""
    assert [gpu.index for gpu in visible(AMD, environ)] == indices


def test_what_a_server_is_told() -> None:
    """By UUID where indices depend on who counts."""
    assert visibility(()) == {}
    assert visibility(NVIDIA[1:3]) == {"CUDA_VISIBLE_DEVICES": "GPU-1abc,GPU-2abc"}
    assert visibility(AMD[1:3]) == {"ROCR_VISIBLE_DEVICES": "1,2"}
    assert [gpu.index for gpu in chosen(NVIDIA, ("3", "GPU-0", "9"))] == [3, 0]
