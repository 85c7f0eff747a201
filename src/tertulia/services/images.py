"""Images: what a file is, by its content; and a small square picture made of it, with nothing else of it kept."""

from io import BytesIO

from msgspec import Struct
from PIL import Image

from tertulia.domain.errors import Invalid, TooLarge

SIDE = 256
MOST_PIXELS = 50_000_000
"""By what the file says of itself, before anything is decoded: a small file can hold a very large picture."""
LONGEST_SIDE = 65_500
"""Pixels; of a JPEG no more are decoded. A picture of one column costs many times what a square one of as many pixels does."""
MOST_SCANNED = 30 * MOST_PIXELS
"""Pixels, times how often a JPEG goes over them. A progressive one does so 6 to 20 times; a few bytes are one more."""
_SCAN = b"\xff\xda"
WEBP_QUALITY = 85
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings a photo upright whose camera was held so (Exif 2.3, Orientation)."""


class Header(Struct, frozen=True):
    """*kind*: PNG, JPEG, GIF or WEBP."""

    kind: str
    width: int
    height: int


def read_header(data: bytes) -> Header | None:
    """None for what is no image of these kinds, or ends before it says how large it is."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and len(data) >= 24:
        return Header("PNG", _big(data[16:20]), _big(data[20:24]))
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        return Header("GIF", _little(data[6:8]), _little(data[8:10]))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) >= 30:
        return _webp(data)
    if data[:3] == b"\xff\xd8\xff":
        return _jpeg(data)
    return None


def _webp(data: bytes) -> Header | None:
    """RFC 9649 §2.5 to §2.7: the canvas, or the only picture."""
    match data[12:16]:
        case b"VP8X":
            return Header("WEBP", 1 + _little(data[24:27]), 1 + _little(data[27:30]))
        case b"VP8 ":
            return Header("WEBP", _little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF)
        case b"VP8L":
            bits = _little(data[21:25])
            return Header("WEBP", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
        case _:
            return None


def _jpeg(data: bytes) -> Header | None:
    """ITU-T T.81 §B.1: segments up to the frame header (SOF0 to SOF15, save DHT, JPG and DAC)."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a filler
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return Header("JPEG", _big(data[at + 7 : at + 9]), _big(data[at + 5 : at + 7]))
        else:
            at += 2 + _big(data[at + 2 : at + 4])
    return None


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


def check_image(data: bytes) -> Header:
    """Raises Invalid, TooLarge."""
    header = read_header(data)
    if header is None or not header.width or not header.height:
        raise Invalid("This is no PNG, JPEG, GIF or WebP image", field="file")
    if header.width * header.height > MOST_PIXELS:
        raise TooLarge(f"The image has more than {MOST_PIXELS} pixels")
    if max(header.width, header.height) > LONGEST_SIDE:
        raise TooLarge(f"The image is more than {LONGEST_SIDE} pixels long")
    if header.kind == "JPEG" and data.count(_SCAN) * header.width * header.height > MOST_SCANNED:
        raise TooLarge("The image would take too long to decode")
    return header


def square(data: bytes, header: Header) -> bytes:
    """The middle of the image, upright, as a WebP of `SIDE` by `SIDE` pixels without metadata; of an animation, its
    first picture. Raises Invalid. Takes a second or, of a file made for that, some more; and up to twelve bytes a
    pixel."""
    try:
        small = _shrink(data, header)
    except (TooLarge, MemoryError):
        raise
    except Exception as error:
        # Whatever a decoder is brought to raise by a file made for that: it is the file's fault.
        raise Invalid("The image is damaged", field="file") from error
    out = BytesIO()
    small.save(out, "WEBP", quality=WEBP_QUALITY)
    return out.getvalue()


def _shrink(data: bytes, header: Header) -> Image.Image:
    with Image.open(BytesIO(data), formats=[header.kind]) as image:
        if image.width * image.height > MOST_PIXELS:
            raise TooLarge(f"The image has more than {MOST_PIXELS} pixels")
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
        image.draft("RGB", (2 * SIDE, 2 * SIDE))  # a JPEG is decoded no larger than that needs
        has_alpha = image.has_transparency_data
        mode = "RGBA" if has_alpha else "RGB"
        plain = image if image.mode == mode else image.convert(mode)
        side = min(plain.size)
        left, top = (plain.width - side) // 2, (plain.height - side) // 2
        box = (left, top, left + side, top + side)
        small = plain.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box, reducing_gap=3.0)
        if turn is not None:
            small = small.transpose(turn)
        return Image.frombytes(mode, small.size, small.tobytes())  # the pixels, and nothing that came with them
