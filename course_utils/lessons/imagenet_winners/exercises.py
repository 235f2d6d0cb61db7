"""The exercises of lesson 12: the competition's measure, its layer counts, the Pareto front.

Sources: Russakovsky et al. (2015), *ImageNet Large Scale Visual Recognition Challenge*, section
4.1 (top-5 error); He et al. (2015), *Deep Residual Learning for Image Recognition*, section 3.3
and table 1 (depth). The tests hold the reference solutions equal to the course's own counts.
"""

from __future__ import annotations

from course_utils.exercises import Exercise


def top_k_error(scores, labels, k):
    """Return the percentage of images whose label is not among the k classes scored highest."""
    wrong = 0
    for row, label in zip(scores, labels, strict=True):
        ahead = 0
        for score in row:
            ahead += score > row[label]  # classes that the network prefers to the right one
        wrong += ahead >= k
    return 100 * wrong / len(labels)


def _random_scores(rng):
    classes, images = rng.randint(4, 9), rng.randint(2, 12)
    scores = [rng.sample(range(-50, 50), classes) for _ in range(images)]
    return scores, [rng.randrange(classes) for _ in range(images)], rng.randint(1, classes - 1)


TOP_K_ERROR = Exercise(
    id="12.top-k-error",
    solution=top_k_error,
    fixed=(  # a row of scores per image, the right class per image, guesses
        ([[5, 1, 3, 2]], [2], 1),
        ([[5, 1, 3, 2]], [2], 2),
        ([[9, 7, 5, 3, 1, 0], [0, 1, 3, 5, 7, 9], [4, 9, 3, 8, 1, 7]], [3, 3, 5], 2),
        ([[9, 7, 5, 3, 1, 0], [0, 1, 3, 5, 7, 9], [4, 9, 3, 8, 1, 7]], [3, 3, 5], 3),
        ([[2, -1, 6, 0], [1, 4, -3, 2], [0, 3, 8, 1], [7, 5, 2, 6]], [0, 0, 0, 1], 2),
    ),
    random_case=_random_scores,
    wrong_ideas={
        "You look at the highest score only. The network has more than one guess: an image is "
        "right if its label is among them.": lambda s, y, k: top_k_error(s, y, 1),
        "That is the percentage of images that are right. The competition counts the "
        "others.": lambda s, y, k: 100 - top_k_error(s, y, k),
        "Your numbers run from 0 to 1. The error is wanted in percent.": lambda s, y, k: (
            top_k_error(s, y, k) / 100
        ),
        "You return how many images are wrong. Out of how many?": lambda s, y, k: (
            top_k_error(s, y, k) * len(y) / 100
        ),
        "You take the classes with the lowest scores. Which end of the sorted scores is "
        "it?": lambda s, y, k: top_k_error([[-score for score in row] for row in s], y, k),
        "You compare the label with the first classes of the list, whatever their scores. The "
        "guesses are the classes with the highest scores of each "
        "image.": lambda s, y, k: 100 * sum(label >= k for label in y) / len(y),
        "Your network has one guess more than allowed. Try k = 1 by hand.": lambda s, y, k: (
            top_k_error(s, y, k + 1)
        ),
    },
)


def count_layers(layers):
    """Return the layers as the papers count them, and as the lecture does."""
    weighted = [kind for kind, place in layers if kind in ("conv", "fc") and place == "main"]
    paper = len(weighted)
    lecture = paper - 1 if weighted and weighted[-1] == "fc" else paper  # without the scores
    return paper, lecture


def _layers(words):
    """The layers named in a line; + marks those beside the main path."""
    return [(word.strip("+"), "beside" if word[0] == "+" else "main") for word in words.split()]


def _random_layers(rng):
    words = ["conv"]
    for _ in range(rng.randint(1, 9)):
        words.append(rng.choice(("conv", "conv", "pool", "norm")))
        words += ["+conv"] * (rng.random() < 0.3)
    return (_layers(" ".join(words + ["fc"] * rng.randint(0, 3))),)


