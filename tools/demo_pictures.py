"""Draws a line of text, upright.png and rotated.png, and writes them as the network wants them: upright.npy, rotated.npy.

    demo_pictures.py FOLDER        (needs numpy and pillow)
"""
import pathlib
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HEIGHT, WIDTH = 48, 192


def text_line(text):
    picture = Image.new("RGB", (WIDTH, HEIGHT), (238, 236, 228))
    font = ImageFont.load_default(size=26)
    left, top, right, bottom = font.getbbox(text)
    place = ((WIDTH - right - left) // 2, (HEIGHT - bottom - top) // 2)
    ImageDraw.Draw(picture).text(place, text, font=font, fill=(32, 34, 40))
    return picture


def as_input(picture):
    """f32[1,3,48,192] from -1 to 1, blue first, as PaddleOCR trains."""
    pixels = np.asarray(picture, np.float32)[:, :, ::-1] / 127.5 - 1
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def main(folder):
    upright = text_line("Neural networks")
    for name, picture in {"upright": upright, "rotated": upright.rotate(180)}.items():
        picture.save(folder / f"{name}.png")
        np.save(folder / f"{name}.npy", as_input(picture))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
