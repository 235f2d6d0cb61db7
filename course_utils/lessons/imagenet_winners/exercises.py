"""The exercises of notebook 12: the competition's measure, its layer counts, the Pareto front.

    check_top_k_error     top_k_error(scores, labels, k) -> percent
    check_count_layers    count_layers(layers) -> (as the paper, as the lecture)
    check_pareto_front    pareto_front(costs, errors) -> list of booleans

Sources: Russakovsky et al. (2015), *ImageNet Large Scale Visual Recognition Challenge*, section
4.1 (top-5 error); He et al. (2015), *Deep Residual Learning for Image Recognition*, section 3.3
and table 1 (depth). The tests hold the reference solutions equal to the course's own counts.
"""

from __future__ import annotations

from course_utils.exercises import SECONDS, Exercise, Report, WrongIdea

# ---------------------------------------------------------------------------------------------
# 12.top-k-error


def top_k_error(scores, labels, k):
    """Return the percentage of images whose label is not among the k classes scored highest."""
    wrong = 0
    for row, label in zip(scores, labels, strict=True):
        ahead = 0
        for score in row:
            ahead += score > row[label]  # classes that the network prefers to the right one
        wrong += ahead >= k
    return 100 * wrong / len(labels)


def _best(row, k):
    return sorted(range(len(row)), key=lambda i: row[i], reverse=True)[:k]


def _only_the_best(scores, labels, k):
    return top_k_error(scores, labels, 1)


def _accuracy(scores, labels, k):
    return 100 - top_k_error(scores, labels, k)


def _fraction(scores, labels, k):
    return top_k_error(scores, labels, k) / 100


def _count(scores, labels, k):
    return top_k_error(scores, labels, k) * len(labels) / 100


def _smallest(scores, labels, k):
    return top_k_error([[-score for score in row] for row in scores], labels, k)


def _first_k_classes(scores, labels, k):
    return 100 * sum(label >= k for label in labels) / len(labels)


def _k_plus_one(scores, labels, k):
    return top_k_error(scores, labels, k + 1)


def _all_guesses_counted(scores, labels, k):
    hits = sum(label in _best(row, k) for row, label in zip(scores, labels, strict=True))
    return 100 * (1 - hits / (k * len(labels)))


def _random_scores(rng):
    classes, images = rng.randint(4, 9), rng.randint(2, 12)
    scores = [rng.sample(range(-50, 50), classes) for _ in range(images)]
    return scores, [rng.randrange(classes) for _ in range(images)], rng.randint(1, classes - 1)


TOP_K_ERROR = Exercise(
    id="12.top-k-error",
    title="Compute the top-k error from scores and labels",
    solution=top_k_error,
    fixed=(  # a row of scores per image, the right class per image, guesses
        ([[5, 1, 3, 2]], [2], 1),
        ([[5, 1, 3, 2]], [2], 2),
        ([[9, 7, 5, 3, 1, 0], [0, 1, 3, 5, 7, 9], [4, 9, 3, 8, 1, 7]], [3, 3, 5], 2),
        ([[9, 7, 5, 3, 1, 0], [0, 1, 3, 5, 7, 9], [4, 9, 3, 8, 1, 7]], [3, 3, 5], 3),
        ([[2, -1, 6, 0], [1, 4, -3, 2], [0, 3, 8, 1], [7, 5, 2, 6]], [0, 0, 0, 1], 2),
    ),
    random_case=_random_scores,
    wrong_ideas=(
        WrongIdea(
            "only the best guess",
            _only_the_best,
            "You look at the highest score only. The network has more than one guess: an image is "
            "right if its label is among them.",
        ),
        WrongIdea(
            "the accuracy",
            _accuracy,
            "That is the percentage of images that are right. The competition counts the others.",
        ),
        WrongIdea(
            "a fraction",
            _fraction,
            "Your numbers run from 0 to 1. The error is wanted in percent.",
        ),
        WrongIdea(
            "a number of images",
            _count,
            "You return how many images are wrong. Out of how many?",
        ),
        WrongIdea(
            "the lowest scores",
            _smallest,
            "You take the classes with the lowest scores. Which end of the sorted scores is it?",
        ),
        WrongIdea(
            "the first k classes",
            _first_k_classes,
            "You compare the label with the first classes of the list, whatever their scores. The "
            "guesses are the classes with the highest scores of each image.",
        ),
        WrongIdea(
            "one guess too many",
            _k_plus_one,
            "Your network has one guess more than allowed. Try k = 1 by hand.",
        ),
        WrongIdea(
            "every guess counted",
            _all_guesses_counted,
            "You count guesses, and all but one of them must be wrong. Count images: one is right "
            "if any of its guesses is.",
        ),
    ),
)


