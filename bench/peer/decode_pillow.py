#!/usr/bin/env python3
"""JPEGs to a net's input with Pillow, on one thread: decode, halve by averages while twice too large, bicubic to the
smaller side, the middle. That is how the published diffusion models' pictures are prepared. Needs Pillow and numpy.

  decode_pillow.py FOLDER SIDE
      median seconds a picture over three rounds, after one to warm up, as a JSON line.
"""
import json
import pathlib
import statistics
import sys
import time

import numpy as np
import PIL
from PIL import Image


def load(path, side):
    with Image.open(path) as file:
        picture = file.convert("RGB")
    while min(picture.size) >= 2 * side:
        picture = picture.resize((picture.width // 2, picture.height // 2), Image.BOX)
    scale = side / min(picture.size)
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.BICUBIC)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return np.asarray(picture)[top:top + side, left:left + side]


files, side = sorted(pathlib.Path(sys.argv[1]).glob("*.jpg")), int(sys.argv[2])
rounds = []
for _ in range(4):
    start = time.perf_counter()
    for path in files:
        load(path, side)
    rounds.append((time.perf_counter() - start) / len(files))
print(json.dumps({"median": statistics.median(rounds[1:]), "threads": 1, "engine": f"Pillow {PIL.__version__}"}))
