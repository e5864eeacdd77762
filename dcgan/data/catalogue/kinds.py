"""Kinds of pictures that are read, and what other files are."""

from __future__ import annotations

import functools
import importlib.util
import io
import re
import struct
import zlib

from PIL import Image

from dcgan.files import marks

# Pillow's names. None of these starts a program, as its EPS does, and each but TGA is recognised by its first bytes.
# What else Pillow reads is opened by guessing, or is not a picture.
READ = {
    "AVIF", "BMP", "CUR", "DCX", "DDS", "DIB", "FITS", "GIF", "HEIF", "ICNS", "ICO", "JPEG", "JPEG2000", "MSP", "PCX",
    "PNG", "PPM", "PSD", "QOI", "SGI", "SUN", "TGA", "TIFF", "WEBP", "XBM", "XPM",
}  # fmt: skip

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_GET_IMAGES = "export its images as PNG or TIFF"
_TOLD = (  # beginning, what it is, and what to do
    (rb"version https://git-lfs\.github\.com/spec/", "a Git LFS pointer in place of the image", "run git lfs pull"),
    (rb"\.\./.*\.git/annex/objects/|/annex/objects/", "a git-annex pointer in place of the image", "run git annex get"),
    (rb"\s*(<!--.*?-->\s*)*<(!doctype html|html|head|body)\b", "a page of HTML, as failed downloads leave",
     "download the image again"),
    (rb"\s*(<\?xml.*?>\s*)?(<!--.*?-->\s*)*(<!doctype svg[^>]*>\s*)?<svg\b", "an SVG drawing", "export it as PNG"),
    (rb"\s*<\?xml\b|\s*<\w+:?\w*[ >]", "XML", ""),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript, which is a program and is not run", "export it as PNG"),
    (rb"%PDF-", "a PDF document", _GET_IMAGES),
    (rb".{128}DICM", "a DICOM file", "export it as 16-bit PNG or TIFF"),
    (rb"\x93NUMPY", "a NumPy array", "write it as PNG, or all of them with their labels as an .npz"),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file", _GET_IMAGES),
    (rb"PK\x03\x04", "a ZIP archive", "unpack it"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf\x27\x1c|Rar!", "a compressed file", "unpack it"),
    (rb"PAR1", "a Parquet file", "name it in data.source"),
    (rb"\xff\x0a|\x00\x00\x00\x0cJXL ", "a JPEG XL image, which is not read", "convert it to PNG"),
    (rb"....ftyp", "a video", "export its frames as PNG"),
    (rb"\x1aE\xdf\xa3|RIFF....AVI |\x00\x00\x01\xba", "a video", "export its frames as PNG"),
    (rb"II\x1a\x00\x00\x00HEAPCCDR|IIU\x00|IIRO|FUJIFILMCCD-RAW", "a camera's raw file", "develop it to PNG or TIFF"),
    (rb"\xd7\xcd\xc6\x9a|\x01\x00\x00\x00.{36} EMF", "a Windows metafile", "export it as PNG"),
)  # fmt: skip
_PATTERNS = [(re.compile(pattern, re.DOTALL | re.IGNORECASE), what, remedy) for pattern, what, remedy in _TOLD]
LOOKED_AT = 1024  # bytes from a file's beginning
_PNG, _ICO, _ICNS = b"\x89PNG\r\n\x1a\n", b"\0\0\1\0", b"icns"
_JPEG, _JPEG_SCAN, _JPEG_END, _ZEROS = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9", b"\0" * 16
_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}  # chunks of a PNG that its pixels come from
_MARKS = (marks.TEXT_KEY.encode(), marks.SOURCE_TYPE.rpartition("/")[2].encode())


def open_picture(content: bytes) -> Image.Image:
    """Open a picture of a kind that is read; raises what Pillow raises if it is not one, or is damaged."""
    _register_heif(content[:32])
    _require_intact_png(content)
    _require_whole_jpeg(content)
    try:
        return Image.open(io.BytesIO(content), formats=_kinds())
    except Exception:
        without = _png_without_metadata(content)
        if without is None:
            raise
        return Image.open(io.BytesIO(without), formats=_kinds())


def _require_intact_png(content: bytes) -> None:
    """See that the checksums of a PNG's pixels are right, also of one within an icon; Pillow does not look at them.

    Raises:
        SyntaxError: one is not, and the pixels may be anything.
    """
    if content.startswith((_PNG, _ICO, _ICNS)):
        for start in re.finditer(re.escape(_PNG), content):
            position, kind = start.end(), b""
            while kind != b"IEND" and position + 8 <= len(content):
                length, kind = struct.unpack_from(">I4s", content, position)
                end = position + 8 + length
                if kind in _PIXELS and zlib.crc32(content[position + 4 : end]).to_bytes(4) != content[end : end + 4]:
                    raise SyntaxError(f"broken PNG file (the checksum of chunk {kind.decode()} is wrong)")
                position = end + 4


def _require_whole_jpeg(content: bytes) -> None:
    """See that a JPEG does not end in zeros, as a broken download leaves it; to a decoder they are pixels like others.

    Raises:
        SyntaxError: it does.
    """
    if content.startswith(_JPEG) and content.endswith(_ZEROS) and content.rfind(_JPEG_END) < content.rfind(_JPEG_SCAN):
        raise SyntaxError("broken JPEG file (it ends in zeros)")


def _png_without_metadata(content: bytes) -> bytes | None:
    """A PNG without the chunks that its pixels do not need, which may be what is broken; None where there are none.

    A mark of synthetic images stands in such a chunk: what may have one is not stripped of it.
    """
    if not content.startswith(_PNG) or any(mark in content for mark in _MARKS):
        return None
    kept, position = [_PNG], len(_PNG)
    while position + 12 <= len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        chunk = content[position : position + 12 + length]
        needed = kind[:1].isupper() or kind in (b"tRNS", b"eXIf")
        if needed and (kind != b"eXIf" or zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])):
            kept.append(chunk)
        position += len(chunk)
    found = b"".join(kept)
    return found if len(found) < len(content) else None


def what_it_is(content: bytes) -> str:
    """What a file is that cannot be read as a picture, and what to do about it; "" if that is not known."""
    head = content[:LOOKED_AT]
    if _is_heic(head) and not _has_heif():
        return "a HEIC image: pip install 'dcgan-augment[heif]', or convert it to JPEG or PNG"
    if _is_heic(head):
        return ""
    for pattern, what, remedy in _PATTERNS:
        if pattern.match(head):
            return f"{what}: {remedy}" if remedy else what
    is_text = (
        not re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head) and head.decode(errors="replace").count("\ufffd") < 2
    )
    return "text, not an image" if is_text else ""


@functools.cache
def _kinds() -> tuple[str, ...]:
    """Pillow's names of what is read, in the order in which Pillow tries them."""
    Image.preinit()
    Image.init()
    return tuple(name for name in Image.ID if name in READ)


def _is_heic(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS and b"avif" not in head[8:32]


@functools.cache
def _has_heif() -> bool:
    return importlib.util.find_spec("pillow_heif") is not None


def _register_heif(head: bytes) -> None:
    """Teach Pillow HEIC when the first such file comes: the library takes a while to load."""
    if _is_heic(head) and _has_heif() and "HEIF" not in Image.OPEN:
        import pillow_heif  # noqa: PLC0415 (an extra, and slow)

        _kinds()
        pillow_heif.register_heif_opener()
        _kinds.cache_clear()
