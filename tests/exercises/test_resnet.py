"""The exercises of notebook 11: solutions against the networks, stubs, known wrong ideas."""

import itertools

import numpy as np
import pytest
import torch

from course_utils.exercises import compare
from course_utils.ledger import ledger
from course_utils.lessons.resnet import exercises as module
from course_utils.models import CifarResNet, ResNet
from course_utils.models.resnet import TABLE_1, BasicBlock, make_shortcut

every_exercise = pytest.mark.parametrize("exercise", module.EXERCISES, ids=lambda e: e.id)


@pytest.mark.parametrize("seed", range(5))
def test_the_block_equals_the_networks_block(seed):
    """On 1 x 1 maps only the middle of a 3x3 filter sees an input: a weight matrix."""
    generator = torch.Generator().manual_seed(seed)
    block = BasicBlock(4, 4).eval()
    scales = []
    for norm in (block.bn1, block.bn2):
        norm.weight.data = torch.rand(4, generator=generator) + 0.5
        norm.running_var.data = torch.rand(4, generator=generator) + 0.5
        scales.append((norm.weight / (norm.running_var + norm.eps).sqrt()).detach().numpy())
    x = torch.randn(4, generator=generator)
    w1, w2 = (c.weight[:, :, 1, 1].detach().numpy() for c in (block.conv1, block.conv2))
    with torch.no_grad():
        expected = block(x[None, :, None, None]).flatten().numpy()
    given = module.residual_block(x.numpy(), w1, scales[0], w2, scales[1])
    assert np.allclose(given, expected, atol=1e-5)


def test_shortcuts_equal_those_of_the_networks():
    for option, maps, times, stride in itertools.product("ABC", (8, 64), (1, 2, 4), (1, 2)):
        shortcut = make_shortcut(option, maps, maps * times, stride)
        counted = sum(parameter.numel() for parameter in shortcut.parameters())
        assert module.shortcut_parameters(option, maps, maps * times, stride) == counted


@pytest.mark.parametrize("depth", TABLE_1)
def test_depths_of_table_1(depth):
    kind, blocks = TABLE_1[depth]
    assert module.count_depth(list(blocks), 2 if kind == "basic" else 3) == depth
    with torch.device("meta"):
        rows = ledger(ResNet(depth)).rows
    weighted = [row for row in rows if row.category in ("convolution", "linear")]
    assert sum("shortcut" not in row.name for row in weighted) == depth


@pytest.mark.parametrize("depth", [20, 56, 110])
def test_depths_of_section_4_2(depth):
    n = (depth - 2) // 6
    assert module.count_depth([n, n, n], 2) == CifarResNet(depth).depth


@every_exercise
def test_inputs_are_the_same_at_every_check_and_in_range(exercise):
    first, second = exercise.cases(), exercise.cases()
    assert len(first) == len(second) == len(exercise.fixed) + exercise.random_count
    for one, other in zip(first, second, strict=True):
        assert all(compare(a, b) == "same" for a, b in zip(one, other, strict=True))
    for arguments in first:
        if exercise is module.RESIDUAL_BLOCK:
            (n,) = arguments[0].shape
            assert [a.shape for a in arguments] == [(n,), (n, n), (n,), (n, n), (n,)]
            assert arguments[2].min() > 0 and arguments[4].min() > 0
        elif exercise is module.SHORTCUT_PARAMETERS:
            option, in_maps, out_maps, stride = arguments
            assert option in "ABC" and out_maps >= in_maps >= 1 and stride in (1, 2)
        else:
            assert arguments[0] and min(arguments[0]) >= 1 and arguments[1] >= 2


def test_students_other_ways_to_write_it_pass():
    def by_loops(x, w1, s1, w2, s2):
        n = range(len(x))
        hidden = [max(0, s1[i] * sum(w1[i][j] * x[j] for j in n)) for i in n]
        return np.array([max(0, s2[i] * sum(w2[i][j] * hidden[j] for j in n) + x[i]) for i in n])

    def by_torch(x, w1, s1, w2, s2):
        x, w1, s1, w2, s2 = map(torch.tensor, (x, w1, s1, w2, s2))
        return torch.relu(s2 * (w2 @ torch.relu(s1 * (w1 @ x))) + x)

    def by_cases(option, in_maps, out_maps, stride):
        projects = {"A": False, "B": (in_maps, 1) != (out_maps, stride), "C": True}[option]
        return out_maps * (in_maps + 2) if projects else 0

    assert module.check_residual_block(by_loops).state == "passed"
    assert module.check_residual_block(by_torch).state == "passed"
    assert module.check_shortcut_parameters(by_cases).state == "passed"
    assert module.check_count_depth(lambda blocks, c: 2 + c * sum(blocks)).state == "passed"


def test_changing_x_in_place_is_reported():
    def in_place(x, w1, s1, w2, s2):
        residual = s2 * (w2 @ np.maximum(s1 * (w1 @ x), 0))
        x += residual
        return np.maximum(x, 0)

    report = module.check_residual_block(in_place)
    assert report.state == "changed its input"
    assert "`x`" in report.message
