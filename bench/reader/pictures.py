"""Pictures that are no radiographs: those that the fracture model's gate learns to refuse, and others
that judge it. Grey, since a radiograph in grey is what they could be taken for.

    pip install pillow numpy scikit-image scikit-learn matplotlib
    apt-get download lomiri-wallpapers-16.04 lomiri-wallpapers-20.04 mate-backgrounds \\
        ukui-wallpapers tuxpaint-stamps-default opencv-doc
    for d in *.deb; do dpkg-deb -x "$d" unpacked; done
    python bench/reader/pictures.py unpacked pictures

writes pictures/train.csv (--others of `stele reader train`), and pictures/opencv.csv and
pictures/samples.csv (--data of `stele reader evaluate`). No photograph stands in two of them.
The wallpapers are CC0, CC BY, CC BY-SA or GPL-2+, the stamps GPL-2: see each package's copyright file.
"""

import csv
import glob
import hashlib
import os
import random
import sys

import numpy as np
from PIL import Image

Image.MAX_IMAGE_PIXELS = None
SIDE = 512
rng = random.Random(7)


class Set:
    """A folder of pictures and its manifest."""

    def __init__(self, out, name, split):
        self.out, self.name, self.split, self.rows = out, name, split, []
        os.makedirs(f"{out}/{name}", exist_ok=True)

    def add(self, image, stem, group, kind):
        path = f"{self.name}/{stem}.png"
        image.thumbnail((SIDE, SIDE))
        image.save(f"{self.out}/{path}")
        self.rows.append((path, "picture", group, self.split, kind))

    def write(self):
        with open(f"{self.out}/{self.name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("path", "label", "group", "split", "kind"))
            writer.writerows(self.rows)
        print(self.name, len(self.rows))


def stem(path):
    return os.path.basename(path).rsplit(".", 1)[0]


def rim(image, middle, light, fall):
    """Darkened towards the rim, as a radiograph is."""
    grey = np.asarray(image, float)
    height, width = grey.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    shade = np.clip(light - fall * ((x - middle[0]) ** 2 + (y - middle[1]) ** 2), 0, 1)
    return Image.fromarray((grey * shade).astype(np.uint8))


def any_rim(image):
    middle = (rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3))
    return rim(image, middle, rng.uniform(1.0, 1.5), rng.uniform(0.7, 1.5))


def wallpapers(debs, out):
    """Photographs whole, cut, and with a dark rim."""
    files = sorted(glob.glob(f"{debs}/usr/share/backgrounds/*_by_*.jpg"))
    files += sorted(glob.glob(f"{debs}/usr/share/backgrounds/mate/nature/*.jpg"))
    files += [f"{debs}/usr/share/backgrounds/mate/abstract/Elephants.jpg"]
    files += [f"{debs}/usr/share/backgrounds/{n}.png" for n in ("calla", "city", "desert", "goldfish")]
    for file in files:
        image = Image.open(file).convert("L")
        image.thumbnail((1400, 1400))
        small = image.copy()
        small.thumbnail((SIDE, SIDE))
        name = stem(file)
        out.add(small, name, name, "whole")
        out.add(any_rim(small), f"{name}_rim", name, "rim")
        for i in range(8):
            share = rng.uniform(0.2, 0.8)
            width, height = (int(v * min(1, share * rng.uniform(0.7, 1.4))) for v in image.size)
            x, y = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
            cut = image.crop((x, y, x + width, y + height))
            cut.thumbnail((SIDE, SIDE))
            out.add(any_rim(cut) if i % 3 == 2 else cut, f"{name}_{i}", name, "cut")


def ground(kind, height, width):
    if kind == "grey":
        return np.full((height, width), rng.uniform(40, 200))
    if kind == "white":
        return np.full((height, width), 255.0)
    if kind == "shade":
        return np.linspace(rng.uniform(0, 255), rng.uniform(0, 255), width)[None].repeat(height, 0)
    return np.zeros((height, width))


