"""A corpus of picture files, whole and malformed, of every kind that is read; the same in every run.

Each file is made from a whole one of a known picture: cut off, with bits flipped, with numbers of its header replaced,
or with bytes put in or taken out. Bombs claim sizes, or unpack to sizes, within the limits and over them. `independent`
decodes what it can by FFmpeg, which shares no code with Pillow and its libraries, and JPEG by TensorFlow: two decoders
only agree on a damaged JPEG if they patch it up in the same way.
"""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from PIL import Image

HEIGHT, WIDTH = 20, 24
NUM_CUTS, NUM_FLIPS, NUM_LIES, NUM_SPLICES = 6, 8, 5, 3


@dataclass(frozen=True)
class Case:
    """One file."""

    kind: str
    """Of the whole file that it was: a key of `WHOLE`, or "bomb"."""
    harm: str
    """What was done to it; "" for nothing."""
    content: bytes


def picture(mode: str) -> Image.Image:
    """A picture with edges and gradients, of which no row or column is like another."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    values = np.stack([x * 10, y * 12, (x * y) % 256, 255 * ((x // 4 + y // 4) % 2)], -1).astype(np.uint8)
    if mode == "1":
        return Image.fromarray((x // 3 + y // 5) % 2 == 0)
    if mode == "L":
        return Image.fromarray(values[..., 2])
    if mode == "I;16":
        return Image.fromarray((x * 2000 + y * 700).astype(np.uint16))
    if mode == "F":
        return Image.fromarray(((x + y) / 50).astype(np.float32))
    image = Image.fromarray(values[..., : 4 if mode == "RGBA" else 3])
    return image.quantize(64) if mode == "P" else image.convert(mode)


def _saved(mode: str, kind: str, **options: Any) -> Callable[[], bytes]:
    def make() -> bytes:
        buffer = io.BytesIO()
        picture(mode).save(buffer, kind, **options)
        return buffer.getvalue()

    return make


def _cur() -> bytes:
    """An icon whose type says that it is a cursor."""
    content = bytearray(_saved("RGBA", "ICO", sizes=[(WIDTH, HEIGHT)], bitmap_format="bmp")())
    content[2] = 2
    return bytes(content)


def _icns() -> bytes:
    """The largest icon alone, 128 px a side, as PNG."""
    png = io.BytesIO()
    picture("RGBA").resize((128, 128)).save(png, "PNG")
    content = png.getvalue()
    return b"icns" + struct.pack(">I", 16 + len(content)) + b"ic07" + struct.pack(">I", 8 + len(content)) + content


def _dcx() -> bytes:
    return struct.pack("<III", 0x3ADE68B1, 12, 0) + _saved("RGB", "PCX")()


def _fits() -> bytes:
    cards = {"SIMPLE": "T", "BITPIX": "8", "NAXIS": "2", "NAXIS1": str(WIDTH), "NAXIS2": str(HEIGHT)}
    head = "".join(f"{name:<8}= {value:>20}".ljust(80) for name, value in cards.items()) + "END".ljust(80)
    data = np.asarray(picture("L"))[::-1].tobytes()  # the first row is at the bottom
    return head.ljust(2880).encode() + data.ljust(-(-len(data) // 2880) * 2880, b"\0")


def _psd() -> bytes:
    planes = np.asarray(picture("RGB")).transpose(2, 0, 1).tobytes()
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, HEIGHT, WIDTH, 8, 3)
    return head + struct.pack(">III", 0, 0, 0) + struct.pack(">H", 0) + planes


def _sun() -> bytes:
    data = np.asarray(picture("RGB"))[..., ::-1].tobytes()
    return struct.pack(">8I", 0x59A66A95, WIDTH, HEIGHT, 24, len(data), 1, 0, 0) + data


def _xpm() -> bytes:
    grey = np.asarray(picture("L")) // 16
    rows = [f'"{WIDTH} {HEIGHT} 16 1",', *(f'"{n:x} c #{n * 0x111111:06x}",' for n in range(16))]
    rows += [f'"{"".join(f"{value:x}" for value in row)}",' for row in grey]
    return "\n".join(["/* XPM */", "static char *x[] = {", *rows, "};", ""]).encode()


WHOLE: dict[str, Callable[[], bytes]] = {
    "PNG RGB": _saved("RGB", "PNG"), "PNG L": _saved("L", "PNG"), "PNG P": _saved("P", "PNG"),
    "PNG RGBA": _saved("RGBA", "PNG"), "PNG 1": _saved("1", "PNG"), "PNG 16": _saved("I;16", "PNG"),
    "JPEG RGB": _saved("RGB", "JPEG", quality=95, subsampling=0), "JPEG L": _saved("L", "JPEG"),
    "JPEG progressive": _saved("RGB", "JPEG", progressive=True, quality=95, subsampling=0),
    "JPEG CMYK": _saved("CMYK", "JPEG", quality=95),
    "GIF P": _saved("P", "GIF"), "GIF animated": _saved("P", "GIF", save_all=True, append_images=[picture("L")]),
    "BMP RGB": _saved("RGB", "BMP"), "BMP P": _saved("P", "BMP"), "BMP 1": _saved("1", "BMP"),
    "DIB RGB": _saved("RGB", "DIB"),
    "TIFF RGB": _saved("RGB", "TIFF"), "TIFF LZW": _saved("RGB", "TIFF", compression="tiff_lzw"),
    "TIFF deflate": _saved("L", "TIFF", compression="tiff_adobe_deflate"), "TIFF 16": _saved("I;16", "TIFF"),
    "TIFF F": _saved("F", "TIFF"), "TIFF packbits": _saved("P", "TIFF", compression="packbits"),
    "WEBP RGB": _saved("RGB", "WEBP", quality=95), "WEBP lossless": _saved("RGBA", "WEBP", lossless=True, exact=True),
    "AVIF RGB": _saved("RGB", "AVIF", quality=95, subsampling="4:4:4"),
    "JPEG2000 RGB": _saved("RGB", "JPEG2000"), "JPEG2000 L": _saved("L", "JPEG2000"),
    "PPM RGB": _saved("RGB", "PPM"), "PPM L": _saved("L", "PPM"), "PPM 1": _saved("1", "PPM"),
    "TGA RGB": _saved("RGB", "TGA"), "TGA RLE": _saved("RGBA", "TGA", compression="tga_rle"),
    "PCX RGB": _saved("RGB", "PCX"), "PCX L": _saved("L", "PCX"), "DCX RGB": _dcx,
    "SGI RGB": _saved("RGB", "SGI"), "SGI L": _saved("L", "SGI"), "SUN RGB": _sun,
    "QOI RGB": _saved("RGB", "QOI"), "QOI RGBA": _saved("RGBA", "QOI"),
    "DDS RGBA": _saved("RGBA", "DDS"), "DDS DXT1": _saved("RGB", "DDS", pixel_format="DXT1"),
    "ICO RGBA": _saved("RGBA", "ICO", sizes=[(WIDTH, HEIGHT)]), "CUR RGBA": _cur,
    "ICO BMP": _saved("RGBA", "ICO", sizes=[(WIDTH, HEIGHT)], bitmap_format="bmp"), "ICNS RGBA": _icns,
    "MSP 1": _saved("1", "MSP"), "XBM 1": _saved("1", "XBM"), "XPM P": _xpm, "FITS L": _fits, "PSD RGB": _psd,
}  # fmt: skip


def corpus(seed: int = 0, *, unpacking: bool = True) -> Iterator[Case]:
    """Every case, kind by kind, the whole file first; bombs last.

    Args:
        seed: of the harm.
        unpacking: also bombs that have to be packed, which takes seconds.
    """
    for kind, make in WHOLE.items():
        content = make()
        yield Case(kind, "", content)
        draws = random.Random(f"{seed} {kind}")
        for number in range(NUM_CUTS):
            yield Case(kind, f"cut {number}", content[: draws.randrange(len(content))])
        for number in range(NUM_FLIPS):
            yield Case(kind, f"flips {number}", _flipped(content, draws, 1 << number % 4, len(content)))
        for number in range(NUM_LIES):
            yield Case(kind, f"lies {number}", _lying(content, draws))
        for number in range(NUM_SPLICES):
            place, length = draws.randrange(len(content)), draws.randrange(1, 40)
            junk = draws.randbytes(length)
            yield Case(kind, f"put in {number}", content[:place] + junk + content[place:])
            yield Case(kind, f"taken out {number}", content[:place] + content[place + length :])
        yield Case(kind, "zeros at the end", content[: len(content) * 2 // 3].ljust(len(content), b"\0"))
        yield Case(kind, "junk after the end", content + draws.randbytes(100))
    yield from _claims()
    if unpacking:
        yield from _bombs()


def _flipped(content: bytes, draws: random.Random, count: int, length: int) -> bytes:
    harmed = bytearray(content)
    for _ in range(count):
        harmed[draws.randrange(length)] ^= 1 << draws.randrange(8)
    return bytes(harmed)


def _lying(content: bytes, draws: random.Random) -> bytes:
    """A number of the header, of 1, 2 or 4 bytes, is another one: none, all ones, or the largest with a sign."""
    harmed, size = bytearray(content), draws.choice([1, 2, 4])
    place = draws.randrange(min(len(content) - size, 80))
    harmed[place : place + size] = draws.choice([b"\0" * size, b"\xff" * size, b"\x7f".ljust(size, b"\xff")])
    return bytes(harmed)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width: int, height: int, depth: int, colour: int, data: bytes, extra: bytes = b"") -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _rows(width: int, height: int, bits: int) -> bytes:
    """The packed rows of a black picture."""
    packer, row = zlib.compressobj(9), b"\0" * (1 + -(-width * bits // 8))
    return b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])


def _with_size(kind: str, places: dict[int, str], size: int) -> bytes:
    content = bytearray(WHOLE[kind]())
    for place, form in places.items():
        struct.pack_into(form, content, place, size)
    return bytes(content)


def _claims() -> Iterator[Case]:
    """Small files that claim to be large."""
    made = {
        "a PNG of 2**31 pixels a side": _png(2**31 - 1, 2**31 - 1, 8, 2, b""),
        "a BMP of a million pixels a side": _with_size("BMP RGB", {18: "<i", 22: "<i"}, 10**6),
        "a QOI of 2**31 pixels a side": _with_size("QOI RGB", {4: ">I", 8: ">I"}, 2**31 - 1),
        "a QOI of 8,000 pixels a side": _with_size("QOI RGB", {4: ">I", 8: ">I"}, 8000),
        "a Sun raster of 2**31 pixels a side": _with_size("SUN RGB", {4: ">I", 8: ">I"}, 2**31 - 1),
        "a PSD of 30,000 pixels a side": _with_size("PSD RGB", {14: ">I", 18: ">I"}, 30_000),
        "a DDS of 30,000 pixels a side": _with_size("DDS DXT1", {12: "<I", 16: "<I"}, 30_000),
        "an SGI of 65,535 pixels a side": _with_size("SGI RGB", {6: ">H", 8: ">H"}, 65_535),
        "a TGA of 65,535 pixels a side": _with_size("TGA RGB", {12: "<H", 14: "<H"}, 65_535),
        "a GIF of 65,535 pixels a side": _with_size("GIF P", {6: "<H", 8: "<H"}, 65_535),
        "a PPM of 99,999 pixels a side": b"P6 99999 99999 255\n" + b"\0" * 1000,
        "an XBM of a million pixels a side": b"#define x_width 1000000\n#define x_height 1000000\nstatic char x[]={0};",
        "a FITS of 10**9 pixels a side": _fits().replace(f"{WIDTH:>20}".encode(), f"{10**9:>20}".encode()),
        "a TIFF whose directory is its own next": _loop_of_directories(),
    }
    for harm, content in made.items():
        yield Case("bomb", harm, content)


def _bombs() -> Iterator[Case]:
    """Files that unpack to much, or take long."""
    text, rows = zlib.compress(b"\0" * 200_000_000, 9), _rows(WIDTH, HEIGHT, 8)
    made = {
        "64 million pixels of 1 bit": _png(8000, 8000, 1, 0, _rows(8000, 8000, 1)),
        "64 million pixels of 64 bits": _png(8000, 8000, 16, 6, _rows(8000, 8000, 64)),
        "65 million pixels of 1 bit": _png(8000, 8125, 1, 0, _rows(8000, 8125, 1)),
        "400 million pixels of 8 bits": _png(20_000, 20_000, 8, 0, _rows(20_000, 20_000, 8)),
        "a PNG with rows for more pixels": _png(8, 8, 8, 2, _rows(8, 4_000_000, 24)),
        "a PNG with 200 MB of text": _png(WIDTH, HEIGHT, 8, 0, rows, _chunk(b"zTXt", b"a\0\0" + text)),
        "a PNG with a profile of 200 MB": _png(WIDTH, HEIGHT, 8, 0, rows, _chunk(b"iCCP", b"a\0\0" + text)),
        "a PNG of 300,000 chunks": _png(WIDTH, HEIGHT, 8, 0, rows, _chunk(b"aaAa", b"") * 300_000),
        "a PPM with a line that does not end": b"P6 #" + b"x" * 5_000_000,
        "a plain PPM of 8,000 pixels a side": b"P3 8000 8000 255\n" + b"1 " * 1_000_000,
        "a GIF of 20,000 frames": _saved("P", "GIF", save_all=True, append_images=[picture("L")] * 1)() * 10_000,
    }
    for harm, content in made.items():
        yield Case("bomb", harm, content)


def _loop_of_directories() -> bytes:
    content = bytearray(WHOLE["TIFF RGB"]())
    (first,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, first)
    struct.pack_into("<I", content, first + 2 + 12 * count, first)
    return bytes(content)


_CODECS = {
    "PNG": "png", "BMP": "bmp", "TIFF": "tiff", "WEBP": "webp", "JPEG2000": "jpeg2000", "TGA": "targa",
    "PCX": "pcx", "SGI": "sgi", "SUN": "sunrast", "QOI": "qoi", "DDS": "dds", "XBM": "xbm", "XPM": "xpm", "PSD": "psd",
}  # fmt: skip
_CONTAINERS = {"GIF": "gif", "AVIF": "mov", "ICO": "ico"}


def independent(kind: str, content: bytes) -> np.ndarray | None:
    """The pixels of a file by FFmpeg, as `decode` gives them: transparent on white, and grey as (H, W, 3) too.

    Returns:
        (H, W, 3), float; None where FFmpeg has no decoder, or refuses the file.
    """
    name = kind.partition(" ")[0]
    if name == "DCX":
        name, content = "PCX", content[12:]
    if name == "ICNS":
        name, content = "PNG", content[content.find(b"\x89PNG") :] if b"\x89PNG" in content else b""
    if name == "CUR":
        name, content = "ICO", content[:2] + b"\1" + content[3:]
    if name == "DIB":
        size = struct.pack("<I", 14 + len(content))
        name, content = "BMP", b"BM" + size + struct.pack("<II", 0, 54) + content
    if name == "JPEG":
        return _jpeg(content)
    if name == "PPM":
        _CODECS["PPM"] = {b"P4": "pbm", b"P5": "pgm"}.get(content[:2], "ppm")
    try:
        frame = _frame(name, content)
    except (av.error.FFmpegError, StopIteration, ValueError, KeyError):
        return None
    return None if frame is None else _rgb(frame)


def _jpeg(content: bytes) -> np.ndarray | None:
    import tensorflow as tf  # noqa: PLC0415 (takes seconds)

    try:
        pixels = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")
    except tf.errors.InvalidArgumentError:
        return None
    return np.asarray(pixels).astype(float)


def _frame(name: str, content: bytes) -> av.VideoFrame | None:
    if name in _CONTAINERS:
        with av.open(io.BytesIO(content), format=_CONTAINERS[name]) as container:
            assert isinstance(container, av.container.InputContainer)
            return next(container.decode(video=0))
    if name not in _CODECS:
        return None
    codec = av.CodecContext.create(_CODECS[name], "r")
    assert isinstance(codec, av.VideoCodecContext)
    codec.thread_count = 1
    frames = codec.decode(av.Packet(content)) + codec.decode(None)
    return frames[0] if frames else None


def _rgb(frame: av.VideoFrame) -> np.ndarray:
    form = frame.format.name
    if form.startswith("gray16") or form.startswith("gray12") or form.startswith("gray10"):
        grey = np.rint(frame.to_ndarray(format="gray16le") / 257)
        return np.repeat(grey[..., None], 3, axis=2)
    rgba = frame.to_ndarray(format="rgba").astype(float)
    alpha = rgba[..., 3:] / 255
    return rgba[..., :3] * alpha + 255 * (1 - alpha)
