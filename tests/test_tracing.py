"""The tracer against torch itself: its flop counter, its shapes, the support of its gradients."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrizations
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from course_utils.tracing import Recorder, is_leaf, largest, trace

THOROUGH = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)


def counted_macs(model, input_shape):
    """Multiply-adds of a real forward pass of one image, by torch's own counter.

    With gradients and plain attention: fused attention is not in the counter's table for CPUs.
    """
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):
        model(torch.zeros(1, *input_shape))
    return counter.get_total_flops() // 2


def macs(trace_):
    return sum(step.macs for step in trace_.steps)


class Function(nn.Module):
    """A module that applies a function, with children and parameters as needed."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


# Random networks. Every part takes 8 maps and puts out 8 maps, so that any sequence fits.

C = 8


@st.composite
def convolutions(draw):
    kernel, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 2))
    mode = draw(st.sampled_from(["zeros", "circular", "replicate", "reflect"]))
    stride = draw(st.integers(1, 3))
    padding = draw(st.integers(0, 2))
    if stride == 1 and draw(st.booleans()):
        padding = draw(st.sampled_from(["same", "valid"]))
    return nn.Conv2d(
        C,
        C,
        kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=draw(st.sampled_from([1, 2, C])),
        bias=draw(st.booleans()),
        padding_mode=mode,
    )


