# Resizes and centre crops of odd sizes, made with Pillow 9.4.0: python3 make.py (beside this file). The pictures are noise from a linear
# congruential generator: state = seed; per byte: state = state * 1664525 + 1013904223 (mod 2^32), byte = state >> 24; seed = 1000 * width + height.
# Names: FILTER/WIDTHxHEIGHT/TOWIDTHxTOHEIGHT, center/WIDTHxHEIGHT/SIZE. Arrays are (H, W, 3), uint8.
import json, struct
import numpy as np
import PIL
from PIL import Image

assert PIL.__version__ == "9.4.0"


def noise(w, h):
    state, out = 1000 * w + h, bytearray()
    for _ in range(3 * w * h):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out.append(state >> 24)
    return Image.frombytes("RGB", (w, h), bytes(out))


def center(im, size):
    while min(im.size) >= 2 * size:
        im = im.resize((im.size[0] // 2, im.size[1] // 2), Image.BOX)
    s = size / min(im.size)
    im = im.resize((round(im.size[0] * s), round(im.size[1] * s)), Image.BICUBIC)
    x, y = (im.size[0] - size) // 2, (im.size[1] - size) // 2
    return im.crop((x, y, x + size, y + size))


arrays = {}
for w, h, tw, th in [(1, 1, 5, 3), (1, 40, 7, 11), (40, 1, 11, 7), (37, 23, 64, 48), (200, 3, 17, 3), (3, 200, 3, 17), (129, 65, 64, 32), (6, 6, 1, 1), (300, 2, 1, 9)]:
    arrays[f"bicubic/{w}x{h}/{tw}x{th}"] = noise(w, h).resize((tw, th), Image.BICUBIC)
for w, h, tw, th in [(129, 65, 64, 32), (7, 9, 3, 4), (2, 2, 1, 1), (64, 32, 32, 16), (5, 5, 8, 8), (101, 50, 10, 49)]:
    arrays[f"box/{w}x{h}/{tw}x{th}"] = noise(w, h).resize((tw, th), Image.BOX)
for w, h, size in [(1000, 9, 16), (9, 1000, 16), (1, 1, 8), (17, 16, 16), (16, 16, 16), (33, 32, 16), (131, 67, 16), (1, 300, 8), (2, 300, 1), (63, 64, 32)]:
    arrays[f"center/{w}x{h}/{size}"] = center(noise(w, h), size)

header, data = {}, b""
for name, im in arrays.items():
    a = np.asarray(im)
    header[name] = {"dtype": "U8", "shape": list(a.shape), "data_offsets": [len(data), len(data) + a.size]}
    data += a.tobytes()
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open("resample.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data)
