# Small pictures of every kind, written and read by Pillow 9.4.0 (libjpeg-turbo 6.2 interface, libwebp 1.2.4): python3 make.py, beside this file.
# pictures.safetensors holds what convert("RGB") gives for each, (H, W, 3) uint8; for 16-bit files the high bytes (Pillow clips 16-bit grey).
import json, struct, zlib
import numpy as np
import PIL
from PIL import Image

assert PIL.__version__ == "9.4.0"
y, x = np.mgrid[0:20, 0:27]
base = Image.fromarray(np.stack([9 * x + y, 255 - 8 * y - x, (x * y) % 256], -1).astype(np.uint8))
alpha = Image.fromarray(((x * 11 + y * 5) % 256).astype(np.uint8))
rgba = base.copy()
rgba.putalpha(alpha)
cmyk = Image.merge("CMYK", [*base.split(), alpha.point(lambda v: v // 2)])
palette = base.quantize(13)

files = {
    "rgb.jpg": lambda f: base.save(f, quality=90),
    "rgb-444.jpg": lambda f: base.save(f, quality=90, subsampling=0),
    "progressive.jpg": lambda f: base.save(f, quality=90, progressive=True),
    "grey.jpg": lambda f: base.convert("L").save(f, quality=90),
    "cmyk.jpg": lambda f: cmyk.save(f, quality=90),
    "rgb.png": lambda f: base.save(f),
    "rgba.png": lambda f: rgba.save(f),
    "grey.png": lambda f: base.convert("L").save(f),
    "grey-alpha.png": lambda f: rgba.convert("LA").save(f),
    "bit.png": lambda f: base.convert("1").save(f),
    "palette.png": lambda f: palette.save(f),
    "palette-transparent.png": lambda f: palette.save(f, transparency=3),
    "palette-4bit.png": lambda f: palette.save(f, bits=4),
    "lossy.webp": lambda f: base.save(f, quality=80),
    "lossless.webp": lambda f: base.save(f, lossless=True),
    "alpha.webp": lambda f: rgba.save(f, lossless=True, exact=True),
}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png16(name, colour, samples):  # (H, W, C) uint16
    h, w, c = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    with open(name, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 16, colour, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def interlaced(name, im):  # Adam7, which Pillow reads but does not write
    a, rows = np.asarray(im), b""
    for x, y, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        rows += b"".join(b"\0" + row.tobytes() for row in a[y::dy, x::dx])
    with open(name, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", *im.size, 8, 2, 0, 0, 1)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


files["interlaced.png"] = lambda f: interlaced(f, base)

arrays = {}
for name, save in files.items():
    save(name)
    arrays[name] = np.asarray(Image.open(name).convert("RGB"))
wide = np.concatenate([np.asarray(base), np.asarray(alpha)[..., None]], -1).astype(np.uint16) * 256 + 200
for name, colour, samples in [("grey16.png", 0, wide[..., :1]), ("rgb16.png", 2, wide[..., :3]), ("rgba16.png", 6, wide), ("grey-alpha16.png", 4, wide[..., 2:])]:
    png16(name, colour, samples)
    arrays[name] = (np.repeat(samples[..., :1], 3, -1) if colour in (0, 4) else samples[..., :3]) >> 8
    if colour != 0:
        assert (np.asarray(Image.open(name).convert("RGB")) == arrays[name]).all(), name
Image.new("RGB", (8, 8)).save("refused.gif")
Image.new("RGB", (8, 8)).save("refused.bmp")
base.save("animated.webp", save_all=True, append_images=[base.transpose(0)])

header, data = {}, b""
for name, a in arrays.items():
    a = a.astype(np.uint8)
    header[name] = {"dtype": "U8", "shape": list(a.shape), "data_offsets": [len(data), len(data) + a.size]}
    data += a.tobytes()
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open("pictures.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data)
