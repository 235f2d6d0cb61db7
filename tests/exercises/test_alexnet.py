"""The exercises of notebook 08: solutions against PyTorch and the model, other ways to write it."""

import math

import pytest
import torch
from torch import nn

from course_utils.exercises import compare
from course_utils.lessons.alexnet import exercises as module
from course_utils.models import AlexNet
from course_utils.models.alexnet import LocalResponseNorm

every_exercise = pytest.mark.parametrize("exercise", module.EXERCISES, ids=lambda e: e.id)


def test_sides_equal_pytorchs():
    for n, kernel, stride, padding, round_up in module.MAP_SIDE.cases():
        if kernel < 2 * padding:
            continue  # PyTorch's pooling allows half a kernel of padding
        if round_up and stride > kernel:
            continue  # PyTorch drops a window that begins past the edge
        pool = nn.MaxPool2d((kernel, 1), (stride, 1), (padding, 0), ceil_mode=round_up)
        rows = pool(torch.zeros(1, 1, n, 1)).shape[2]
        begins = (module.map_side(n, kernel, stride, padding, round_up) - 1) * stride
        if begins < n + padding:
            assert module.map_side(n, kernel, stride, padding, round_up) == rows


def test_sides_of_the_paper():
    assert module.map_side(224, 11, 4, 0, False) == 54
    assert module.map_side(224, 11, 4, 0, True) == 55
    assert module.map_side(224, 11, 4, 2, False) == 55
    assert module.map_side(227, 11, 4, 0, False) == 55


def test_parameters_equal_pytorchs():
    for in_maps, out_maps, kernel, groups in module.GROUPED_PARAMETERS.cases():
        with torch.device("meta"):
            layer = nn.Conv2d(in_maps, out_maps, kernel, groups=groups)
        counted = sum(p.numel() for p in layer.parameters())
        assert module.grouped_parameters(in_maps, out_maps, kernel, groups) == counted


def test_parameters_of_the_papers_convolutions():
    with torch.device("meta"):
        net = AlexNet()
    for layer in (net.conv1, net.conv2, net.conv3, net.conv4, net.conv5):
        counted = layer.weight.numel() + layer.bias.numel()
        kernel = layer.kernel_size[0]
        arguments = (layer.in_channels, layer.out_channels, kernel, layer.groups)
        assert module.grouped_parameters(*arguments) == counted


def test_normalisation_equals_pytorchs_with_n_times_alpha():
    for a, n, k, alpha, beta in module.NORMALISE.cases():
        layer = nn.LocalResponseNorm(n, alpha=n * alpha, beta=beta, k=k)
        x = torch.tensor(a, dtype=torch.float64).view(1, -1, 1, 1)
        given = module.normalise(a, n, k, alpha, beta)
        assert given == pytest.approx(layer(x).flatten().tolist(), abs=1e-9)


def test_normalisation_equals_the_models():
    a = [float(3 * i % 7) for i in range(12)]
    x = torch.tensor(a, dtype=torch.float64).view(1, -1, 1, 1)
    given = module.normalise(a, 5, 2.0, 1e-4, 0.75)
    assert given == pytest.approx(LocalResponseNorm(1, 5e-4)(x).flatten().tolist(), abs=1e-9)


@every_exercise
def test_inputs_are_the_same_at_every_check_and_in_range(exercise):
    first, second = exercise.cases(), exercise.cases()
    assert len(first) == len(exercise.fixed) + exercise.random_count
    for one, other in zip(first, second, strict=True):
        assert all(compare(a, b) == "same" for a, b in zip(one, other, strict=True))
    for case in first:
        if exercise is module.MAP_SIDE:
            n, kernel, stride, padding, round_up = case
            assert n >= kernel >= 1 and stride >= 1 and padding >= 0
            assert isinstance(round_up, bool)
        elif exercise is module.GROUPED_PARAMETERS:
            in_maps, out_maps, kernel, groups = case
            assert in_maps % groups == out_maps % groups == 0 and min(case) >= 1
        else:
            a, n, *constants = case
            assert min(a) >= 0 and n % 2 == 1 and min(constants) > 0


def test_students_other_ways_to_write_it_pass():
    def with_ceil(n, kernel, stride, padding, round_up):
        rounded = math.ceil if round_up else math.floor
        return rounded((n + 2 * padding - kernel) / stride) + 1

    def group_by_group(in_maps, out_maps, kernel, groups):
        one = (in_maps // groups) * (out_maps // groups) * kernel**2 + out_maps // groups
        return groups * one

    def by_torch(a, n, k, alpha, beta):
        x = torch.tensor(a, dtype=torch.float64).view(1, -1, 1, 1)
        return nn.LocalResponseNorm(n, n * alpha, beta, k)(x).flatten().tolist()

    assert module.check_map_side(with_ceil).state == "passed"
    assert module.check_grouped_parameters(group_by_group).state == "passed"
    assert module.check_normalise(by_torch).state == "passed"


def test_changing_the_values_in_place_is_reported():
    def in_place(a, n, k, alpha, beta):
        result = module.normalise(a, n, k, alpha, beta)
        a[:] = result
        return result

    report = module.check_normalise(in_place)
    assert report.state == "changed its input" and "`a`" in report.message
