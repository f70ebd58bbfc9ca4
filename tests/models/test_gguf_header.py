from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import gguf
import pytest

from pytest_llmbench.errors import StorageError
from pytest_llmbench.models.gguf_header import read_gguf_header

if TYPE_CHECKING:
    from pathlib import Path


def test_every_kind_of_value(tmp_path: Path) -> None:
    """What the reference writer writes is read: every number, texts, arrays; long ones are counted."""
    path = tmp_path / "x.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    for bits in (8, 16, 32, 64):
        getattr(writer, f"add_uint{bits}")(f"u{bits}", 2**bits - 1)
        getattr(writer, f"add_int{bits}")(f"i{bits}", -(2 ** (bits - 1)))
    writer.add_float32("f32", 0.5)
    writer.add_float64("f64", 0.1)
    writer.add_bool("yes", True)  # noqa: FBT003 - theirs
    writer.add_string("text", "Grüße")
    writer.add_array("heads", [8, 0, 16])
    writer.add_array("long", list(range(5000)))
    writer.add_array("tokens", ["a", "bc", "ü"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    header = read_gguf_header(path)
    for bits in (8, 16, 32, 64):
        assert header[f"u{bits}"] == 2**bits - 1
        assert header[f"i{bits}"] == -(2 ** (bits - 1))
    assert (header["f32"], header["f64"], header["yes"], header["text"]) == (0.5, 0.1, True, "Grüße")
    assert header["heads"] == (8, 0, 16)
    assert (header["long#"], header["tokens#"]) == (5000, 3)
    assert header["general.architecture"] == "llama"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it ends within its metadata"),
        (b"PK\x03\x04" + bytes(60), "it does not begin with GGUF"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "its version is 1, not 2 or 3"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2), "it ends within its metadata"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 40), "a text of 1099511627776 bytes"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<I", 99), "type 99 is unknown"),
    ],
)
def test_what_is_no_gguf_file(tmp_path: Path, data: bytes, reason: str) -> None:
    """A file that is something else, or cut off, is named with what is wrong."""
    path = tmp_path / "x.gguf"
    path.write_bytes(data)
    with pytest.raises(StorageError, match=rf"x\.gguf: is no GGUF file: {reason}"):
        read_gguf_header(path)


def test_file_that_is_not_there(tmp_path: Path) -> None:
    """The system's reason is passed on."""
    with pytest.raises(StorageError, match="cannot be read: No such file"):
        read_gguf_header(tmp_path / "gone.gguf")
