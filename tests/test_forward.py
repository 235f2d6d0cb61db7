"""One forward pass: memory against closed forms, models left as they came, bad input refused."""

import pytest
import torch
from torch import nn

from course_utils.models import VGG, AlexNet, GoogLeNet, ResNet
from course_utils.probing import forward_pass

FLOAT = 4  # bytes


def test_memory_of_a_chain_is_two_neighbours_at_most():
    """In a chain of layers only a layer's input and output are alive; in all, every map counts."""
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Sigmoid(), nn.Conv2d(8, 2, 3))
    run = forward_pass(net, torch.zeros(1, 3, 16, 16))
    image, maps, out = 3 * 16 * 16, 8 * 16 * 16, 2 * 14 * 14
    assert run.peak_bytes == FLOAT * (image + 2 * maps)
    assert run.kept_bytes == FLOAT * (image + 2 * maps + out)
    assert run.weight_bytes == FLOAT * (8 * 28 + 2 * 73)


def test_images_that_are_a_slice_count_alone():
    many = torch.zeros(100, 3, 16, 16)
    net = nn.Conv2d(3, 8, 3, padding=1)
    assert forward_pass(net, many[:1])[2:] == forward_pass(net, many[:1].clone())[2:]


def test_work_in_place_and_views_take_no_memory():
    net = nn.Sequential(nn.ReLU(inplace=False), nn.ReLU(inplace=True), nn.Flatten())
    run = forward_pass(net, torch.ones(2, 3, 4, 4))
    assert run.kept_bytes == run.peak_bytes == FLOAT * 2 * (2 * 3 * 4 * 4)
    assert run.output.shape == (2, 48)


class Applies(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.forward = function


@pytest.mark.parametrize(
    ("forward", "maps"),
    [
        (lambda x: (x + 1).sigmoid().sigmoid(), 3),  # the image, an input, an output
        (lambda x: (y := x + 1) + y.sigmoid().sigmoid(), 4),  # and what the shortcut keeps
    ],
    ids=["plain", "shortcut"],
)
def test_a_shortcut_keeps_its_input_alive(forward, maps):
    x = torch.zeros(1, 1, 8, 8)
    assert forward_pass(Applies(forward), x).peak_bytes == maps * x.numel() * FLOAT


def test_shared_weights_and_tuples_count_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(5, 5)
            self.same = self.layer
            self.register_buffer("count", torch.zeros(7, dtype=torch.int64))

        def forward(self, x):
            return self.same(self.layer(x)), "extra"

    run = forward_pass(Twice(), torch.zeros(1, 5))
    assert run.weight_bytes == FLOAT * 30 + 8 * 7
    assert torch.is_tensor(run.output) and run.output.shape == (1, 5)


def test_vgg_16_needs_the_paper_s_memory():
    """Largest pair of neighbours: conv1_1 and conv1_2, 64 maps of 224 x 224 each, and the image."""
    run = forward_pass(VGG("D"), torch.zeros(1, 3, 224, 224))
    assert run.weight_bytes == FLOAT * 138_357_544
    assert run.peak_bytes == FLOAT * (3 + 2 * 64) * 224**2
    assert run.seconds > 0


@pytest.mark.parametrize(
    ("build", "size", "parameters"),
    [(AlexNet, 227, 60_965_224), (lambda: GoogLeNet(auxiliary=False), 224, 6_998_552)],
    ids=["alexnet", "googlenet"],
)
def test_full_size_networks(build, size, parameters):
    run = forward_pass(build(), torch.zeros(1, 3, size, size))
    assert run.output.shape == (1, 1000)
    assert run.weight_bytes == FLOAT * parameters
    assert run.peak_bytes < run.kept_bytes


def test_buffers_of_batch_norm_are_counted_and_not_changed():
    net = ResNet(34).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    run = forward_pass(net, torch.rand(2, 3, 64, 64))
    buffers = sum(b.numel() * b.element_size() for b in net.buffers())
    assert run.weight_bytes == FLOAT * 21_797_672 + buffers
    assert net.training and all(module.training for module in net.modules())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not run.output.requires_grad


def test_modes_come_back_after_an_error():
    net = nn.Sequential(nn.Dropout(), nn.Linear(3, 2))
    net[0].eval()
    with pytest.raises(RuntimeError):
        forward_pass(net, torch.zeros(1, 4))
    assert net.training and not net[0].training


@pytest.mark.parametrize("model", [ResNet, lambda x: x, None])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(ValueError, match="model must be a torch.nn.Module"):
        forward_pass(model, torch.zeros(1))


def test_what_is_no_tensor_is_refused():
    with pytest.raises(ValueError, match=r"images must be a tensor \(N, C, H, W\), got list"):
        forward_pass(nn.ReLU(), [1.0])
