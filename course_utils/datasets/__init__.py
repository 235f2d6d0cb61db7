"""Small data sets as PyTorch tensors, ready for training: real scans, and drawn beach scenes.

Files come from ``data/`` and are verified each time they are read; the scenes are drawn anew; the
one photograph comes with matplotlib. An argument out of range is a ValueError that names it.
PyTorch and NumPy are imported inside the functions: asking a question should not wait for them.
"""

from __future__ import annotations

from collections import namedtuple

from course_utils.checks import whole
from course_utils.datasets.files import scans
from course_utils.downloads import cifar10 as cifar10
from course_utils.downloads import fashion_mnist as fashion_mnist
from course_utils.downloads import mnist as mnist
from course_utils.downloads import read_idx as read_idx

Seagulls = namedtuple("Seagulls", "images presence position")


def digits(size=8, *, seed=0):
    """1,797 scans of handwritten digits, split into a training part and a test part.

    size: side of the images in pixels, a multiple of 8 from 8 to 256. The scans have 8 x 8 pixels;
          larger ones are interpolated, so they hold no further detail.
    seed: of the choice of the test part, from 0 to 2**32 - 1: a quarter of every class, 450 scans
          in all, the same on every machine. 1,347 are for training.

    Returns (train, test), each (images (N, 1, size, size) float32 in [0, 1] with 0 = paper,
    labels (N,) int64), both in the order of the file. Both come from the same thirteen writers.

    Source: Alpaydin and Kaynak, UCI Machine Learning Repository, 1998 (see data/README.md).
    """
    import numpy as np
    import torch

    size = whole("size", size, 8, 256)  # 1,797 images of 256 x 256 floats are 471 MB
    if size % 8:
        raise ValueError(f"size must be a multiple of 8 from 8 to 256, got {size}")
    # RandomState and not default_rng: NumPy promises never to change its stream (NEP 19).
    random = np.random.RandomState(whole("seed", seed, 0, 2**32 - 1))
    pixels, classes = scans()
    chosen = torch.zeros(len(classes), dtype=torch.bool)
    for label in range(10):
        members = random.permutation(np.flatnonzero(classes == label))
        chosen[members[: round(0.25 * len(members))]] = True
    images = torch.from_numpy(pixels).float().div(16).unsqueeze(1)  # (N, 1, 8, 8)
    labels = torch.from_numpy(classes).long()
    if size != 8:
        images = torch.nn.functional.interpolate(images, (size, size), mode="bilinear")
    return (images[~chosen], labels[~chosen]), (images[chosen], labels[chosen])


def seagulls(count=1000, *, size=32, centred=False, share=0.5, seed=0):
    """Beach scenes drawn from a seed: is there a gull, and where?

    size: side of the images in pixels, from 24 to 128; 32 and 48 are meant.
    count, seed, centred, share: as for `datasets.scenes.sample`.

    Returns Seagulls(images, presence, position); (images, presence) is a pair for training.
    images (N, 3, size, size): float32 in [0, 1], red, green, blue.
    presence (N,): int64, 1 where there is a gull, else 0.
    position (N, 2): float32, the gull's centre as (x, y) in pixels: x to the right, y down, (0, 0)
        is the centre of the top left pixel. NaN where there is none.

    Boats, kites, balloons, buoys, rocks and parasols in the same four colours stand around; a scene
    without a gull has one of them more, so colours alone do not tell. A processor core draws about
    2,000 scenes of 32 pixels a second.
    """
    import numpy as np
    import torch

    from course_utils.datasets import scenes

    beach = scenes.sample(count, seed=seed, centred=centred, share=share)
    images = torch.from_numpy(scenes.draw(beach, size))
    position = np.stack([beach.x, beach.y], axis=1) * size - 0.5
    position[~beach.present] = np.nan
    presence = torch.from_numpy(beach.present).long()
    return Seagulls(images, presence, torch.from_numpy(position))


def photograph(size=224):
    """One real photograph, cropped to a square, as an image network takes it.

    size: side in pixels, an integer from 32 to 512.

    Returns (1, 3, size, size) float32 in [0, 1], red, green, blue. It shows Commodore Grace
    Hopper, computer scientist, in uniform before a flag: 512 x 512 pixels of the portrait by
    James S. Davis, U.S. Navy (1984, public domain), which comes with matplotlib.
    """
    import torch
    from matplotlib import cbook, image

    size = whole("size", size, 32, 512)
    try:
        path = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
        pixels = image.imread(path)  # (600, 512, 3) uint8
    except FileNotFoundError as error:
        raise FileNotFoundError(
            "this matplotlib has no sample data, so the photograph grace_hopper.jpg is missing: "
            "install the matplotlib of the Python Package Index"
        ) from error
    square = torch.from_numpy(pixels[16:528].copy()).permute(2, 0, 1)[None] / 255
    image = torch.nn.functional.interpolate(square, (size, size), mode="bilinear", antialias=True)
    return image.clamp(0, 1)  # the weights of a mean may add up to a hair more than 1