def stamps(debs, out):
    """Cut-out photographs of animals and things on plain ground, most on black as a limb is."""
    drawn = ("cartoon", "symbols/alpha", "symbols/math", "symbols/music", "symbols/shapes")
    drawn += ("roadsigns", "flags", "/toys", "00_symbols")
    for file in sorted(glob.glob(f"{debs}/usr/share/tuxpaint/stamps/**/*.png", recursive=True)):
        image = Image.open(file).convert("RGBA")
        pixels = np.asarray(image)
        inside = pixels[..., 3] > 128
        if any(d in file for d in drawn) or min(image.size) < 100 or inside.mean() < 0.1:
            continue
        colours = (pixels[inside][:, :3] // 8).astype(int) @ [1024, 32, 1]
        if len(np.unique(colours)) < 250:
            continue  # a drawing
        kind = rng.choice(["black", "black", "grey", "white", "shade"])
        width, height = image.size
        tall, wide = int(height * rng.uniform(1, 1.4)), int(width * rng.uniform(1, 1.4))
        page = Image.fromarray(ground(kind, tall, wide).astype(np.uint8))
        at = (rng.randint(0, wide - width), rng.randint(0, tall - height))
        page.paste(image.convert("L"), at, image.split()[3])
        name = "_".join(file.split("/stamps/")[1].rsplit(".", 1)[0].split("/"))
        out.add(page, name, name, f"stamp on {kind}")


def opencv(debs, out):
    """The photographs in OpenCV's documentation: many greys and no large flat part."""
    seen = set()
    for file in sorted(glob.glob(f"{debs}/usr/share/doc/opencv-doc/**/*.jp*g", recursive=True)):
        if os.path.getsize(file) < 15000:
            continue
        image = Image.open(file).convert("L")
        pixels = np.asarray(image)
        digest = hashlib.sha256(pixels.tobytes()).digest()
        shares = np.bincount(pixels.ravel(), minlength=256) / pixels.size
        flat = shares.max() > 0.12 or (shares > 0.0005).sum() < 140
        if min(image.size) < 180 or digest in seen or flat:
            continue
        seen.add(digest)
        out.add(image, stem(file), stem(file), "opencv")


def samples(out):
    """The photographs that come with scikit-image, scikit-learn and matplotlib."""
    import matplotlib
    import skimage
    import sklearn

    folders = [os.path.dirname(p.__file__) for p in (skimage, sklearn, matplotlib)]
    files = [f for f in glob.glob(f"{folders[0]}/data/*.*") if f.endswith((".png", ".jpg", ".jpeg"))]
    files += glob.glob(f"{folders[1]}/datasets/images/*.jpg")
    files += glob.glob(f"{folders[2]}/mpl-data/sample_data/*.jpg")
    for file in sorted(files):
        image = Image.open(file).convert("RGB")
        width, height = image.size
        if min(image.size) < 64:
            continue
        name, grey = stem(file), image.convert("L")
        out.add(image.copy(), f"{name}_colour", name, "colour")
        out.add(grey.copy(), name, name, "grey")
        if min(image.size) < 250:
            continue
        for i in range(4):
            x, y = width // 2 * (i % 2), height // 2 * (i // 2)
            out.add(grey.crop((x, y, x + width // 2, y + height // 2)), f"{name}_{i}", name, "grey, cut")
        out.add(rim(grey, (0, 0), 1.3, 1), f"{name}_rim", name, "grey, dark rim")


def main():
    debs, out = sys.argv[1:3]
    sets = [Set(out, "train", "train"), Set(out, "opencv", "test"), Set(out, "samples", "test")]
    wallpapers(debs, sets[0])
    stamps(debs, sets[0])
    opencv(debs, sets[1])
    samples(sets[2])
    for each in sets:
        each.write()


if __name__ == "__main__":
    main()
