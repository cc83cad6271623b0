"""Prints the folder of this Python's torch where it has libtorch's headers and libraries (pip's and conda's do,
Debian's keeps them in the system's folders); prints nothing else. torch itself is not imported: that takes seconds."""

import importlib.util
import os

spec = importlib.util.find_spec("torch")
for folder in (spec.submodule_search_locations or []) if spec else []:
    if all(os.path.exists(os.path.join(folder, part)) for part in ("include/ATen/ATen.h", "lib/libtorch_cpu.so")):
        print(folder)
        break
