"""Beach scenes drawn from numbers: sky, sea, clouds, boats, kites, and a gull or none.

    beach = sample(64, seed=0)       # what is to be seen, as arrays with one entry per scene
    images = draw(beach, size=48)    # (64, 3, 48, 48) float32 in [0, 1]
    moved = beach._replace(x=beach.x + 0.1)   # the same scenes, their gulls a tenth further right

Whether there is a gull cannot be told from the colours. A scene without one holds one object more
of another kind, painted from the same four pots (white, grey, black, orange) in about the same
amounts. Only the shape differs.

Lengths and places are parts of the picture's side, so one beach can be drawn in any size. Edges are
anti-aliased by their exact distance: a pixel at distance d inside an edge is covered by d + 1/2.
"""

from __future__ import annotations

from collections import namedtuple
from functools import reduce
from itertools import product

import numpy as np

from course_utils.checks import real, whole

KINDS = ("nothing", "boat", "kite", "balloon", "buoy", "rock", "parasol")  # what is no gull

_PALETTES = np.array(  # of each light: zenith, low sky, far sea, near sea, colour of the light
    [
        [(55, 60, 67), (78, 81, 83), (36, 44, 48), (43, 54, 56), (91, 91, 91)],  # overcast
        [(50, 66, 82), (86, 89, 89), (38, 55, 64), (45, 65, 67), (97, 97, 97)],  # haze
        [(20, 48, 85), (68, 86, 97), (11, 41, 62), (20, 62, 68), (100, 100, 100)],  # noon
        [(38, 52, 77), (99, 82, 60), (40, 47, 57), (26, 45, 55), (100, 95, 86)],  # evening
        [(27, 28, 50), (96, 63, 52), (36, 33, 46), (21, 28, 42), (95, 86, 86)],  # dusk
    ],
    dtype=np.float32,
) / np.float32(100)
_SAND = np.array([0.90, 0.80, 0.62], np.float32)
_POTS = {  # the colours of gulls and of all else that is painted
    "white": np.array([0.98, 0.98, 0.97], np.float32),
    "grey": np.array([0.62, 0.65, 0.69], np.float32),
    "black": np.array([0.12, 0.13, 0.15], np.float32),
    "orange": np.array([0.95, 0.55, 0.12], np.float32),
}
_CLOUDS, _PUFFS, _OBJECTS = 2, 5, 3
_OFTEN = np.cumsum([0.22, 0.22, 0.22, 0.1, 0.1])  # of each kind in turn; the rest is parasols
_SPAN = (0.17, 0.27)  # half the wing span
_APART, _TRIES = 0.3, 12  # objects keep this distance, where so many tries find a free place
_CHUNK = 128  # scenes drawn at a time: their pixels stay in the processor's cache

_FIELDS = """light horizon shore glow waves clouds kind object_x object_y object_span object_flip
    present x y span yaw pitch roll inner outer"""


class Beach(namedtuple("Beach", _FIELDS)):
    """N scenes as numbers. Places x (to the right), y (down), lengths: parts of the picture's side.

    light (N,): 0 overcast, 1 haze, 2 noon, 3 evening, 4 dusk, or between two. horizon, shore (N,):
    y where the sea, the sand begins. glow (N,): x of the bright place over the horizon. waves (N,):
    phase of the waves. clouds (N, 2, 5, 4): x, y, width (0 is none), height of each cloud's puffs.
    kind (its number in KINDS), object_x, object_y, object_span, object_flip (1 or -1) (N, 3): the
    other objects. present (N,): whether there is a gull. x, y (N,): its centre. span (N,): half its
    wing span. yaw, pitch, roll (N,): how it is turned. inner, outer (N,): how far the two parts of
    its wings are raised. Angles are in radians.
    """

    __slots__ = ()

    def take(self, which) -> Beach:
        """Return some of the scenes; `which` is an index array, a mask or a slice."""
        return Beach(*(values[which] for values in self))


