"""The coding exercises of notebook 03: shift a picture, break a strided stack, turn a kernel."""

import math

from course_utils.exercises import Exercise
from course_utils.exercises import later_numpy as np


def shift(x, dx, dy):
    """Shift a picture by dx columns to the right and dy rows down; it comes in again opposite."""
    height, width = x.shape
    shifted = np.zeros_like(x)
    for row in range(height):
        for column in range(width):
            # Ask the output where its value comes from: dy rows up, dx columns to the left.
            shifted[row, column] = x[(row - dy) % height, (column - dx) % width]
    return shifted


def _outside(x, dx, dy, mode):
    """Shift, and let come in what np.pad with this mode puts around the picture."""
    far = x.size + abs(dx) + abs(dy)  # so much room that nothing comes round
    return np.roll(np.pad(x, far, mode), (dy, dx), axis=(0, 1))[far:-far, far:-far]


def _random_picture(rng):
    height, width = rng.randint(2, 5), rng.randint(2, 6)
    x = np.array([[rng.randint(0, 9) for _ in range(width)] for _ in range(height)])
    return x, rng.randint(-width, width), rng.randint(-height, height)


SHIFT = Exercise(
    id="03.shift",
    solution=shift,
    fixed=lambda: (  # x, dx, dy: of either sign, once around and beyond
        (np.array([[3, 1, 4, 1, 5]]), 1, 0),
        *((np.array([[3, 1, 4], [1, 5, 9], [2, 6, 5]]), *by) for by in ((1, 0), (0, 1))),
        *((np.array([[3, 1, 4, 1], [5, 9, 2, 6], [5, 3, 5, 8]]), *by) for by in ((1, 2), (-1, 0))),
        (np.array([[3, 1, 4, 1], [5, 9, 2, 6]]), 5, 1),
    ),
    random_case=_random_picture,
    wrong_ideas={
        "Your picture becomes brighter and stays where it is. A shift changes indices, not values: "
        "every number of `x` must turn up again, at another place.": lambda x, dx, dy: x + dx + dy,
        "Your picture moves the other way. To move it to the right, where must an output look "
        "for its value: further right, or further left?": lambda x, dx, dy: shift(x, -dx, -dy),
        "`dx` moves your picture down and `dy` to the right. The first index of an array "
        "counts rows: which of the two belongs to it?": lambda x, dx, dy: shift(x, dy, dx),
        "The columns are right, "
        "and the rows stay where they are. What does `dy` do?": lambda x, dx, dy: shift(x, dx, 0),
        "The rows are right, and "
        "the columns stay where they are. What does `dx` do?": lambda x, dx, dy: shift(x, 0, dy),
        "What leaves your picture is lost, and zeros come in. Here the picture is a ring: what "
        "leaves at the right comes in at the left. Which "
        "operator takes an index round a ring?": lambda x, dx, dy: _outside(x, dx, dy, "constant"),
        "Your border is drawn out over the places that became free. Here the picture is a ring: "
        "what leaves "
        "at one side comes in at the opposite one.": lambda x, dx, dy: _outside(x, dx, dy, "edge"),
        "What leaves a row at the right comes in one row further down: the picture was shifted as "
        "one long line. `numpy.roll` "
        "does so unless it is told the axes.": lambda x, dx, dy: np.roll(x, dx + dy * x.shape[1]),
        "This is `x` "
        "as it was. Each output takes its value from another place.": lambda x, dx, dy: x.copy(),
    },
)


def breaks(strides, shift):
    """Say whether a shift breaks a stack of circular layers with these strides."""
    step = math.prod(strides)  # how far apart two neighbouring outputs are, in input pixels
    return shift % step != 0  # the output would have to move by shift / step: is that whole?


def _random_strides(rng):
    strides = [rng.choice((1, 1, 2, 2, 3, 4)) for _ in range(rng.randint(1, 4))]
    step = math.prod(strides)
    on_purpose = rng.random() < 0.4  # else hardly any shift would be a multiple
    return strides, step * rng.randint(-3, 3) if on_purpose else rng.randint(-12, 12)


