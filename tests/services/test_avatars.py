"""Avatars: small, square, upright pictures out of whatever people have, and nothing worse out of anything else."""

import asyncio
import random
import threading
from io import BytesIO

import pytest
from PIL import Image

from accounts_world import Accounting
from scene import Scene
from tertulia.domain import commands as c
from tertulia.domain.errors import Invalid, NoSuchAvatar, TertuliaError, TooLarge, Unavailable
from tertulia.domain.ids import UserId
from tertulia.services import avatars as service
from tertulia.services.avatars import Avatars
from tertulia.services.images import LONGEST_SIDE, MOST_PIXELS, SIDE, Header, check_image, read_header, square

FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
RED, GREEN, BLUE = (220, 30, 30), (30, 200, 30), (30, 30, 220)


def image(format_="PNG", size=(300, 200), colour=RED, mode="RGB", **options):
    out = BytesIO()
    Image.new(mode, size, colour).save(out, format_, **options)
    return out.getvalue()


def halves(size=(400, 200)):
    """Red above, blue below."""
    picture = Image.new("RGB", size, RED)
    picture.paste(BLUE, (0, size[1] // 2, *size))
    return picture


def is_like(one, other):
    return all(abs(a - b) < 40 for a, b in zip(one[:3], other, strict=True))


def made(data):
    return Image.open(BytesIO(square(data, check_image(data))))


class World(Accounting):
    def __init__(self, scene):
        super().__init__(scene)
        self.avatars = Avatars(scene.store, most_bytes=100_000)

    async def set(self, actor, data):
        return await self.avatars.set_avatar(c.SetAvatar(image=data), actor)

    async def get(self, user_id):
        return await self.avatars.get_avatar(c.GetAvatar(user_id=UserId(user_id)), None)


@pytest.fixture
def world(scene: Scene) -> World:
    return World(scene)


# ---- what a file is


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("size", [(1, 1), (300, 200), (257, 1031)])
def test_a_header_tells_kind_and_size(format_, size):
    assert read_header(image(format_, size)) == Header(format_, *size)


def test_all_kinds_of_webp_and_jpeg_are_known():
    for options in ({"lossless": True}, {"lossless": False}, {"lossless": False, "exif": b"Exif\0\0"}):
        assert read_header(image("WEBP", (300, 200), **options)) == Header("WEBP", 300, 200)
    assert read_header(image("WEBP", (300, 200), (1, 2, 3, 4), "RGBA")) == Header("WEBP", 300, 200)
    for options in ({"progressive": True}, {"comment": b"x" * 60_000}, {"exif": Image.Exif()}):
        assert read_header(image("JPEG", (300, 200), **options)) == Header("JPEG", 300, 200)
    assert read_header(image("JPEG", (300, 200), 7, "L")) == Header("JPEG", 300, 200)


NO_IMAGES = [
    b"", b"\0", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00\x02" * 20, b"RIFF1234WEBP",
    b"RIFF\0\0\0\0WEBPVP9 " + b"\0" * 20, b"BM" + b"\0" * 60, b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    b"II*\0" + b"\0" * 60, b"<html>", b"not an image" * 100,
]  # fmt: skip


@pytest.mark.parametrize("data", NO_IMAGES)
def test_what_is_no_image_of_the_four_kinds_is_refused(data):
    with pytest.raises(Invalid):
        check_image(data)


def test_every_beginning_of_an_image_is_refused_or_read():
    for format_ in FORMATS:
        whole = image(format_)
        for end in range(len(whole)):
            assert read_header(whole[:end]) in (None, Header(format_, 300, 200))


def test_an_image_of_too_many_pixels_is_refused_by_what_it_says_of_itself():
    header = image("PNG", (1, 1))
    bomb = header[:16] + (60_000).to_bytes(4) + (60_000).to_bytes(4) + header[24:]
    assert len(bomb) < 100
    with pytest.raises(TooLarge):
        check_image(bomb)
    side = int(MOST_PIXELS**0.5)
    fits = header[:16] + side.to_bytes(4) + side.to_bytes(4) + header[24:]
    assert check_image(fits) == Header("PNG", side, side)
    empty = header[:16] + bytes(8) + header[24:]
    with pytest.raises(Invalid):
        check_image(empty)


def test_an_image_that_is_all_length_is_refused_for_each_column_costs_memory():
    header = image("PNG", (1, 1))
    for size in ((1, 49_000_000), (49_000_000, 1), (600, LONGEST_SIDE + 1)):
        with pytest.raises(TooLarge):
            check_image(header[:16] + size[0].to_bytes(4) + size[1].to_bytes(4) + header[24:])
    assert check_image(image("JPEG", (1, LONGEST_SIDE))) == Header("JPEG", 1, LONGEST_SIDE)


def test_a_jpeg_that_goes_over_its_pixels_again_and_again_is_refused():
    whole = image("JPEG", (4000, 4000), 128, "L", progressive=True)
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    assert len(scan) < 100  # so that thousands would be a small file that keeps the thread for minutes
    check_image(whole)
    check_image(whole[:-2] + scan * 20 + whole[-2:])
    with pytest.raises(TooLarge):
        check_image(whole[:-2] + scan * 1000 + whole[-2:])


# ---- what becomes of it


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("size", [(1, 1), (40, 700), (300, 200), (2000, 1999)])
def test_every_image_becomes_a_small_square(format_, size):
    small = made(image(format_, size))
    assert (small.format, small.size) == ("WEBP", (SIDE, SIDE))
    assert is_like(small.convert("RGB").getpixel((128, 128)), RED)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_pixel_is_understood(mode):
    out = BytesIO()
    (Image.new(mode, (300, 200)) if mode == "I;16" else Image.new("RGBA", (300, 200), RED).convert(mode)).save(
        out, "PNG"
    )
    assert made(out.getvalue()).size == (SIDE, SIDE)


def test_print_colours_are_understood():
    assert is_like(
        made(image("JPEG", colour=(0, 255, 255, 0), mode="CMYK")).convert("RGB").getpixel((9, 9)), (255, 0, 0)
    )


def test_what_is_transparent_stays_so():
    small = made(image("PNG", (300, 300), (*RED, 0), "RGBA"))
    assert small.mode == "RGBA"
    assert small.getpixel((128, 128))[3] == 0


def test_it_is_the_middle_that_is_shown():
    wide = Image.new("RGB", (600, 200), RED)
    wide.paste(GREEN, (200, 0, 400, 200))
    out = BytesIO()
    wide.save(out, "PNG")
    small = made(out.getvalue()).convert("RGB")
    assert all(is_like(small.getpixel(at), GREEN) for at in ((4, 4), (251, 251), (128, 128)))


TURNS = {1: "top", 2: "top", 3: "bottom", 4: "bottom", 5: "left", 6: "right", 7: "right", 8: "left"}
EDGES = {"top": (128, 8), "bottom": (128, 247), "left": (8, 128), "right": (247, 128)}


@pytest.mark.parametrize(("orientation", "red"), TURNS.items())
def test_a_photo_is_shown_upright(orientation, red):
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = BytesIO()
    halves().save(out, "JPEG", exif=exif, quality=95)
    small = made(out.getvalue()).convert("RGB")
    assert [name for name, at in EDGES.items() if is_like(small.getpixel(at), RED)] == [red]


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
def test_nothing_of_the_metadata_is_kept(format_):
    exif = Image.Exif()
    exif[0x010E] = "SECRET street 7"
    options = {"exif": exif, "xmp": b"<x>SECRET</x>", "icc_profile": b"SECRET" * 30}
    if format_ == "PNG":
        options.pop("xmp")
    data = image(format_, **options)
    assert b"SECRET" in data
    small = square(data, check_image(data))
    assert b"SECRET" not in small
    assert not set(Image.open(BytesIO(small)).info) & {"exif", "xmp", "icc_profile"}


def test_of_an_animation_it_is_the_first_picture():
    frames = [Image.new("RGB", (64, 64), colour) for colour in (GREEN, RED, BLUE)]
    for format_ in ("GIF", "WEBP", "PNG"):
        out = BytesIO()
        frames[0].save(out, format_, save_all=True, append_images=frames[1:])
        small = made(out.getvalue())
        assert not getattr(small, "is_animated", False)
        assert is_like(small.convert("RGB").getpixel((128, 128)), GREEN)


def test_a_damaged_image_is_refused_and_is_no_fault_of_ours():
    chance = random.Random(4)
    refused = 0
    for format_ in FORMATS:
        picture = halves((90, 60))
        picture.putdata([tuple(chance.randrange(256) for _ in range(3)) for _ in range(90 * 60)])
        out = BytesIO()
        picture.save(out, format_)
        whole = out.getvalue()
        for _ in range(60):
            data = bytearray(whole[: chance.randrange(10, len(whole))] if chance.random() < 0.4 else whole)
            for _ in range(chance.randrange(8)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            try:
                square(bytes(data), check_image(bytes(data)))
            except (Invalid, TooLarge):
                refused += 1
    assert refused > 50


# ---- whose it is


async def test_a_user_has_one_at_an_address_that_changes_with_it(world):
    ana = await world.enter("ana")
    with pytest.raises(NoSuchAvatar):
        await world.get(ana.user_id)
    user = await world.set(ana, image(colour=RED))
    first = await world.get(ana.user_id)
    assert user.avatar_url == f"/api/v1/users/{ana.user_id}/avatar?v={first.digest}"
    assert (await world.set(ana, image(colour=RED))).avatar_url == user.avatar_url
    other = await world.set(ana, image("JPEG", colour=BLUE))
    second = await world.get(ana.user_id)
    assert other.avatar_url == f"/api/v1/users/{ana.user_id}/avatar?v={second.digest}" != user.avatar_url
    assert is_like(Image.open(BytesIO(second.data)).convert("RGB").getpixel((9, 9)), BLUE)
    assert second.content_type == "image/webp"

    assert (await world.avatars.remove_avatar(c.RemoveAvatar(), ana)).avatar_url is None
    assert (await world.avatars.remove_avatar(c.RemoveAvatar(), ana)).avatar_url is None
    with pytest.raises(NoSuchAvatar):
        await world.get(ana.user_id)


async def test_what_is_refused_changes_nothing(world):
    ana = await world.enter("ana")
    await world.set(ana, image())
    before = await world.scene.everything()
    for data in (*NO_IMAGES, image()[:60], b"x" * 100_001):
        with pytest.raises(TertuliaError):
            await world.set(ana, data)
    assert await world.scene.everything() == before


async def test_who_is_deleted_has_none_any_more_and_gets_none(world):
    ana, ben = await world.enter("ana"), await world.enter("ben")
    await world.set(ana, image())
    await world.set(ben, image())
    await world.write(world.people.delete_account, c.DeleteAccount(), ana)
    assert (await world.set(ana, image())).avatar_url is None
    with pytest.raises(NoSuchAvatar):
        await world.get(ana.user_id)
    await world.get(ben.user_id)


async def test_one_image_at_a_time_is_decoded_and_too_many_do_not_wait(world, monkeypatch):
    monkeypatch.setattr(service, "MOST_WAITING", 3)
    ana = await world.enter("ana")
    gate, running, most = threading.Event(), [], []

    def slow(data, header):
        running.append(data)
        most.append(len(running))
        gate.wait(20)
        running.pop()
        return b"small"

    world.avatars = Avatars(world.store, shrink=slow)
    waiting = [asyncio.create_task(world.set(ana, image())) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await world.set(ana, image())
    gate.set()
    await asyncio.gather(*waiting)
    assert most == [1, 1, 1]