def sample(count: int, *, seed: int = 0, centred: bool = False, share: float = 0.5) -> Beach:
    """Draw `count` scenes at random.

    seed: from 0 to 2**32 - 1. The same seed gives the same scenes on every machine.
    centred: True puts every gull in the middle, at most 3 % of the side off it; False anywhere,
        its centre at least a fifth of the side from each edge.
    share: part of the scenes with a gull, 0 to 1; exactly round(share * count) have one.
    """
    count, seed = whole("count", count, 1), whole("seed", seed, 0, 2**32 - 1)
    share = real("share", share, 0, 1)
    # RandomState and not default_rng: NumPy promises never to change its stream (NEP 19).
    random = np.random.RandomState(seed)

    def between(low, high, *shape):
        return random.uniform(low, high, (count, *shape)).astype(np.float32)

    present = np.zeros(count, bool)
    present[random.permutation(count)[: round(share * count)]] = True
    horizon, shore = between(0.42, 0.6), between(0.8, 0.95)
    reach = (0.47, 0.53) if centred else (0.2, 0.8)
    x, y = between(*reach), between(*reach)
    return Beach(
        light=between(0, 4),
        horizon=horizon,
        shore=shore,
        glow=between(0.1, 0.9),
        waves=between(0, 2 * np.pi),
        clouds=_cloud_puffs(random, horizon),
        **_objects(random, horizon, shore, np.where(present, x, 9), y),
        present=present,
        x=x,
        y=y,
        span=between(*_SPAN),
        yaw=between(0.45, 1.15) * np.where(random.rand(count) < 0.5, -1, 1).astype(np.float32),
        pitch=between(-0.5, 0.5),
        roll=between(-0.35, 0.35),
        inner=between(0.25, 0.95),
        outer=between(-0.45, 0.35),
    )


def _cloud_puffs(random, horizon):
    """Two heaps of five flat ellipses each, some of them left out."""
    count = len(horizon)
    x = random.uniform(0, 1, (count, _CLOUDS, 1)) + random.uniform(-0.16, 0.16, (1, 1, _PUFFS))
    x = x + random.uniform(-0.03, 0.03, (count, _CLOUDS, _PUFFS))
    base = horizon[:, None, None] * random.uniform(0.2, 0.75, (count, _CLOUDS, 1))
    width = random.uniform(0.08, 0.17, (count, _CLOUDS, _PUFFS))
    width = width * (random.rand(count, _CLOUDS, 1) < 0.7)  # a cloud in seven of ten places
    height = width * random.uniform(0.32, 0.55, (count, _CLOUDS, _PUFFS))
    y = base - 0.4 * height
    return np.stack([x, y, width, height], axis=-1).astype(np.float32)


def _objects(random, horizon, shore, gull_x, gull_y):
    """One or two objects beside a gull, two or three where there is none (gull_x is 9)."""
    count = len(horizon)
    kind = np.searchsorted(_OFTEN, random.uniform(0, 1, (count, _OBJECTS))) + 1
    how_many = random.randint(1, _OBJECTS, count) + (gull_x > 1)
    kind[np.arange(_OBJECTS) >= how_many[:, None]] = 0
    x, y = np.zeros((2, count, _OBJECTS))
    taken = [(gull_x, gull_y)]
    for slot in range(_OBJECTS):
        free = np.zeros(count, bool)
        for _ in range(_TRIES):  # a crowded scene keeps its last try
            new_x = random.uniform(0.15, 0.85, count)
            new_y = _height(kind[:, slot], random.uniform(0, 1, count), horizon, shore)
            x[~free, slot], y[~free, slot] = new_x[~free], new_y[~free]
            here = x[:, slot], y[:, slot]
            free = np.all([np.hypot(here[0] - a, here[1] - b) > _APART for a, b in taken], axis=0)
        taken.append((np.where(kind[:, slot] > 0, x[:, slot], 9), y[:, slot]))
    return {
        "kind": kind,
        "object_x": x.astype(np.float32),
        "object_y": y.astype(np.float32),
        "object_span": random.uniform(*_SPAN, kind.shape).astype(np.float32),
        "object_flip": np.where(random.rand(*kind.shape) < 0.5, -1, 1).astype(np.float32),
    }


def _height(kind, lift, horizon, shore):
    """Height of an object: what flies is in the sky, parasols on the sand, all else at sea."""
    return np.select(
        [np.isin(kind, (KINDS.index("kite"), KINDS.index("balloon"))), kind == len(KINDS) - 1],
        [0.16 + lift * (horizon - 0.22), shore + 0.02 + lift * 0.05],
        horizon + 0.04 + lift * (shore - horizon - 0.04),
    )


def draw(beach: Beach, size: int = 32) -> np.ndarray:
    """Paint the scenes: (N, 3, size, size) float32 in [0, 1], red, green and blue.

    size: side in pixels, from 24 to 128. The place (x, y) of a `Beach` is the pixel coordinate
    (x * size - 0.5, y * size - 0.5), where 0 is the centre of the first pixel.
    """
    whole("size", size, 24, 128)
    images = np.empty((len(beach.x), 3, size, size), np.float32)
    for start in range(0, len(images), _CHUNK):
        part = slice(start, start + _CHUNK)
        images[part] = _paint(beach.take(part), size).transpose(0, 3, 1, 2)
    return images