@st.composite
def pools(draw):
    kernel, stride, ceil = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.booleans())
    padding = draw(st.integers(0, kernel // 2))
    kind = draw(st.sampled_from([nn.MaxPool2d, nn.AvgPool2d]))
    return kind(kernel, stride, padding, ceil_mode=ceil)


@st.composite
def transposed(draw):
    stride = draw(st.integers(1, 3))
    return nn.ConvTranspose2d(
        C,
        C,
        draw(st.integers(1, 4)),
        stride=stride,
        padding=draw(st.integers(0, 1)),
        output_padding=draw(st.integers(0, stride - 1)),
        groups=draw(st.sampled_from([1, 4])),
        dilation=draw(st.integers(1, 2)),
    )


def branches(kernels, form):
    convolutions = nn.ModuleList(nn.Conv2d(C, C, k, padding=k // 2) for k in kernels)
    project = nn.Conv2d(C * len(kernels), C, 1)

    def forward(self, x):
        outs = [F.relu(convolution(x)) for convolution in self.convolutions]
        if form == "sum":
            return x + sum(outs)
        return self.project(torch.cat(outs, dim=1))

    return Function(forward, convolutions=convolutions, project=project)


def squeeze_excite():
    def forward(self, x):
        scale = torch.sigmoid(self.up(F.relu(self.down(x.mean(dim=(2, 3))))))
        return x * scale[:, :, None, None]

    return Function(forward, down=nn.Linear(C, 2), up=nn.Linear(2, C))


def attention():
    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens).chunk(3, dim=-1)
        weights = (q @ k.transpose(1, 2) / C**0.5).softmax(dim=-1)
        return x + (weights @ v).transpose(1, 2).reshape(x.shape)

    return Function(forward, qkv=nn.Linear(C, 3 * C))


def fused_attention():
    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        out = F.scaled_dot_product_attention(tokens, tokens, tokens)
        return self.out(out).transpose(1, 2).view_as(x)

    return Function(forward, out=nn.Linear(C, C))


def multihead():
    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        return self.inner(tokens, tokens, tokens, need_weights=False)[0].transpose(1, 2).view_as(x)

    return Function(forward, inner=nn.MultiheadAttention(C, 2, batch_first=True))


def shuffle():
    def forward(self, x):
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)

    return Function(forward)


def functional():
    def forward(self, x):
        x = F.conv2d(x, self.kernel, padding=1, groups=2)
        x = torch.einsum("nchw,cd->ndhw", x, self.mix)
        return (self.mix @ x.flatten(2)).view(x.shape)

    kernel = nn.Parameter(torch.randn(C, C // 2, 3, 3))
    return Function(forward, kernel=kernel, mix=nn.Parameter(torch.randn(C, C)))


def twice():
    return Function(lambda self, x: self.inner(self.inner(x)), inner=nn.Conv2d(C, C, 3, padding=1))


def subsampled():
    return Function(lambda self, x: F.pad(x[:, ::2, ::2], (0, 0, 0, 0, 0, C - C // 2)))


PARTS = st.one_of(
    convolutions(),
    pools(),
    transposed(),
    st.builds(
        branches,
        st.lists(st.sampled_from([1, 3, 5]), min_size=1, max_size=3),
        st.sampled_from(["sum", "cat"]),
    ),
    st.sampled_from(
        [squeeze_excite, attention, fused_attention, multihead, shuffle, functional, twice]
        + [subsampled]
    ).map(lambda make: make()),
    st.sampled_from(
        [
            nn.BatchNorm2d(C),
            nn.GroupNorm(2, C),
            nn.LocalResponseNorm(3),
            nn.InstanceNorm2d(C),
            nn.ReLU(inplace=True),
            nn.GELU(),
            nn.PReLU(),
            nn.Softmax(dim=1),
            nn.Dropout(),
            nn.Upsample(scale_factor=2),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.ZeroPad2d((0, 1, 2, 0)),
        ]
    ),
)
HEADS = st.sampled_from(["none", "average", "average 3", "dense"])


class Net(nn.Module):
    """A stem, some parts, a head."""

    def __init__(self, parts, head):
        super().__init__()
        self.stem = nn.Conv2d(3, C, 3, padding=1)
        self.parts = nn.Sequential(*parts)
        self.pool = nn.AdaptiveAvgPool2d(3 if head == "average 3" else 1)
        self.head = head
        self.dense = nn.LazyLinear(5)

    def forward(self, x):
        x = self.parts(F.relu(self.stem(x)))
        if self.head == "none":
            return x
        if self.head.startswith("average"):
            x = self.pool(x)
        return self.dense(torch.flatten(x, 1))


@st.composite
def networks(draw):
    """A random network that a real image passes, and the shape of that image."""
    shape = (3, draw(st.integers(10, 24)), draw(st.integers(10, 24)))
    net = Net(draw(st.lists(PARTS, max_size=5)), draw(HEADS)).eval()
    try:
        with torch.no_grad():
            net(torch.zeros(1, *shape))
    except (RuntimeError, ValueError):
        assume(False)  # too small an image for these layers
    if net.head == "none":
        net.dense = None
    return net, shape


def real_outputs(model, shape):
    """Output shapes of a real forward pass: {(leaf module, call): shape without the batch}."""
    shapes, calls, handles = {}, {}, []
    for name, module in model.named_modules():
        if is_leaf(module):

            def hook(module, inputs, output, name=name):
                calls[name] = calls.get(name, 0) + 1
                first = output[0] if isinstance(output, tuple) else output
                shapes[name, calls[name]] = tuple(first.shape[1:])

            handles.append(module.register_forward_hook(hook))
    with torch.no_grad():
        out = model(torch.zeros(1, *shape))
    for handle in handles:
        handle.remove()
    return shapes, tuple(out.shape[1:])


@THOROUGH
@given(networks())
def test_random_networks_have_the_shapes_and_macs_of_a_real_pass(case):
    net, shape = case
    shapes, out = real_outputs(net, shape)
    found = trace(net, shape)
    assert macs(found) == counted_macs(net, shape)
    leaves = {(s.name, s.call): s.output_shape for s in found.steps if s.leaf}
    assert leaves == shapes
    if net.head != "none":
        assert found.steps[-1].output_shape == out


OTHER_SHAPES = {
    "Conv1d": (nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), (4, 17)),
    "Conv3d": (nn.Conv3d(2, 6, 3, dilation=(1, 2, 1), padding="same"), (2, 5, 6, 7)),
    "ConvTranspose1d": (nn.ConvTranspose1d(4, 6, 4, stride=3, groups=2), (4, 9)),
    "ConvTranspose3d": (nn.ConvTranspose3d(2, 4, 3, stride=2, output_padding=1), (2, 3, 4, 5)),
    "Linear on tokens": (nn.Linear(5, 7), (3, 5)),
    "Bilinear upsampling to a size": (nn.Upsample((7, 9), mode="bilinear"), (3, 4, 5)),
    "Upsampling by a fraction": (nn.Upsample(scale_factor=1.5), (3, 4, 6)),
    "AdaptiveMaxPool2d": (nn.AdaptiveMaxPool2d((3, None)), (3, 10, 5)),
    "PixelShuffle": (nn.PixelShuffle(2), (8, 3, 4)),
    "PixelUnshuffle": (nn.PixelUnshuffle(2), (3, 4, 6)),
    "AvgPool1d": (nn.AvgPool1d(3, 2, 1, ceil_mode=True), (3, 10)),
    "MaxPool3d": (nn.MaxPool3d(2, ceil_mode=True), (3, 5, 4, 7)),
    "LPPool2d": (nn.LPPool2d(2, 3), (3, 9, 9)),
    "Fold": (nn.Unfold(3), (2, 6, 6)),
    "scalar arithmetic": (Function(lambda self, x: 1 - 2 * x / 3 + x**2), (3, 4, 4)),
    "stack and max": (Function(lambda self, x: torch.stack([x, x], 1).max(dim=1)[0]), (3, 4, 4)),
    "permuted": (Function(lambda self, x: x.permute(0, 2, 3, 1).contiguous()), (3, 4, 5)),
    "split": (Function(lambda self, x: torch.cat(x.split(2, dim=1)[::-1], 1)), (4, 4, 5)),
    "chosen maps": (Function(lambda self, x: x[:, [0, 2]]), (4, 4, 5)),
    "mv": (Function(lambda self, x: x[0] @ torch.ones(5)), (4, 5)),
}


@pytest.mark.parametrize("name", OTHER_SHAPES)
def test_other_layers_have_the_shape_of_a_real_pass(name):
    model, shape = OTHER_SHAPES[name]
    model = model.eval()
    traced = {}

    class Tap(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            out = self.model(x)
            traced["shape"], traced["dtype"] = tuple(out.shape), out.dtype
            return out

    found = trace(Tap(), shape)
    seen = dict(traced)
    with torch.no_grad():
        Tap()(torch.zeros(1, *shape))
    assert seen == traced
    assert macs(found) == counted_macs(model, shape)


def test_an_lstm_counts_though_torch_hides_it_in_one_operation():
    model = Function(lambda self, x: self.inner(x)[0], inner=nn.LSTM(5, 4, batch_first=True))
    found = trace(model, (3, 5))
    assert macs(found) == 3 * (4 * 4) * (5 + 4)  # three steps, four gates of four units
    assert found.steps[0].output_shape == (3, 4)


# Receptive fields


class Chain(nn.Module):
    """One-dimensional parts in a row."""

    def __init__(self, parts):
        super().__init__()
        self.parts = nn.Sequential(*parts)

    def forward(self, x):
        return self.parts(x)


@st.composite
def parts_1d(draw):
    kind = draw(
        st.sampled_from(
            ["conv", "pool", "sum", "cat", "transposed", "nearest", "linear", "slice", "tokens"]
        )
    )
    k, s = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    p, d = draw(st.integers(0, 3)), draw(st.integers(1, 2))
    if kind == "conv":
        return nn.Conv1d(2, 2, k, s, p, d, bias=False)
    if kind == "pool":
        return nn.AvgPool1d(k, s, min(p, k // 2))
    if kind == "sum":
        conv = nn.Conv1d(2, 2, 2 * k + 1, padding=k * d, dilation=d, bias=False)
        shifted = nn.Conv1d(2, 2, k, bias=False)
        side = draw(st.booleans())

        def forward(self, x):
            pads = (k - 1, 0) if side else (0, k - 1)
            return x + self.conv(x) + self.shifted(F.pad(x, pads))

        return Function(forward, conv=conv, shifted=shifted)
    if kind == "cat":
        small = nn.Conv1d(2, 1, 1, bias=False)
        large = nn.Conv1d(2, 1, 2 * k - 1, padding=k - 1, bias=False)
        return Function(lambda m, x: torch.cat([m.a(x), m.b(x)], 1), a=small, b=large)
    if kind == "transposed":
        return nn.ConvTranspose1d(2, 2, s + k - 1, s, min(p, 1), bias=False)
    if kind == "nearest":
        return nn.Upsample(scale_factor=s)
    if kind == "linear":
        return nn.Upsample(scale_factor=2, mode="linear", align_corners=False)
    if kind == "slice":
        return Function(lambda m, x: x[:, :, p::s])
    dense = nn.Linear(2, 2, bias=False)
    return Function(lambda m, x: m.dense(x.transpose(1, 2)).transpose(1, 2), dense=dense)


def measured_field(model, length, units):
    """The largest extent of the gradient of some units in the middle; None if it meets a border."""
    model = model.double()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 1.0)  # positive: no path cancels another
    image = torch.ones(1, 2, length, dtype=torch.double, requires_grad=True)
    out = model(image).sum(dim=(0, 1))
    first = out.numel() // 2
    sizes = []
    for unit in range(first, min(first + units, out.numel())):
        (gradient,) = torch.autograd.grad(out[unit], image, retain_graph=True)
        seen = gradient.abs().sum(dim=(0, 1)).nonzero().flatten()
        if seen[0] == 0 or seen[-1] == length - 1:
            return None
        sizes.append(int(seen[-1] - seen[0]) + 1)
    return max(sizes)


@settings(THOROUGH, max_examples=400)
@given(st.lists(parts_1d(), min_size=1, max_size=5))
def test_receptive_field_is_the_support_of_the_gradient(parts):
    model, length = Chain(parts), 500
    try:
        found = trace(model, (2, length))
    except RuntimeError:
        assume(False)  # strides ate the whole input
    track = found.steps[-1].tracks[0]
    period = len(track.field.low)
    assume(period <= 60)
    measured = measured_field(model, length, period)
    assume(measured is not None)
    assert track.field.size == measured
    assert found.notes == []


def shifted_paths(pads):
    def forward(module, x):
        return module.long(x) + module.short(F.pad(x, pads))

    long, short = nn.Conv1d(2, 2, 5, padding=2), nn.Conv1d(2, 2, 3)
    return Function(forward, long=long, short=short)


@pytest.mark.parametrize(
    ("pads", "size"),
    [((1, 1), 5), ((2, 0), 5), ((0, 2), 5), ((4, -2), 7), ((-2, 4), 7)],
    ids=str,
)
def test_paths_that_are_not_centred_alike_join_to_their_hull(pads, size):
    model = shifted_paths(pads)
    assert largest(trace(model, (2, 50)).steps[-1].tracks) == ((size,), (1,))
    assert measured_field(model, 50, 1) == size


def last_extent(model, shape):
    return largest(trace(model, shape).steps[-1].tracks)


def test_rows_and_columns_are_kept_apart():
    model = nn.Sequential(nn.Conv2d(1, 1, (3, 5), stride=(1, 2)), nn.Conv2d(1, 1, 2))
    assert last_extent(model, (1, 20, 20)) == ((4, 7), (1, 2))


def test_dense_after_flatten_is_a_kernel_over_all_it_sees():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, 2), nn.Flatten(), nn.Linear(50, 4))
    steps = trace(model, (1, 11, 11)).steps
    assert [largest(step.tracks) for step in steps] == [((3, 3), (2, 2))] * 2 + [((11, 11), (2, 2))]


@pytest.mark.parametrize(
    "model",
    [
        nn.AdaptiveAvgPool2d(1),
        Function(lambda m, x: x.mean(dim=(2, 3))),
        Function(lambda m, x: x.amax(-1).amax(-1)),
        attention(),
        fused_attention(),
        squeeze_excite(),
    ],
    ids=["adaptive", "mean", "amax", "attention", "fused attention", "squeeze and excite"],
)
def test_what_looks_everywhere_sees_everything(model):
    assert last_extent(model, (C, 9, 7))[0] == (9, 7)


def test_squeeze_and_excite_leaves_the_stride_of_the_layers_alone():
    model = nn.Sequential(nn.Conv2d(C, C, 3, 2), squeeze_excite(), nn.Conv2d(C, C, 3, 2))
    assert last_extent(model, (C, 17, 17))[1] == (4, 4)


def test_adaptive_pooling_to_a_divisor_is_plain_pooling():
    adaptive = last_extent(nn.Sequential(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(4)), (1, 14, 14))
    plain = last_extent(nn.Sequential(nn.Conv2d(1, 1, 3), nn.AvgPool2d(3)), (1, 14, 14))
    assert adaptive == plain == ((5, 5), (3, 3))


def test_stacked_branches_keep_their_fields():
    def forward(module, x):
        return torch.stack([x, module.conv(x)], dim=2).sum(dim=2) + torch.zeros_like(x)

    found = trace(Function(forward, conv=nn.Conv1d(2, 2, 5, padding=2)), (2, 10))
    assert largest(found.steps[-1].tracks) == ((5,), (1,))
    assert found.notes == []


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


def test_checkpoints_and_functions_with_a_gradient_of_their_own_are_followed():
    def forward(module, x):
        return Double.apply(checkpoint(module.conv, Double.apply(x), use_reentrant=False))

    found = trace(Function(forward, conv=nn.Conv1d(2, 2, 5)), (2, 10))
    assert macs(found) == 6 * 20
    assert largest(found.steps[-1].tracks) == ((5,), (1,))


def test_an_unknown_mixture_is_an_upper_bound_and_says_so():
    found = trace(Function(lambda m, x: x.flip(2)), (3, 8, 8))
    assert largest(found.steps[-1].tracks)[0] == (8, 8)
    assert "upper bound" in found.notes[0]
    assert "flip" in found.notes[0]


def test_writing_into_a_tensor_is_followed():
    def forward(module, x):
        y = torch.zeros(1, 2, 9)
        y[:, :, 1:] = module.conv(x)
        return y * 1

    found = trace(Function(forward, conv=nn.Conv1d(2, 2, 3)), (2, 10))
    assert largest(found.steps[-1].tracks)[0][0] >= 3


def test_in_place_sums_are_followed():
    def forward(module, x):
        y = x * 1
        y += module.conv(x)
        y.relu_()
        return y.mul(2)

    found = trace(Function(forward, conv=nn.Conv1d(2, 2, 5, padding=2)), (2, 10))
    assert largest(found.steps[-1].tracks) == ((5,), (1,))


# What is counted, and where


def test_operations_outside_leaf_modules_are_steps_of_their_own():
    found = trace(branches([1, 3], "sum"), (C, 6, 6))
    kinds = [(step.name, step.kind) for step in found.steps]
    assert kinds == [
        ("convolutions.0", "Conv2d"),
        ("relu", "relu"),
        ("convolutions.1", "Conv2d"),
        ("relu", "relu"),
        ("add", "add"),
        ("add", "add"),
        ("add", "add"),
    ]
    assert [step.call for step in found.steps if step.name == "add"] == [1, 2, 3]


def test_a_leaf_module_is_one_step_whatever_it_does():
    leaf = functional()
    (step,) = trace(leaf, (C, 6, 6)).steps
    assert step.leaf
    assert step.uses == {"kernel", "mix"}
    assert step.macs == counted_macs(leaf, (C, 6, 6))
    assert step.category in ("convolution", "linear")


def test_products_of_activations_are_told_from_products_with_weights():
    steps = trace(attention(), (C, 3, 3)).steps
    products = [s for s in steps if s.category == "product of activations"]
    assert [s.macs for s in products] == [9 * 9 * C] * 2


def test_an_operation_without_a_formula_is_named():
    found = trace(Function(lambda m, x: torch.cdist(x, x)), (5, 4))
    assert any("cdist" in note and "not counted" in note for note in found.notes)


def test_parametrised_layers_count_as_the_layer():
    model = nn.Sequential(parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), nn.ReLU())
    (conv, relu) = trace(model, (3, 6, 6)).steps
    assert (conv.name, conv.macs) == ("0", 4 * 4 * 4 * 27)


def test_weights_kept_elsewhere_are_recognised():
    """nn.LSTM keeps its parameters in a list of its own, too."""
    lstm = nn.LSTM(5, 4)
    (step,) = trace(Function(lambda m, x: m.inner(x)[0], inner=lstm), (3, 5)).steps[:1]
    assert step.uses == {f"inner.{name}" for name, _ in lstm.named_parameters()}


# Nothing is computed, nothing is changed


class Allocations(TorchDispatchMode):
    """Notes the largest tensor with memory that any operation returns, in bytes."""

    largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(tensor, torch.Tensor) and not tensor.is_meta:
                self.largest = max(self.largest, tensor.numel() * tensor.element_size())
        return out


def test_no_memory_for_weights_or_activations():
    model = nn.Sequential(nn.Conv2d(3, 64, 3), nn.Flatten(), nn.Linear(64 * 222 * 222, 10))
    with Allocations() as allocations:
        # The model has weights with memory: 126 MB. None of it is touched.
        trace(model, (3, 224, 224))
    assert allocations.largest < 10_000  # the state of the random generator, 5 kB


def snapshot(model):
    return [
        (
            name,
            module.training,
            list(module.__dict__),
            {key: id(value) for key, value in module.__dict__.items()},
            {key: id(p) for key, p in module._parameters.items()},
            {key: id(b) for key, b in module._buffers.items()},
            len(module._forward_hooks),
        )
        for name, module in model.named_modules()
    ]


def busy_model():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.Dropout(),
        torch.nn.utils.weight_norm(nn.Conv2d(4, 4, 3)),
        parametrizations.spectral_norm(nn.Conv2d(4, 4, 1)),
        nn.Flatten(),
        nn.Linear(64, 2),
    )
    model[1].eval()
    model[0].bias.requires_grad_(False)
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    return model


@pytest.mark.filterwarnings("ignore:.*weight_norm.*")
@pytest.mark.parametrize("size", [8, 9], ids=["a pass that works", "a pass that fails"])
def test_the_model_is_left_as_it_was(size):
    model = busy_model()
    called = []
    model.register_forward_hook(lambda *_: called.append(True))
    before = snapshot(model)
    values = copy.deepcopy(model.state_dict())
    grads = {
        name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()
    }
    random_state = torch.get_rng_state()
    if size == 8:
        trace(model, (3, size, size))
        assert called == []  # a hook would keep tensors that hold no numbers
    else:
        with pytest.raises(RuntimeError):
            trace(model, (3, size, size))
    assert snapshot(model) == before
    assert torch.equal(torch.get_rng_state(), random_state)
    for name, value in model.state_dict().items():
        assert torch.equal(value, values[name]), name
    for name, parameter in model.named_parameters():
        if grads[name] is None:
            assert parameter.grad is None
        else:
            assert torch.equal(parameter.grad, grads[name])
    assert torch.is_grad_enabled()
    assert model(torch.randn(2, 3, 8, 8)).shape == (2, 2)


def test_the_mode_of_the_model_is_the_mode_of_the_pass():
    model = Function(lambda m, x: m.extra(x) if m.training else x * 1, extra=nn.Conv2d(3, 3, 1))
    assert macs(trace(model.train(), (3, 4, 4))) == 144
    assert macs(trace(model.eval(), (3, 4, 4))) == 0


def test_half_precision_and_double_precision_models_are_followed():
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), attention_of(4)).to(dtype)
        assert macs(trace(model, (3, 6, 6))) > 0


def attention_of(channels):
    def forward(module, x):
        tokens = x.flatten(2).transpose(1, 2)
        return F.scaled_dot_product_attention(tokens, tokens, tokens).cumsum(1)

    return Function(forward)


# Errors


def test_the_models_own_error_passes_with_the_layer_named():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(9, 4, 3)))
    with pytest.raises(RuntimeError, match="expected input.*to have 9 channels") as caught:
        trace(model, (3, 8, 8))
    (note,) = caught.value.__notes__
    assert "layer '1.1' (Conv2d)" in note
    assert "(1, 8, 6, 6)" in note


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(7, 3), (3, 8)),
        (nn.Conv2d(3, 4, 9), (3, 8, 8)),
        (nn.MaxPool2d(9), (3, 8, 8)),
        (nn.ConvTranspose2d(4, 4, 3), (3, 8, 8)),
        (nn.BatchNorm2d(4), (3, 8, 8)),
        (Function(lambda m, x: x + torch.ones(5)), (3, 8, 8)),
        (Function(lambda m, x: torch.cat([x, x[:, :, 1:]], 1)), (3, 8, 8)),
        (Function(lambda m, x: x.view(7, -1)), (3, 8, 8)),
        (Function(lambda m, x: x @ x[:, :, 1:]), (3, 8, 8)),
    ],
    ids=["linear", "conv", "pool", "transposed", "norm", "add", "cat", "view", "matmul"],
)
def test_what_torch_refuses_is_refused(layer, shape):
    with pytest.raises((RuntimeError, ValueError)):
        layer.eval()(torch.zeros(1, *shape))
    with pytest.raises((RuntimeError, ValueError)) as caught:
        trace(layer, shape)
    assert "ledger: raised in" in caught.value.__notes__[0]


def test_a_model_that_looks_at_numbers_is_told_why_it_cannot_be_followed():
    model = Function(lambda m, x: x if x.sum() > 0 else -x)
    with pytest.raises((RuntimeError, NotImplementedError)) as caught:
        trace(model, (3, 4, 4))
    assert any("runs on shapes alone" in note for note in caught.value.__notes__)


def test_a_recorder_is_inert_once_it_is_left():
    model = nn.Conv2d(3, 4, 3)
    recorder = Recorder(model)
    model(torch.zeros(1, 3, 4, 4))
    assert recorder.trace.steps == []