def check_top_k_error(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `top_k_error(scores, labels, k)`, a float from 0 to 100.

    Inputs: scores, a list of lists, one row per image with one number per class, no two alike in
    a row; labels, a list with the right class of each image; k from 1 to one less than the
    classes. See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return TOP_K_ERROR.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 12.count-layers


def count_layers(layers):
    """Return the layers as the papers count them, and as the lecture does."""
    weighted = [kind for kind, place in layers if kind in ("conv", "fc") and place == "main"]
    paper = len(weighted)
    lecture = paper - 1 if weighted and weighted[-1] == "fc" else paper  # without the scores
    return paper, lecture


def _with_poolings(layers):
    main = [kind for kind, place in layers if place == "main"]
    return len(main), len(main) - (main[-1] == "fc")


def _with_shortcuts(layers):
    kinds = [kind for kind, _ in layers if kind in ("conv", "fc")]
    return len(kinds), len(kinds) - (kinds[-1] == "fc")


def _alike(layers):
    paper, _ = count_layers(layers)
    return paper, paper


def _exchanged(layers):
    paper, lecture = count_layers(layers)
    return lecture, paper


def _convolutions_only(layers):
    paper, lecture = count_layers(layers)
    convolutions = sum(kind == "conv" and place == "main" for kind, place in layers)
    return paper, convolutions


def _always_one_less(layers):
    paper, _ = count_layers(layers)
    return paper, paper - 1


def _no_dense_at_all(layers):
    convolutions = sum(kind == "conv" and place == "main" for kind, place in layers)
    return convolutions, convolutions


_NET = {
    "lenet": ["conv", "pool", "conv", "pool", "conv", "fc", "fc"],
    "alexnet": ["conv", "pool", "conv", "pool", "conv", "conv", "conv", "pool", "fc", "fc", "fc"],
}


def _main(kinds):
    return [(kind, "main") for kind in kinds]


def _random_layers(rng):
    layers = [("conv", "main")]
    for _ in range(rng.randint(1, 9)):
        layers.append((rng.choice(("conv", "conv", "pool", "norm")), "main"))
        if rng.random() < 0.3:
            layers.append(("conv", "beside"))
    return (layers + _main(["fc"] * rng.randint(0, 3)),)


COUNT_LAYERS = Exercise(
    id="12.count-layers",
    title="Count layers as the papers do, and as the lecture does",
    solution=count_layers,
    fixed=(
        (_main(_NET["lenet"]),),
        (_main(_NET["alexnet"]),),
        (_main(["conv", "norm", "conv", "norm", "fc"]),),
        (
            [
                *_main(["conv", "norm", "pool", "conv", "norm", "conv", "norm"]),
                ("conv", "beside"),
                ("norm", "beside"),
                *_main(["pool", "fc"]),
            ],
        ),
        (
            _main(["conv", "pool", "conv", "pool", "conv", "pool"]),
        ),  # no dense layer: scores by maps
        ([("conv", "main"), ("conv", "beside"), ("conv", "main")],),
    ),
    random_case=_random_layers,
    wrong_ideas=(
        WrongIdea(
            "counted poolings and normalisations",
            _with_poolings,
            "You count every layer of the main path. Both counts include only layers whose "
            "weights are filters or dense: which kinds are these?",
        ),
        WrongIdea(
            "counted what lies beside",
            _with_shortcuts,
            "You count convolutions that lie beside the main path, such as projections on "
            "shortcuts. They make no path longer.",
        ),
        WrongIdea(
            "both counts alike",
            _alike,
            "Your two numbers are always equal. For AlexNet the paper says 8 and the lecture "
            "5 conv + 2 fc: which layer makes the difference?",
        ),
        WrongIdea(
            "exchanged",
            _exchanged,
            "Your two numbers are right and stand in the wrong order: the paper's comes first.",
        ),
        WrongIdea(
            "the lecture without dense layers",
            _convolutions_only,
            "Your second number leaves out all dense layers. The lecture leaves out one of them.",
        ),
        WrongIdea(
            "always one less",
            _always_one_less,
            "You subtract one in every network. What if it does not end in a dense layer?",
        ),
        WrongIdea(
            "convolutions only",
            _no_dense_at_all,
            "You count convolutions only. AlexNet has five of them and eight layers.",
        ),
    ),
)


def check_count_layers(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `count_layers(layers)`, a tuple of two ints: as the papers, as the lecture.

    Inputs: a list of (kind, place) from the image to the scores; kind "conv", "fc", "pool" or
    "norm", place "main" or "beside". Some networks end without a dense layer. See
    `Exercise.check` for `seconds`, the Report and the errors.
    """
    return COUNT_LAYERS.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 12.pareto-front


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


def _better_in_both(costs, errors):
    pairs = _pairs(costs, errors)
    return [not any(c < cost and e < error for c, e in pairs) for cost, error in pairs]


def _twins_beat_each_other(costs, errors):
    pairs = _pairs(costs, errors)
    return [
        not any(c <= cost and e <= error for j, (c, e) in enumerate(pairs) if j != i)
        for i, (cost, error) in enumerate(pairs)
    ]


def _better_in_one(costs, errors):
    pairs = _pairs(costs, errors)
    return [not any(c < cost or e < error for c, e in pairs) for cost, error in pairs]


def _the_two_ends(costs, errors):
    return [c == min(costs) or e == min(errors) for c, e in _pairs(costs, errors)]


def _in_the_order_given(costs, errors):
    best, result = float("inf"), []
    for error in errors:
        result.append(error < best)
        best = min(best, error)
    return result


def _below_the_mean(costs, errors):
    n = len(costs)
    return [c <= sum(costs) / n or e <= sum(errors) / n for c, e in _pairs(costs, errors)]


def _beaten_ones(costs, errors):
    return [not on for on in pareto_front(costs, errors)]


def _accuracies(costs, errors):
    return pareto_front(costs, [-error for error in errors])


def _random_points(rng):
    n = rng.randint(1, 8)
    return [rng.randint(1, 9) for _ in range(n)], [rng.randint(1, 9) for _ in range(n)]


PARETO_FRONT = Exercise(
    id="12.pareto-front",
    title="Find the networks that no other one beats",
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
    wrong_ideas=(
        WrongIdea(
            "better in both only",
            _better_in_both,
            "You demand fewer errors *and* a lower cost. A network that costs the same and errs "
            "less beats as well.",
        ),
        WrongIdea(
            "twins beat each other",
            _twins_beat_each_other,
            "Two networks with equal cost and equal error remove each other in your front. Is "
            "either of them better than the other?",
        ),
        WrongIdea(
            "beaten in one",
            _better_in_one,
            "For you a network is beaten as soon as another is cheaper *or* better. Then only one "
            "that is best in everything could stay.",
        ),
        WrongIdea(
            "the two ends only",
            _the_two_ends,
            "You keep the cheapest and the most accurate. What about one in between that nobody "
            "beats?",
        ),
        WrongIdea(
            "took the order as given",
            _in_the_order_given,
            "You go through the list and keep each new lowest error. That is right only if the "
            "costs rise along the list.",
        ),
        WrongIdea(
            "below the mean",
            _below_the_mean,
            "You compare with a mean. On the front, networks are compared with each other.",
        ),
        WrongIdea(
            "the beaten ones",
            _beaten_ones,
            "Your answer is turned round: `True` is for the networks that lie *on* the front.",
        ),
        WrongIdea(
            "took errors for accuracies",
            _accuracies,
            "You treat a larger second number as better. It is an error.",
        ),
    ),
)


def check_pareto_front(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `pareto_front(costs, errors)`, a list of booleans, one for each network.

    Inputs: two lists of numbers of the same length, at least one. A network is beaten if another
    has no higher cost and no higher error, and is lower in one of the two. See `Exercise.check`
    for `seconds`, the Report and the errors.
    """
    return PARETO_FRONT.check(student_function, seconds=seconds)


EXERCISES = (TOP_K_ERROR, COUNT_LAYERS, PARETO_FRONT)