def _paint(beach, size):
    """The scenes of one chunk, (N, size, size, 3): from the sky forward."""
    step = np.minimum(beach.light.astype(int), len(_PALETTES) - 2)
    mix = (beach.light - step)[:, None, None]
    palette = _PALETTES[step] * (1 - mix) + _PALETTES[step + 1] * mix  # (N, 5, 3)
    images = _sky(beach, palette, size)
    _paint_clouds(images, beach, palette, size)
    _paint_sea(images, beach, palette, size)
    for slot, (number, kind) in product(range(_OBJECTS), enumerate(KINDS[1:], 1)):
        chosen = np.flatnonzero(beach.kind[:, slot] == number)
        if len(chosen):
            parts = _placed(kind, beach.object_flip[chosen, slot])
            x, y, span = beach.object_x, beach.object_y, beach.object_span * _SCALES[kind]
            places = (values[chosen, slot] for values in (x, y, span))
            _paint_parts(images, chosen, parts, *places, palette[chosen, 4], size)
    birds = np.flatnonzero(beach.present)
    if len(birds):
        bird = beach.take(birds)
        places = bird.x, bird.y, bird.span
        _paint_parts(images, birds, _gull(bird), *places, palette[birds, 4], size)
    return np.clip(images, 0, 1)


def _rows(size):
    """The places of the pixel centres along one side, (size,)."""
    return (np.arange(size, dtype=np.float32) + 0.5) / size


def _sky(beach, palette, size):
    y, horizon = _rows(size), beach.horizon[:, None]
    depth = np.clip(y / horizon, 0, 1)[:, :, None]  # (N, H, 1)
    column = palette[:, None, 0] * (1 - depth) + palette[:, None, 1] * depth  # (N, H, 3)
    wide = ((y - beach.glow[:, None]) / 0.35) ** 2  # (N, W)
    high = ((y - horizon) / 0.22) ** 2  # (N, H)
    glow = 0.16 * np.exp(-high)[:, :, None] * np.exp(-wide)[:, None, :]
    return column[:, :, None] + glow[..., None] * palette[:, None, None, 4]


def _paint_clouds(images, beach, palette, size):
    """Heaps of puffs: white above, grey below, soft at the rim, nothing below the horizon."""
    x = _rows(size)
    y = x[: int(np.ceil(size * beach.horizon.max()))]  # clouds stand in the sky only
    sky = images[:, : len(y)]
    for cloud in beach.clouds.transpose(1, 2, 3, 0)[..., None]:  # (puffs, 4, N, 1)
        body = np.zeros(sky.shape[:3], np.float32)
        for px, py, *sides in cloud:
            width, height = np.maximum(sides, np.float32(1e-6))
            across, up = ((x - px) / width) ** 2, ((y - py) / height) ** 2
            body += np.maximum(0, 1 - across[:, None, :] - up[:, :, None])
        alpha = np.minimum(body * 1.6, 1) * 0.92
        dark = np.clip((y - cloud[:, 1].max(axis=0) + 0.06) / 0.1, 0, 1)[:, :, None, None]
        colour = palette[:, None, None, 4] * (_POTS["white"] * (1 - dark) + 0.74 * dark)
        sky += alpha[..., None] * (colour - sky)


def _paint_sea(images, beach, palette, size):
    """The sea with its waves, the surf, the sand."""
    y, horizon, shore = _rows(size), beach.horizon[:, None], beach.shore[:, None]
    below = np.clip((y - horizon) * size + 0.5, 0, 1)[..., None, None]  # (N, H, 1, 1)
    depth = np.clip((y - horizon) / (shore - horizon), 0, 1)[:, :, None]  # 0 far, 1 at the shore
    water = palette[:, None, 2] * (1 - depth) + palette[:, None, 3] * depth
    phase = beach.waves[:, None]
    bent = 1.4 * np.sin(8 * y + phase) + 0.7 * np.sin(19 * y - 2 * phase)  # (N, W)
    crests = np.sin(34 * depth**0.7 + bent[:, None, :])
    breaks = np.sin((13 * y + phase)[:, None, :] + 27 * depth)
    ripple = crests * (0.6 + 0.4 * breaks) * (0.02 + 0.04 * depth)
    images += below * (water[:, :, None] + ripple[..., None] - images)

    bend = 0.02 * np.sin(7 * y + phase)  # (N, W): the edge of the water is no straight line
    inland = (y[:, None] - shore[:, :, None] - bend[:, None, :])[..., None]  # (N, H, W, 1)
    sand = np.clip(inland * size + 0.5, 0, 1)
    wet = 0.78 + 0.22 * np.clip(inland / 0.07, 0, 1)
    images += sand * (_SAND * palette[:, None, None, 4] * wet - images)
    foam = 0.8 * np.clip(1 - np.abs(inland + 0.008) / 0.02, 0, 1)
    images += foam * (palette[:, None, None, 4] * _POTS["white"] - images)


