"""The coding exercises of notebook 07: parameters of C3, the network, confusion matrix."""

import functools

from course_utils.exercises import Exercise


def table_parameters(table, kernel):
    """Count the trainable parameters of a convolution whose maps read only some of the maps."""
    parameters = 0
    for inputs in table:  # one output map; `inputs` are the maps that it reads
        parameters += len(inputs) * kernel * kernel  # one small filter for each of them
        parameters += 1  # one bias for the map
    return parameters


C3_TABLE = (
    [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [0, 4, 5], [0, 1, 5]]
    + [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [0, 3, 4, 5], [0, 1, 4, 5], [0, 1, 2, 5]]
    + [[0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5], [0, 1, 2, 3, 4, 5]]
)


def _random_table(rng):
    inputs = rng.randint(2, 6)
    rows = [
        sorted(rng.sample(range(inputs), rng.randint(1, inputs))) for _ in range(rng.randint(1, 8))
    ]
    return rows, rng.randint(1, 5)


C3_PARAMETERS = Exercise(
    id="07.c3-parameters",
    solution=table_parameters,
    fixed=(
        ([[0]], 5),
        ([[0], [1]], 3),
        ([[0, 1], [1, 2]], 3),
        ([[0, 1, 2], [2, 3], [0, 1, 2, 3]], 5),
        (C3_TABLE, 5),
        ([[0, 1, 2, 3, 4, 5]] * 16, 5),
    ),
    random_case=_random_table,
    wrong_ideas={
        "You are short by one for every output map. What is added to a weighted sum before it "
        "is squashed?": lambda table, k: sum(len(row) * k * k for row in table),
        "You gave every pair of maps a bias. An output map adds up what its filters find, and then "
        "adds a bias: how often?": lambda table, k: sum(len(row) * (k * k + 1) for row in table),
        "You added one bias in all. The output maps look for different things: do they share "
        "one threshold?": lambda table, k: sum(len(row) * k * k for row in table) + 1,
        "This is the count of a layer without a table, where each output map reads all input "
        "maps. Here a row of the table says which ones "
        "it reads.": lambda table, k: len(table) * ((1 + max(map(max, table))) * k * k + 1),
        "You gave every output map one small filter. A map that reads three maps looks at each "
        "of them through a filter of its own.": lambda table, k: len(table) * (k * k + 1),
        "A kernel of 5 covers five rows and five columns. How many taps are "
        "that?": lambda table, k: sum(len(row) * k + 1 for row in table),
        "A row such as [2, 3] names the maps 2 and 3. How many maps does it read? Their "
        "numbers do not matter.": lambda table, k: sum(sum(row) * k * k + 1 for row in table),
        "This is the number of crosses in the table. Behind each cross stands a whole "
        "filter.": lambda table, k: sum(map(len, table)),
    },
)


