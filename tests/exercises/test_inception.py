"""The exercises of notebook 10: solutions against the networks, other ways to write them."""

import numpy as np
import pytest
import torch

from course_utils.exercises import compare
from course_utils.ledger import ledger
from course_utils.lessons.inception import exercises as module
from course_utils.models.googlenet import INCEPTION_TABLE, Inception, NaiveInception

every_exercise = pytest.mark.parametrize("exercise", module.EXERCISES, ids=lambda e: e.id)


def built(variant, in_maps, filters):
    with torch.device("meta"):
        if variant == "naive":
            return NaiveInception(in_maps, filters[0], filters[2], filters[4])
        return Inception(in_maps, *filters)


def test_output_channels_are_those_of_the_networks():
    for variant, in_maps, filters in module.OUTPUT_CHANNELS.cases():
        expected = built(variant, in_maps, filters).out_channels
        assert module.output_channels(variant, in_maps, filters) == expected


def test_multiply_adds_are_those_of_the_networks():
    for in_maps, side, filters in module.MODULE_MACS.cases():
        counted = ledger(built("reduced", in_maps, filters), (in_maps, side, side)).macs
        assert module.module_macs(in_maps, side, filters) == counted


def test_the_rows_are_those_of_table_1():
    for name, row in (("3a", module.ROW_3A), ("4e", module.ROW_4E), ("5b", module.ROW_5B)):
        assert INCEPTION_TABLE[name] == row


@pytest.mark.parametrize("seed", range(5))
def test_the_branches_equal_the_networks(seed):
    """Middle weights only, and no 5x5 branch: then every layer of the network is 1x1."""
    torch.manual_seed(seed)
    net = Inception(3, 2, 2, 4, 1, 1, 2)
    for name, layer in net.named_modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.zeros_(layer.bias)
            if layer.kernel_size[0] > 1:
                centre = layer.kernel_size[0] // 2
                middle = layer.weight.detach()[:, :, centre, centre].clone()
                torch.nn.init.zeros_(layer.weight)
                layer.weight.data[:, :, centre, centre] = middle
                assert name in ("conv3x3.conv", "conv5x5.conv")
    x = torch.randn(3, 4, 5)

    def matrix(layer):
        centre = layer.conv.kernel_size[0] // 2
        return layer.conv.weight.detach()[:, :, centre, centre].numpy()

    with torch.no_grad():
        expected = net(x[None])[0].numpy()
        pooled = net.pool(x[None])[0].numpy()
    given = module.inception(
        x.numpy(),
        pooled,
        matrix(net.conv1x1),
        matrix(net.reduce3x3),
        matrix(net.conv3x3),
        matrix(net.projection),
    )
    without_5x5 = np.delete(expected, 6, axis=0)  # 2 and 4 maps before it, 2 behind
    assert given.shape == (8, 4, 5)
    assert np.allclose(given, without_5x5, atol=1e-6)


@every_exercise
def test_inputs_are_the_same_at_every_check_and_in_range(exercise):
    first, second = exercise.cases(), exercise.cases()
    assert len(first) == len(second) == len(exercise.fixed) + exercise.random_count
    for one, other in zip(first, second, strict=True):
        assert all(compare(a, b) == "same" for a, b in zip(one, other, strict=True))
    for arguments in first:
        if exercise is module.CONCAT:
            x, pooled, w1, r3, w3, p = arguments
            assert x.shape == pooled.shape
            assert w1.shape[1] == r3.shape[1] == p.shape[1] == len(x)
            assert w3.shape[1] == len(r3)
        else:
            assert min(arguments[-1]) >= 1 and len(arguments[-1]) == 6


def test_students_other_ways_to_write_it_pass():
    def by_torch(x, pooled, w1, r3, w3, p):
        def layer(w, maps):
            return torch.relu(torch.tensordot(torch.as_tensor(w), torch.as_tensor(maps), 1))

        return torch.cat([layer(w1, x), layer(w3, layer(r3, x)), layer(p, pooled)])

    def by_matrices(x, pooled, w1, r3, w3, p):
        c, h, w = x.shape

        def relu(values):
            return np.maximum(values, 0)

        flat, low = x.reshape(c, -1), pooled.reshape(c, -1)
        parts = [relu(w1 @ flat), relu(w3 @ relu(r3 @ flat)), relu(p @ low)]
        return np.vstack(parts).reshape(-1, h, w)

    def layer_by_layer(in_maps, side, filters):
        a, b, c, d, e, f = filters
        layers = [(1, in_maps, a), (1, in_maps, b), (3, b, c), (1, in_maps, d), (5, d, e)]
        layers.append((1, in_maps, f))
        return sum(k * k * i * o * side * side for k, i, o in layers)

    assert module.check_inception(by_torch).state == "passed"
    assert module.check_inception(by_matrices).state == "passed"
    assert module.check_module_macs(layer_by_layer).state == "passed"
    assert (
        module.check_output_channels(
            lambda v, n, f: f[0] + f[2] + f[4] + {"naive": n, "reduced": f[5]}[v]
        ).state
        == "passed"
    )


def test_adding_in_place_to_the_input_is_reported():
    def in_place(x, pooled, w1, r3, w3, p):
        result = module.inception(x, pooled, w1, r3, w3, p)
        x += 1
        return result

    assert module.check_inception(in_place).state == "changed its input"