# A shape is a list of parts, painted in turn, in a frame of its own whose unit is half a wing span.
# A part is a colour and three corners of a triangle, or two ends of a stroke and its half width at
# either; a point is an array (2, n, 1, 1), x and y in n scenes.


def _paint_parts(images, which, parts, x, y, span, tint, size):
    """Paint one shape into images[which]. x, y, span (n,); tint (n, 3): colour of the light."""
    half = int(np.ceil(1.2 * span.max() * size)) + 1
    scale, centre = (span * size)[:, None, None], np.stack([x, y])[..., None] * size
    pixel = np.floor(centre).astype(int) + np.arange(-half, half + 1)  # (2, n, W)
    px, py = (pixel + 0.5) - centre
    px, py = px[:, None, :] / scale, py[:, :, None] / scale  # in units of the span
    shade = 1 - 0.10 * np.clip(py + 0.3, 0, 1)[..., None]  # light comes from above
    column, row = pixel.clip(0, size - 1)
    patch = images[which[:, None, None], row[:, :, None], column[:, None, :]]
    for colour, *numbers in parts:
        distance = (_to_triangle if len(numbers) == 3 else _to_stroke)(px, py, *numbers)
        alpha = np.clip(0.5 - distance * scale, 0, 1)[..., None]
        patch += alpha * (_POTS[colour] * tint[:, None, None] * shade - patch)
    across, down = (pixel >= 0) & (pixel < size)
    scene, rows, columns = np.nonzero(across[:, None, :] & down[:, :, None])
    images[which[scene], row[scene, rows], column[scene, columns]] = patch[scene, rows, columns]