BREAKS = Exercise(
    id="03.breaking-shift",
    solution=breaks,
    fixed=(
        *(([2], 1), ([2], 2), ([1], 1), ([2], 3), ([2], 4), ([3], 3), ([3], 2), ([2], 0)),
        *(([2, 2], 2), ([2, 2], 4), ([2, 3], 6), ([2, 3], 3), ([3, 2], 5), ([4, 1], 2)),
        *(([1, 4], 2), ([2, 3], 5), ([2, 2], -6), ([2, 4], 4)),
    ),
    random_case=_random_strides,
    wrong_ideas={
        "Your answer is right the other way round: `True` stands for a shift that breaks the "
        "layer. Does a shift by 0 break anything?": lambda s, shift: not breaks(s, shift),
        "That odd shifts break and even ones do not is the story of one stride. What do "
        "strides of 1 and of 3 make of it?": lambda s, shift: shift % 2 != 0,
        "You call every shift harmful. With a stride of 2, shift the input by 2: the same "
        "windows are read, one output later.": lambda s, shift: shift != 0,
        "Long shifts can break as well. With a stride of 2 and a shift of 3, by how many "
        "places would the output have to move?": lambda s, shift: 0 < abs(shift) < math.prod(s),
        "It is not a matter of how long the shift is. With a stride of 2, compare shifts by 1 and "
        "by 4: which "
        "one can the output follow in whole steps?": lambda s, shift: abs(shift) > math.prod(s),
        "You go by the last stride alone. A layer below it may already have met a shift that "
        "it could not follow.": lambda s, shift: shift % s[-1] != 0,
        "You go by the first stride alone. Shift the input of two layers of stride 2 by 2: by "
        "how much does the input of the second layer move?": lambda s, shift: shift % s[0] != 0,
        "You go by the largest stride alone. Follow the shift upwards: each layer passes on "
        "only a part of it to the next.": lambda s, shift: shift % max(s) != 0,
        "You add the strides. Two layers of stride 3, one on the other: how many inputs lie "
        "between two neighbouring units at the top?": lambda s, shift: shift % sum(s) != 0,
        "You do not look at "
        "the shift. Some shifts pass a strided layer unharmed: which?": lambda s, shift: max(s) > 1,
    },
)


def turned_kernels(w):
    """Return a kernel (k, k) in its four turns by 90 degrees to the left: (4, k, k)."""
    k = len(w)
    turns = [w]
    for _ in range(3):
        before, turned = turns[-1], np.zeros_like(w)
        for row in range(k):
            for column in range(k):
                # The rightmost column becomes the top row.
                turned[row, column] = before[column, k - 1 - row]
        turns.append(turned)
    return np.stack(turns)


def _turned(w, turns):
    return np.stack([np.rot90(w, quarters) for quarters in turns])


def _random_kernel(rng):
    k = rng.choice((2, 3, 3, 4, 5))
    return (np.array([[rng.randint(-5, 9) for _ in range(k)] for _ in range(k)]),)


TURNED_KERNELS = Exercise(
    id="03.turned-kernels",
    solution=turned_kernels,
    fixed=lambda: (
        (np.array([[1, 2], [3, 4]]),),
        (np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]]),),
        (np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]),),
    ),
    random_case=_random_kernel,
    random_count=20,
    wrong_ideas={
        "Your kernels turn to the right. Turning to the left, where does the upper right "
        "corner go first?": lambda w: _turned(w, (0, -1, -2, -3)),
        "Your first kernel is turned already. Begin with `w` as it is, the turn by 0.": lambda w: (
            _turned(w, (1, 2, 3, 4))
        ),
        "These are four copies of `w`. Each must be turned by a quarter more than the one "
        "before.": lambda w: _turned(w, (0, 0, 0, 0)),
        "You mirror the kernel in two of the four. A mirror image is no turn: write the letter R "
        "on paper and turn the sheet.": lambda w: np.stack([w, w[:, ::-1], w[::-1, ::-1], w[::-1]]),
        "Exchanging rows and columns mirrors the kernel at its diagonal. That is no turn: do it "
        "twice and you are back where "
        "you began, after two quarter turns you are not.": lambda w: np.stack([w, w.T, w, w.T]),
        "You turn `w` itself each time, by the same quarter. Turn the kernel that you made "
        "last.": lambda w: _turned(w, (0, 1, 1, 1)),
        "From kernel to kernel you turn by half a circle, so only two different ones come out. "
        "A quarter is wanted.": lambda w: _turned(w, (0, 2, 4, 6)),
        "One turned kernel is there. Wanted are all four in one array, the untouched `w` "
        "first.": lambda w: np.rot90(w),
    },
)