COUNT_LAYERS = Exercise(
    id="12.count-layers",
    solution=count_layers,
    fixed=(
        (_layers("conv pool conv pool conv fc fc"),),  # LeNet-5, AlexNet
        (_layers("conv pool conv pool conv conv conv pool fc fc fc"),),
        (_layers("conv norm conv norm fc"),),
        (_layers("conv norm pool conv norm conv norm +conv +norm pool fc"),),
        (_layers("conv pool conv pool conv pool"),),  # the last maps give the scores
        (_layers("conv +conv conv"),),
    ),
    random_case=_random_layers,
    wrong_ideas={
        "You count every layer of the main path. Both counts include only layers whose weights "
        "are filters or dense: which kinds are these?": lambda layers: count_layers(
            [("fc" if kind == "fc" else "conv", place) for kind, place in layers]
        ),
        "You count convolutions that lie beside the main path, such as projections on shortcuts. "
        "They make no path longer.": lambda layers: count_layers(
            [(kind, "main") for kind, _ in layers]
        ),
        "Your two numbers are always equal. For AlexNet the paper says 8 and the lecture 5 conv "
        "+ 2 fc: which layer makes the difference?": lambda layers: 2 * count_layers(layers)[:1],
        "Your two numbers are right and stand in the wrong order: the paper's comes "
        "first.": lambda layers: count_layers(layers)[::-1],
        "Your second number leaves out all dense layers. The lecture leaves out one of "
        "them.": lambda layers: (count_layers(layers)[0], layers.count(("conv", "main"))),
        "You subtract one in every network. What if it does not end in a dense "
        "layer?": lambda layers: (count_layers(layers)[0], count_layers(layers)[0] - 1),
        "You count convolutions only. AlexNet has five of them and eight layers.": lambda layers: (
            2 * (layers.count(("conv", "main")),)
        ),
    },
)


def pareto_front(costs, errors):
    """Return for each network whether it lies on the front: no other one beats it."""
    result = []
    for cost, error in zip(costs, errors, strict=True):
        beaten = False
        for other_cost, other_error in zip(costs, errors, strict=True):
            no_worse = other_cost <= cost and other_error <= error
            differs = (other_cost, other_error) != (cost, error)
            beaten = beaten or (no_worse and differs)
        result.append(not beaten)
    return result


def _pairs(costs, errors):
    return list(zip(costs, errors, strict=True))


def _random_points(rng):
    n = rng.randint(1, 8)
    return tuple([rng.randint(1, 9) for _ in range(n)] for _ in range(2))


PARETO_FRONT = Exercise(
    id="12.pareto-front",
    solution=pareto_front,
    fixed=(  # costs, errors
        ([1], [5]),
        ([1, 2], [5, 3]),
        ([2, 1], [5, 3]),
        ([3, 1, 2], [3, 9, 5]),  # the cheapest does not come first
        ([1, 2, 3, 4], [9, 5, 6, 2]),
        ([1, 2, 2, 3], [5, 5, 4, 4]),  # equal in one, better in the other
        ([2, 2, 1], [3, 3, 7]),  # twins
        ([1, 2, 4, 6], [18, 9, 7, 9]),
    ),
    random_case=_random_points,
    wrong_ideas={
        "You demand fewer errors *and* a lower cost. A network that costs the same and errs less "
        "beats as well.": lambda c, e: [
            not any(x < a and y < b for x, y in _pairs(c, e)) for a, b in _pairs(c, e)
        ],
        "Two networks with equal cost and equal error remove each other in your front. Is either "
        "of them better than the other?": lambda c, e: [
            on and _pairs(c, e).count((x, y)) == 1
            for x, y, on in zip(c, e, pareto_front(c, e), strict=True)
        ],
        "For you a network is beaten as soon as another is cheaper *or* better. Then only one "
        "that is best in everything could stay.": lambda c, e: [
            not any(x < a or y < b for x, y in _pairs(c, e)) for a, b in _pairs(c, e)
        ],
        "You keep the cheapest and the most accurate. What about one in between that nobody "
        "beats?": lambda c, e: [x == min(c) or y == min(e) for x, y in _pairs(c, e)],
        "You go through the list and keep each new lowest error. That is right only if the costs "
        "rise along the list.": lambda c, e: [y < min(e[:i], default=9e9) for i, y in enumerate(e)],
        "Your answer is turned round: `True` is for the networks that lie *on* the "
        "front.": lambda c, e: [not on for on in pareto_front(c, e)],
        "You treat a larger second number as better. It is an error.": lambda c, e: pareto_front(
            c, [-y for y in e]
        ),
    },
)
