"""The exercises of notebook 12: solutions against torch, the ledger and the lesson's own front."""

import random

import pytest
import torch

from course_utils.exercises import compare
from course_utils.ledger import ledger
from course_utils.lessons.imagenet_winners import exercises as module
from course_utils.lessons.imagenet_winners.competition import single_models
from course_utils.lessons.imagenet_winners.figures import front
from course_utils.models import VGG, AlexNet, LeNet5, ResNet

every_exercise = pytest.mark.parametrize("exercise", module.EXERCISES, ids=lambda e: e.id)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_error_is_torchs(k):
    generator = torch.Generator().manual_seed(k)
    scores, labels = torch.randn(200, 10, generator=generator), torch.arange(200) % 10
    hits = (scores.topk(k, dim=1).indices == labels[:, None]).any(dim=1)
    given = module.top_k_error(scores.tolist(), labels.tolist(), k)
    assert given == pytest.approx(100 - 100 * hits.float().mean().item(), abs=1e-4)


def layers_of(model, shape):
    words = {"convolution": "conv", "linear": "fc", "pooling": "pool", "normalisation": "norm"}
    with torch.device("meta"):
        rows = ledger(model(), shape).rows
    return [
        (words[row.category], "beside" if "shortcut" in row.name else "main")
        for row in rows
        if row.category in words
    ]


@pytest.mark.parametrize(
    ("model", "shape", "paper", "lecture"),
    [
        (lambda: LeNet5("modern"), (1, 32, 32), 5, 4),
        (AlexNet, (3, 227, 227), 8, 5 + 2),  # as the lecture says
        (lambda: VGG("D"), (3, 224, 224), 16, 13 + 2),
        (lambda: ResNet(34), (3, 224, 224), 34, 33),
        (lambda: ResNet(152), (3, 224, 224), 152, 151),
    ],
    ids=["LeNet-5", "AlexNet", "VGG-16", "ResNet-34", "ResNet-152"],
)
def test_layers_are_those_of_the_networks(model, shape, paper, lecture):
    assert module.count_layers(layers_of(model, shape)) == (paper, lecture)


def test_the_front_is_that_of_the_lessons_picture():
    rng = random.Random(0)
    for _ in range(200):
        n = rng.randint(1, 9)
        costs, errors = ([rng.randint(1, 6) for _ in range(n)] for _ in range(2))
        names = [f"net {i}" for i in range(n)]
        on = front(dict(zip(names, costs, strict=True)), dict(zip(names, errors, strict=True)))
        given = module.pareto_front(costs, errors)
        assert [name in on for name in names] == given
        assert any(given)  # somebody is never beaten
    assert len(single_models()) == 8


@every_exercise
def test_inputs_are_the_same_at_every_check_and_in_range(exercise):
    first, second = exercise.cases(), exercise.cases()
    assert len(first) == len(exercise.fixed) + exercise.random_count
    for one, other in zip(first, second, strict=True):
        assert all(compare(a, b) == "same" for a, b in zip(one, other, strict=True))
    for arguments in first:
        if exercise is module.TOP_K_ERROR:
            scores, labels, k = arguments
            assert len(scores) == len(labels) >= 1
            for row, label in zip(scores, labels, strict=True):
                assert len(set(row)) == len(row) > k >= 1 and 0 <= label < len(row)
        elif exercise is module.COUNT_LAYERS:
            (layers,) = arguments
            assert {kind for kind, _ in layers} <= {"conv", "fc", "pool", "norm"}
            assert {place for _, place in layers} <= {"main", "beside"}
            assert ("conv", "main") in layers
        else:
            costs, errors = arguments
            assert len(costs) == len(errors) >= 1


def test_students_other_ways_to_write_it_pass():
    def by_sorting(scores, labels, k):
        wrong = 0
        for row, label in zip(scores, labels, strict=True):
            best = sorted(range(len(row)), key=lambda i: -row[i])[:k]
            wrong += label not in best
        return wrong / len(labels) * 100

    def by_torch(scores, labels, k):
        best = torch.tensor(scores).topk(k).indices
        return 100 - 100 * (best == torch.tensor(labels)[:, None]).any(1).double().mean()

    def as_a_list(layers):
        kinds = [k for k, place in layers if place == "main" and k in {"conv", "fc"}]
        return [len(kinds), len(kinds[:-1] if kinds[-1] == "fc" else kinds)]

    def by_sweeping(costs, errors):
        order = sorted(range(len(costs)), key=lambda i: (costs[i], errors[i]))
        best, result, last = float("inf"), [False] * len(costs), None
        for i in order:
            pair = (costs[i], errors[i])
            if errors[i] < best or pair == last:
                result[i], best, last = True, min(best, errors[i]), pair
        return result

    assert module.check_top_k_error(by_sorting).state == "passed"
    assert module.check_top_k_error(by_torch).state == "passed"
    assert module.check_count_layers(as_a_list).state == "passed"
    assert module.check_pareto_front(by_sweeping).state == "passed"