def _to_triangle(px, py, *corners):
    """Distance of each pixel to a triangle, negative inside: the largest over its three sides."""
    (ax, ay), (bx, by), (cx, cy) = corners
    turn = np.sign((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
    sides = []
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        length = np.maximum(np.hypot(bx - ax, by - ay), 1e-6)
        nx, ny = (by - ay) / length * turn, (ax - bx) / length * turn
        sides.append(nx * px + ny * py - (nx * ax + ny * ay))
    return reduce(np.maximum, sides)


def _to_stroke(px, py, start, end, thick, thin):
    """Distance of each pixel to a line whose half width goes from `thick` to `thin`."""
    (x, y), (ax, ay) = start, end - start
    length = np.maximum(ax * ax + ay * ay, 1e-6)
    dx, dy = px - x, py - y
    t = np.clip(dx * (ax / length) + dy * (ay / length), 0, 1)
    dx, dy = dx - t * ax, dy - t * ay
    return np.sqrt(dx * dx + dy * dy) - (thick + (thin - thick) * t)


def _gull(bird):
    """A gull in flight, built in space and seen from the side: two wings, body, head, beak.

    In space: the beak points along +a, up is +b, the wings lie along +c and -c.
    """

    def seen(a, b, c):
        """Turn a point with the bird and project it: x to the right, y down."""
        x = a * np.cos(bird.yaw) + c * np.sin(bird.yaw)
        depth = c * np.cos(bird.yaw) - a * np.sin(bird.yaw)
        y = -b * np.cos(bird.pitch) + depth * np.sin(bird.pitch)
        cos, sin = np.cos(bird.roll), np.sin(bird.roll)
        seen = np.stack([x * cos - y * sin, x * sin + y * cos])
        return seen.astype(np.float32)[..., None, None]

    wings = []
    for side, colour in ((-1, "white"), (1, "grey")):  # one from below, one from above
        shoulder = (0.10, 0.05, side * 0.05)
        sin, cos = 0.46 * np.sin(bird.inner), 0.46 * np.cos(bird.inner)
        bend = (0.20, 0.05 + sin, side * (0.05 + cos))
        sin, cos = 0.62 * np.sin(bird.outer), 0.62 * np.cos(bird.outer)
        tip = (-0.02, bend[1] + sin, bend[2] + side * cos)
        mark = tuple(b + 0.66 * (t - b) for b, t in zip(bend, tip, strict=True))
        wings += [
            (colour, seen(*bend), seen(*mark), 0.115, 0.075),
            (colour, seen(*shoulder), seen(*bend), 0.125, 0.12),
            ("black", seen(*mark), seen(*tip), 0.075, 0.02),
        ]
    places = ((-0.48, 0.0, 0), (0.12, 0.0, 0), (0.42, 0.07, 0), (0.6, 0.02, 0))
    tail, chest, head, beak = (seen(*place) for place in places)
    body = [
        ("white", tail, chest, 0.05, 0.145),
        ("white", chest, head, 0.145, 0.1),
        ("orange", head + 0.6 * (beak - head), beak, 0.045, 0.03),
    ]
    return [*wings[:3], *body, *wings[3:]]


# Kind -> three marks, two as dark, as large and as thin as the tip of a gull's wing and one as its
# beak (from a point, so far to the right and so far down); the parts below them. In its scale a
# kind takes as much paint as a gull.
_SCALES = dict(zip(KINDS[1:], (0.88, 0.89, 0.95, 0.89, 0.89, 1.0), strict=True))
_DARK, _BEAK = ("black", 0.08, 0.025), ("orange", 0.045, 0.02)
_SHAPES = {
    "boat": (
        ((-0.05, 0.0, -0.2, -0.01), (0.11, 0.0, 0.2, -0.01), (0.02, -0.99, 0.07, 0.01)),
        ("grey", (0, -1.0), (0, -0.1), 0.02, 0.02),
        ("grey", (-0.05, -0.92), (-0.05, -0.2), (-0.42, -0.2)),
        ("white", (0.05, -1.0), (0.05, -0.2), (0.66, -0.2)),
        ("grey", (-0.44, -0.07), (0.5, -0.07), 0.05, 0.05),
    ),
    "kite": (
        ((0.03, 0.58, 0.11, 0.11), (0.22, 0.83, -0.08, 0.13), (0.2, 0.74, 0.05, 0.05)),
        ("white", (0, -0.65), (-0.46, -0.15), (0, 0.55)),
        ("grey", (0, -0.65), (0.4, -0.15), (0, 0.55)),
    ),
    "balloon": (
        ((-0.07, 0.12, 0.03, 0.15), (0.07, 0.12, -0.03, 0.15), (0, 0.0, 0, 0.06)),
        ("white", (0, -0.5), (0, -0.3), 0.35, 0.26),
        ("grey", (0.1, -0.5), (0.08, -0.3), 0.25, 0.19),
        ("white", (0.15, -0.5), (0.11, -0.34), 0.09, 0.06),
    ),
    "buoy": (
        ((-0.08, 0.01, -0.18, 0.02), (0.08, 0.01, 0.18, 0.02), (0, -0.98, 0, 0.06)),
        ("grey", (-0.36, 0.0), (0.36, 0.0), (0.0, -1.05)),
        ("white", (-0.13, -0.36), (0.13, -0.36), 0.14, 0.14),
        ("white", (-0.5, 0.1), (0.5, 0.1), 0.06, 0.06),
    ),
    "rock": (
        ((0.05, -0.02, 0.16, 0.02), (0.36, 0.0, 0.16, 0.02), (0.3, -0.15, 0.06, 0.03)),
        ("grey", (-0.45, 0.0), (0.05, -0.16), 0.16, 0.22),
        ("grey", (0.05, -0.16), (0.5, 0.0), 0.22, 0.13),
        ("white", (-0.62, 0.13), (0.66, 0.13), 0.065, 0.055),
        ("white", (-0.35, -0.12), (0.05, -0.3), 0.07, 0.09),
    ),
    "parasol": (
        ((0.0, -0.33, -0.03, 0.16), (-0.06, -0.03, -0.03, 0.16), (0.05, -0.99, 0, 0.05)),
        ("grey", (0.05, -0.8), (-0.1, 0.12), 0.02, 0.02),
        ("white", (0.05, -0.95), (-0.6, -0.42), (-0.2, -0.39)),
        ("grey", (0.05, -0.95), (-0.2, -0.39), (0.36, -0.39)),
        ("white", (0.05, -0.95), (0.36, -0.39), (0.66, -0.46)),
    ),
}


def _placed(kind, flip):
    """The parts of an object as `_paint_parts` takes them, mirrored where the flip is -1."""
    marks, *parts = _SHAPES[kind]
    for (x, y, dx, dy), (colour, *thickness) in zip(marks, (_DARK, _DARK, _BEAK), strict=True):
        parts.append((colour, (x, y), (x + dx, y + dy), *thickness))

    def point(x, y):
        return np.stack([x * flip, np.full_like(flip, y)])[..., None, None]

    for colour, *numbers in parts:
        yield colour, *(point(*n) if isinstance(n, tuple) else n for n in numbers)