def modern_lenet5(channels, classes):
    """Build the modern LeNet-5 for images of 28 x 28 pixels with that many channels."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(channels, 6, 5, padding=2),  # (N, 6, 28, 28): a frame of 2 makes 28 into 32
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 6, 14, 14)
        nn.Conv2d(6, 16, 5),  # (N, 16, 10, 10)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 16, 5, 5)
        nn.Conv2d(16, 120, 5),  # (N, 120, 1, 1)
        nn.ReLU(),
        nn.Flatten(),  # (N, 120)
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, classes),
    )


def _measured(build):
    """Turn a function that builds a network into one that returns (parameters, scores).

    The scores are those of two images, with the weights of `models.LeNet5("modern")`; none where
    the numbers of weights, layer by layer, are not the same.
    """

    @functools.wraps(build)
    def measure(channels, classes):
        import torch

        from course_utils.models import LeNet5

        net = build(channels, classes)
        if not isinstance(net, torch.nn.Module):  # a stub, or a mistake: the check says which
            return net
        with torch.random.fork_rng([]), torch.no_grad():
            torch.manual_seed(10 * classes + channels)
            model = LeNet5("modern", classes, in_channels=channels)
            images = torch.rand(2, channels, 28, 28)
            theirs, own = list(model.parameters()), list(net.parameters())
            scores = torch.zeros(0)
            if [p.numel() for p in own] == [p.numel() for p in theirs]:
                for ours, value in zip(own, theirs, strict=True):
                    ours.copy_(value.view_as(ours))
                scores = net.eval()(images)
        return sum(p.numel() for p in own), scores.numpy()

    return measure


def _with(change):
    """The wrong idea that changes the list of layers of the right network."""

    def build(channels, classes):
        from torch import nn

        return nn.Sequential(*change(nn, list(modern_lenet5(channels, classes))))

    return _measured(build)


def _swapped(kind, other):
    return _with(
        lambda nn, layers: [other(nn) if isinstance(a, getattr(nn, kind)) else a for a in layers]
    )


class _Network(Exercise):
    """An exercise whose function builds a network: what is compared is what the network does."""

    def check(self, student_function, **how):
        can_build = callable(student_function)
        return super().check(_measured(student_function) if can_build else student_function, **how)


MODERN_NETWORK = _Network(
    id="07.modern-network",
    solution=_measured(modern_lenet5),
    fixed=((1, 10), (3, 10), (1, 26), (4, 5)),
    random_case=lambda rng: (rng.randint(1, 5), rng.randint(2, 30)),
    random_count=4,
    wrong_ideas={
        "There is no ReLU in your network. Convolutions and dense layers in a row, with nothing "
        "bent between them, are no more than one of them.": _swapped(
            "ReLU", lambda nn: nn.Identity()
        ),
        "There is a ReLU behind your last layer. A score may be negative: the largest wins, and "
        "cross-entropy needs them all.": _with(lambda nn, layers: [*layers, nn.ReLU()]),
        "You turn the scores into probabilities. Cross-entropy does that by itself; twice is once "
        "too often.": _with(lambda nn, layers: [*layers, nn.Softmax(dim=1)]),
        "The ReLU behind F6 is missing. What are two dense layers in a row, without one between "
        "them?": _with(lambda nn, layers: layers[:-2] + layers[-1:]),
        "You pool by the mean. That is nearer to the paper; today's network keeps the largest of "
        "the four.": _swapped("MaxPool2d", lambda nn: nn.AvgPool2d(2)),
        "You squash by sigmoids. Many copies on the web do; here it is the function of lesson 6 "
        "that lets the gradient pass.": _swapped("ReLU", lambda nn: nn.Sigmoid()),
        "You squash by tanh, as the paper did (and scaled it). Today's network has the function "
        "that lesson 6 recommends.": _swapped("ReLU", lambda nn: nn.Tanh()),
        "Your first convolution reads one channel, whatever `channels` says.": _measured(
            lambda channels, classes: modern_lenet5(1, classes)
        ),
        "Your last layer has ten outputs, whatever `classes` says.": _measured(
            lambda channels, classes: modern_lenet5(channels, 10)
        ),
    },
)


def confusion_matrix(labels, predictions, classes):
    """Count how often each class was read as each class: a row per label, a column per reading."""
    counts = [[0] * classes for _ in range(classes)]  # a list of its own for each row
    for label, prediction in zip(labels, predictions, strict=True):
        counts[label][prediction] += 1
    return counts


def _counts_where(wanted):
    """The wrong idea that keeps the counts where wanted(row, column), and 0 elsewhere."""
    return lambda *case: [
        [count * wanted(i, j) for j, count in enumerate(row)]
        for i, row in enumerate(confusion_matrix(*case))
    ]


def _each_row(change):
    return lambda *case: [change(row) for row in confusion_matrix(*case)]


def _one_row_for_all(labels, predictions, classes):
    return [[predictions.count(j) for j in range(classes)]] * classes


def _random_readings(rng):
    classes = rng.randint(2, 6)
    count = rng.randint(1, 25)
    labels = [rng.randrange(classes) for _ in range(count)]
    readings = [a if rng.random() < 0.5 else rng.randrange(classes) for a in labels]
    return labels, readings, classes


CONFUSION_MATRIX = Exercise(
    id="07.confusion-matrix",
    solution=confusion_matrix,
    fixed=(
        ([0, 1, 1], [0, 1, 0], 2),
        ([0, 0, 1, 2, 2, 2], [0, 2, 1, 1, 2, 2], 4),
        ([3, 3, 3, 0], [3, 3, 0, 0], 4),
        ([2, 2, 2], [1, 1, 0], 3),
    ),
    random_case=_random_readings,
    wrong_ideas={
        "Rows and columns are exchanged. Each row belongs to the digit as it is, each column "
        "to the digit as it was read.": lambda a, b, n: confusion_matrix(b, a, n),
        "Your entries are 0 or 1. When the same mistake happens twice, what should stand "
        "there? An assignment `= 1` "
        "forgets the first time.": _each_row(lambda row: [min(count, 1) for count in row]),
        "Your diagonal is empty. Right answers are counted, too: the rows have to add up to "
        "the number of digits of each kind.": _counts_where(lambda i, j: i != j),
        "Only your diagonal is filled. The mistakes are what the matrix is made "
        "for.": _counts_where(lambda i, j: i == j),
        "These are shares of a row. Wanted are whole numbers, the counts.": _each_row(
            lambda row: [count / max(sum(row), 1) for count in row]
        ),
        "All your rows are the same. `[row] * n` holds one list n times: what is counted in one "
        "of them is counted in all.": _one_row_for_all,
        "Your matrix is too small when the last class does not occur. Its size is `classes`, "
        "whatever the data holds.": lambda a, b, n: confusion_matrix(a, b, 1 + max(a + b)),
    },
)
