"""The mark that every synthetic PNG carries, so that it is never mistaken for a real image.

Two marks, because tools keep one or the other: PNG text chunks, and an XMP packet with the IPTC digital source
type `trainedAlgorithmicMedia` (IPTC NewsCodes, digitalsourcetype).
"""

from __future__ import annotations

from PIL import Image
from PIL.PngImagePlugin import PngInfo

TEXT_KEY = "dcgan-augment"
XMP_KEY = "XML:com.adobe.xmp"  # the iTXt keyword that the XMP specification, part 3, gives to PNG
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    f' Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)


def png_info(job: str, label: str, index: int, model_sha256: str) -> PngInfo:
    """What a synthetic PNG says of itself: nothing that differs from run to run, so that its bytes don't either."""
    info = PngInfo()
    info.add_itxt(TEXT_KEY, "synthetic")
    for key, value in {"job": job, "class": label, "index": str(index), "model-sha256": model_sha256}.items():
        info.add_itxt(f"{TEXT_KEY}:{key}", value)
    info.add_itxt(XMP_KEY, _XMP)
    return info


def is_synthetic(image: Image.Image) -> bool:
    """Whether an opened image is marked as generated, by this project or, in XMP, by anyone."""
    if TEXT_KEY in image.info:
        return True
    packet = image.info.get("xmp") or image.info.get(XMP_KEY) or b""
    return b"trainedAlgorithmicMedia" in (packet if isinstance(packet, bytes) else str(packet).encode())
