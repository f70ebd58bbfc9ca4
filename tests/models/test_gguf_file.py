from __future__ import annotations

from typing import TYPE_CHECKING

import gguf
import numpy as np

from pytest_llmbench.models.gguf_file import Tensor, TensorType, gguf_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmbench.models.gguf_file import MetadataValue


def test_round_trip(tmp_path: Path) -> None:
    """The reference reader gets back every kind of value and both kinds of tensor."""
    metadata: dict[str, MetadataValue] = {
        "general.architecture": "llama",
        "a.bool": True,
        "an.int": 7,
        "a.float": 0.5,
        "some.strings": ("x", "\u0120the"),
        "some.ints": (1, 3, -1),
    }
    tensors = [
        Tensor("odd", (3,), TensorType.F32, np.arange(3, dtype="<f4").tobytes()),
        Tensor("matrix", (2, 5), TensorType.F16, np.arange(10, dtype="<f2").tobytes()),
    ]
    path = tmp_path / "x.gguf"
    path.write_bytes(gguf_bytes(metadata, tensors))
    reader = gguf.GGUFReader(path)
    read = {key: reader.fields[key].contents() for key in metadata}
    assert read == {
        key: list(value) if isinstance(value, tuple) else value for key, value in metadata.items()
    }
    odd, matrix = reader.tensors
    assert odd.data.tolist() == [0, 1, 2]
    assert matrix.data.shape == (5, 2)
    assert matrix.data.tolist()[4] == [8, 9]
    assert matrix.data_offset % 32 == 0
