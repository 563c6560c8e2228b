"""Write arrays as a safetensors file.

The format is that of the library `safetensors`: the length of a header as uint64, the header, and
the arrays one after the other, row by row, all little-endian. The header is JSON: by name, the
`dtype`, the `shape` and the `data_offsets` of an array, which are the number of its first byte
after the header and of the byte after its last. Spaces fill the header up to a multiple of 8.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

_DTYPES = {"float16": "F16", "float32": "F32"}


def write_safetensors(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write float16 and float32 `arrays` by name."""
    entries, start = {}, 0
    for name, array in arrays.items():
        end = start + array.nbytes
        entries[name] = {
            "dtype": _DTYPES[array.dtype.name],
            "shape": array.shape,
            "data_offsets": [start, end],
        }
        start = end
    header = json.dumps(entries, separators=(",", ":")).encode("ascii")
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for array in arrays.values():
            file.write(array.astype(array.dtype.newbyteorder("<")).tobytes())
