"""The exercises of lesson 08: sides of maps, a grouped convolution, the paper's normalisation.

Source: Krizhevsky, Sutskever and Hinton (2012), *ImageNet Classification with Deep Convolutional
Neural Networks*, NIPS 25, sections 3.2, 3.3 and 3.5.
"""

from course_utils.exercises import Exercise
from course_utils.exercises import later_numpy as np


def map_side(n, kernel, stride, padding, round_up):
    """Count the windows in a row of n pixels, rounded down or up."""
    room = n + 2 * padding - kernel
    steps = room // stride
    if round_up and room % stride:
        steps += 1  # a last window that reads past the edge
    return steps + 1


def random_side(rng):
    kernel = rng.choice((1, 2, 3, 5, 7, 11))
    n = rng.randint(kernel, 60)
    return n, kernel, rng.randint(1, 4), rng.randint(0, kernel // 2), rng.random() < 0.5


MAP_SIDE = Exercise(
    id="08.map-side",
    solution=map_side,
    fixed=(  # n, kernel, stride, padding, round_up
        (227, 11, 4, 0, False),
        (224, 11, 4, 0, False),
        (224, 11, 4, 0, True),
        (224, 11, 4, 2, False),
        (227, 11, 4, 0, True),
        (55, 3, 2, 0, False),
        (26, 3, 2, 0, True),
        (13, 3, 1, 1, False),
        (12, 5, 3, 2, True),
    ),
    random_case=random_side,
    wrong_ideas={
        "You round down in every case. With `round_up` a part of a window that is left over "
        "makes one more window.": lambda n, k, s, p, up: map_side(n, k, s, p, False),
        "You round up in every case. Without `round_up` a window that does not fit completely "
        "is left out.": lambda n, k, s, p, up: map_side(n, k, s, p, True),
        "With `round_up` you add a window in every case. 227 pixels divide evenly: what is "
        "there to round?": lambda n, k, s, p, up: map_side(n, k, s, p, False) + up,
        "You count the steps from one window to the next. How many windows are there if there "
        "is no step at all?": lambda n, k, s, p, up: map_side(n, k, s, p, up) - 1,
        "You add the padding once. There are zeros at both "
        "ends of the row.": lambda n, k, s, p, up: map_side(n + p, k, s, 0, up),
        "`padding` has no effect in your function. It makes the row longer before the windows "
        "are laid.": lambda n, k, s, p, up: map_side(n, k, s, 0, up),
        "You divide the whole row by the stride. The last window must end inside the row, so "
        "where can it start at the latest?": lambda n, k, s, p, up: map_side(n, 0, s, p, up) - 1,
        "Your count has a fraction: 54.25 windows. What becomes of the quarter depends on "
        "`round_up`.": lambda n, k, s, p, up: (n + 2 * p - k) / s + 1,
        "You add the 1 before you divide. It stands for the first window, which is there "
        "whatever the stride.": lambda n, k, s, p, up: map_side(n + 1, k, s, p, up) - 1,
    },
)


def grouped_conv(x, weight, bias, groups):
    """Convolve each group of maps with its own filters, no padding: (N, C, H, W) to (N, M, ..)."""
    import torch
    from torch.nn.functional import conv2d

    x, weight, bias = map(torch.as_tensor, (x, weight, bias))
    parts = x.chunk(groups, dim=1)  # each (N, C / groups, H, W)
    filters, biases = weight.chunk(groups), bias.chunk(groups)  # each (M / groups, ...)
    towers = [conv2d(*each) for each in zip(parts, filters, biases, strict=True)]
    return torch.cat(towers, dim=1)


def towers_of(x, weight, bias, groups):
    """The outputs of the groups, one array (N, M / groups, H, W) each."""
    return np.split(np.asarray(grouped_conv(x, weight, bias, groups)), groups, axis=1)


def dealt(values, groups, axis):
    """Reorder an axis as cards are dealt: every group gets each groups-th entry."""
    places = np.arange(values.shape[axis]).reshape(-1, groups).T.ravel()
    return values.take(places, axis)


def counted(*shape):
    """Small whole numbers that do not repeat soon, as floats."""
    return (np.arange(np.prod(shape)) * 7 % 11 - 4.0).reshape(shape)


def random_grouped(rng):
    groups, k = rng.choice((1, 2, 3)), rng.randint(1, 3)
    c, m = groups * rng.randint(1, 3), groups * rng.randint(1, 3)
    shapes = (rng.randint(1, 2), c, 4, 5), (m, c // groups, k, k), (m,)
    return *(np.random.default_rng(rng.randint(0, 999)).normal(size=s) for s in shapes), groups


GROUPED_CONV = Exercise(
    id="08.grouped-conv",
    solution=grouped_conv,
    fixed=lambda: (  # x, weight, bias, groups
        (counted(1, 4, 3, 3), counted(4, 2, 2, 2), counted(4), 2),
        (counted(2, 6, 3, 4), counted(9, 2, 1, 1), counted(9), 3),
        (counted(1, 2, 4, 4), counted(3, 2, 3, 3), counted(3), 1),
        (counted(2, 8, 5, 5), counted(8, 4, 3, 3), counted(8), 2),
    ),
    random_case=random_grouped,
    random_count=12,
    wrong_ideas={
        "You put what the groups made behind each other along axis 0, as if it were further "
        "images. On which axis do the maps lie?": lambda *given: np.concatenate(towers_of(*given)),
        "You add up what the groups made. A sum runs over the maps that one filter reads, and a "
        "filter reads its own group; the groups' maps stand side by side.": lambda *given: sum(
            towers_of(*given)
        ),
        "All your filters read the first group of maps. Which part of `x` belongs to the second "
        "part of `weight`?": lambda x, w, b, g: grouped_conv(x[:, : w.shape[1]], w, b, 1),
        "Your groups read each other's maps: the order of the parts of `x` is turned "
        "round.": lambda x, w, b, g: grouped_conv(
            np.concatenate(np.split(x, g, axis=1)[::-1], axis=1), w, b, g
        ),
        "`bias` has no effect in your function. Each map that comes out has one, which is added "
        "at every place.": lambda x, w, b, g: grouped_conv(x, w, 0 * b, g),
        "Every group gets the biases of the first. They are divided among the groups like the "
        "filters.": lambda x, w, b, g: grouped_conv(x, w, np.tile(b[: len(b) // g], g), g),
        "You deal the maps of `x` out like cards. A group is a run of neighbours: the first "
        "C / groups maps, then the next.": lambda x, w, b, g: grouped_conv(dealt(x, g, 1), w, b, g),
        "You deal the filters out like cards. The first M / groups filters belong to the first "
        "group.": lambda x, w, b, g: grouped_conv(x, dealt(w, g, 0), dealt(b, g, 0), g),
        "The groups' maps alternate in your result. First come all maps of the first group, then "
        "all of the second.": lambda x, w, b, g: np.stack(towers_of(x, w, b, g), 2).reshape(
            len(x), len(w), x.shape[2] - w.shape[2] + 1, -1
        ),
        "Your maps keep the size of `x`: you pad. Here no zeros are asked "
        "for.": lambda x, w, b, g: grouped_conv(
            np.pad(x, ((0, 0), (0, 0), *[(w.shape[2] // 2,) * 2] * 2)), w, b, g
        ),
    },
)


def normalise(a, n, k, alpha, beta):
    """Normalise one position: divide each map's value by the strength of its n neighbours."""
    half = n // 2
    result = []
    for i in range(len(a)):
        first, last = max(0, i - half), min(len(a) - 1, i + half)
        strength = 0.0
        for j in range(first, last + 1):  # the map itself is among its neighbours
            strength += a[j] ** 2
        result.append(a[i] / (k + alpha * strength) ** beta)
    return result


def squares(values):
    return sum(v**2 for v in values)


def window(a, i, half):
    return a[max(0, i - half) : i + half + 1]


def with_strength(strength, around=window):
    """Return `normalise` with another strength of other neighbours, around(a, i, n // 2)."""
    return lambda a, n, k, alpha, beta: [
        v / (k + alpha * strength(around(a, i, n // 2))) ** beta for i, v in enumerate(a)
    ]


def overwriting(a, *constants):
    for i in range(len(a)):
        a[i] = normalise(a, *constants)[i]
    return a


def random_position(rng):
    a = [rng.randint(0, 40) / 2 for _ in range(rng.randint(7, 12))]
    return a, rng.choice((3, 5)), 2.0, rng.choice((0.01, 0.1)), rng.choice((0.5, 0.75))


NORMALISE = Exercise(
    id="08.normalise",
    solution=normalise,
    fixed=(  # a, n, k, alpha, beta
        ([0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0], 5, 2.0, 0.1, 0.75),
        ([10.0, 0.0, 0.0, 8.0, 6.0, 0.0, 4.0], 5, 2.0, 0.1, 0.75),
        ([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0], 3, 2.0, 0.05, 0.5),
        ([200.0] * 8, 5, 2.0, 1e-4, 0.75),
    ),
    random_case=random_position,
    wrong_ideas={
        "You divide alpha by n. The authors' code and PyTorch do so, the printed formula does "
        "not, and that is what is asked for "
        "here.": lambda a, n, k, alpha, beta: normalise(a, n, k, alpha / n, beta),
        "You take the mean of the squares. The formula has their sum.": with_strength(
            lambda values: squares(values) / len(values)
        ),
        "You add up the values of the neighbours. The formula has their squares.": with_strength(
            sum
        ),
        "You add up first and square then. "
        "The formula squares each value by itself.": with_strength(lambda values: sum(values) ** 2),
        "You leave the map itself out. Look where j runs: is i among the values?": with_strength(
            squares, lambda a, i, half: a[max(0, i - half) : i] + a[i + 1 : i + half + 1]
        ),
        "You take n neighbours on each side. n is the width of the whole window, with the map "
        "itself in its middle.": lambda a, n, *rest: normalise(a, 2 * n + 1, *rest),
        "At the first and the last maps you go on at the other end. There the window is cut "
        "off.": with_strength(
            squares, lambda a, i, half: [a[j % len(a)] for j in range(i - half, i + half + 1)]
        ),
        "`beta` has no effect in your function. It is a power of the whole "
        "bracket.": lambda *given: normalise(*given[:4], 1),
        "You raise only the strength to the power and add k afterwards. Look where the bracket "
        "closes.": lambda a, n, k, alpha, beta: [
            v / (k + (alpha * squares(window(a, i, n // 2))) ** beta) for i, v in enumerate(a)
        ],
        "Your window reaches further to the left than to the right. Where does a Python slice "
        "end?": with_strength(squares, lambda a, i, half: a[max(0, i - half) : i + half]),
        "`k` has no effect in your function. The paper takes 2, some programs "
        "take 1.": lambda a, n, k, *rest: normalise(a, n, 1, *rest),
        "You overwrite the values as you go, so that later maps look at neighbours already "
        "made smaller. All of them look at the values that came in.": overwriting,
    },
)
