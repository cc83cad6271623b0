"""Prints the folder of this Python's torch where it has libtorch's headers and libraries, as pip's and conda's do; nothing
else. Debian's own only points at the system's. torch itself is not imported: that takes seconds."""

import importlib.util
import os

spec = importlib.util.find_spec("torch")
for folder in (spec.submodule_search_locations or []) if spec else []:
    parts = [os.path.join(folder, part) for part in ("include/ATen/ATen.h", "lib/libtorch_cpu.so")]
    if all(map(os.path.exists, parts)) and not folder.startswith("/usr/lib/python3/"):
        print(folder)
        break
