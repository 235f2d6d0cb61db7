"""The exercises of lesson 11: a residual block, the cost of its shortcut, the depth of a net.

Source: He, Zhang, Ren and Sun (2015), *Deep Residual Learning for Image Recognition*, arXiv
1512.03385: fig. 2, Sections 3.3 and 4.1, Table 1.
"""

from course_utils.exercises import Exercise


def outcome(block, in_maps, maps, stride):
    """Make `block(in_maps, maps, stride)`, give it weights and an image, and say what comes out.

    The weights are copied from a `BasicBlock` with option B, tensor by tensor in the order in which
    the layers were made, as far as the shapes agree. Returns (parameters, shape, output) in eval
    mode, or None while the block's forward returns nothing.
    """
    import torch

    from course_utils.models.resnet import BasicBlock

    with torch.random.fork_rng([]), torch.no_grad():
        torch.manual_seed(in_maps + maps + stride)
        model = BasicBlock(in_maps, maps, stride, shortcut="B")
        weights = [tensor for tensor in model.state_dict().values() if tensor.is_floating_point()]
        for tensor in weights:
            if tensor.ndim == 1:  # of a normalisation: all four numbers of a map matter
                tensor.uniform_(0.5, 1.5)
        x = torch.randn(2, in_maps, 6, 6)
        made = block(in_maps, maps, stride).eval()
        mine = [tensor for tensor in made.state_dict().values() if tensor.is_floating_point()]
        for tensor, weight in zip(mine, weights, strict=False):
            if tensor.shape == weight.shape:
                tensor.copy_(weight)
        out = made(x)
    if not isinstance(out, torch.Tensor):
        return out
    shape = "×".join(map(str, out.shape))
    return sum(weight.numel() for weight in made.parameters()), shape, out.numpy()


def dotted_block(in_maps, maps, stride):
    """Make a basic block whose shortcut is a projection where it must be (option B); try it."""
    from torch import nn

    from course_utils.lessons.resnet.exercises import outcome

    class DottedBlock(nn.Module):
        def __init__(self, in_maps, maps, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(in_maps, maps, 3, stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(maps)
            self.conv2 = nn.Conv2d(maps, maps, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(maps)
            self.shortcut = nn.Identity()
            if stride != 1 or in_maps != maps:
                projection = nn.Conv2d(in_maps, maps, 1, stride, bias=False)
                self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(maps))

        def forward(self, x):
            out = self.bn1(self.conv1(x)).relu()
            out = self.bn2(self.conv2(out))  # F(x): no ReLU yet
            return (out + self.shortcut(x)).relu()

    return outcome(DottedBlock, in_maps, maps, stride)


def _layers(change=None, option="B"):
    """An idea: the course's block, changed by `change(block, nn, stride)`."""

    def idea(*case):
        from torch import nn

        from course_utils.models.resnet import BasicBlock

        def make(in_maps, maps, stride):
            block = BasicBlock(in_maps, maps, stride, shortcut=option)
            if change:
                change(block, nn, stride)
            return block

        return outcome(make, *case)

    return idea


def _forward(forward):
    """An idea: the right layers, run by `forward(block, x)`."""
    return _layers(lambda b, *_: setattr(b, "forward", lambda x: forward(b, x)))


def _hidden(b, x):
    return b.bn1(b.conv1(x)).relu()


def _residual(b, x):
    return b.bn2(b.conv2(_hidden(b, x)))


def _strides_in_conv2(b, nn, stride):
    b.conv1.stride, b.conv2.stride = (1, 1), (stride, stride)


def _without_norms(b, nn, stride):
    b.bn1 = b.bn2 = nn.Identity()


def _bare_projection(b, nn, stride):
    b.shortcut = nn.Sequential(*list(b.shortcut.children())[:1])


def _with_biases(b, nn, stride):
    for layer in [m for m in b.modules() if isinstance(m, nn.Conv2d)]:
        layer.bias = nn.Parameter(layer.weight.new_zeros(layer.out_channels))


def _joined(b, x):
    import torch

    return torch.cat([_residual(b, x), b.shortcut(x)], 1).relu()


DOTTED_BLOCK = Exercise(
    id="11.dotted-block",
    solution=dotted_block,
    fixed=((4, 8, 2), (4, 4, 1), (4, 8, 1), (4, 4, 2)),  # in_maps, maps, stride
    random_case=lambda rng: (rng.randint(1, 4), rng.randint(1, 6), rng.randint(1, 2)),
    random_count=6,
    wrong_ideas={
        "The sum is right, and it comes out as it is. In fig. 2 one more ReLU follows: can "
        "your block put out a negative number?": _forward(
            lambda b, x: _residual(b, x) + b.shortcut(x)
        ),
        "You apply the second ReLU to F(x) and then add. Then F(x) can only make x larger. In fig. "
        "2, which comes first after the second layer?": _forward(
            lambda b, x: _residual(b, x).relu() + b.shortcut(x)
        ),
        "There is one ReLU too many. If F(x) is cut off at 0 before the sum, the block can "
        "never correct a value downwards.": _forward(
            lambda b, x: (_residual(b, x).relu() + b.shortcut(x)).relu()
        ),
        "Between your two convolutions there is no ReLU, so that they are one linear layer. What "
        "stands between them in fig. 2?": _forward(
            lambda b, x: (b.bn2(b.conv2(b.bn1(b.conv1(x)))) + b.shortcut(x)).relu()
        ),
        "You add x and normalise afterwards, so x gets scaled as well. The shortcut must lead past "
        "everything: where does it join?": _forward(
            lambda b, x: b.bn2(b.conv2(_hidden(b, x)) + b.shortcut(x)).relu()
        ),
        "This is the plain block: nothing is added. With F(x) = 0, what should a residual block "
        "put out?": _forward(lambda b, x: _residual(b, x).relu()),
        "Your output has twice as many maps. GoogLeNet concatenates; a residual block keeps the "
        "shape. What does the sign in the circle of fig. 2 say?": _forward(_joined),
        "You add what comes out of the first layer. The shortcut begins before the block's first "
        "convolution, and so before its stride.": _forward(
            lambda b, x: (_residual(b, x) + _hidden(b, x)).relu()
        ),
        "You subtract the shortcut. F(x) is *learnt* as the difference to x: what is the block's "
        "output, then, in terms of the two?": _forward(
            lambda b, x: (_residual(b, x) - b.shortcut(x)).relu()
        ),
        "You apply the ReLU to the shortcut and leave the sum as it is. It comes after the two "
        "paths have met.": _forward(lambda b, x: _residual(b, x) + b.shortcut(x).relu()),
        "The shape is right, and your *second* convolution has the stride. Which of the two has it "
        "in fig. 3 (the one marked /2)? The second then works on small maps.": _layers(
            _strides_in_conv2
        ),
        "Your convolutions have no batch normalisation behind them. Section 3.4: after each "
        "convolution, and before the activation.": _layers(_without_norms),
        "Your projection is a bare convolution. After each convolution of the paper comes what?": (
            _layers(_bare_projection)
        ),
        "You project everywhere, which is option C. In option B a block that keeps its shape hands "
        "on x itself.": _layers(option="C"),
        "Your convolutions have biases. The normalisation behind each subtracts the mean of every "
        "map, biases included: they do nothing.": _layers(_with_biases),
    },
)


def shortcut_parameters(option, in_maps, out_maps, stride):
    """Count the parameters of the shortcut of one block, normalisation included."""
    same_shape = in_maps == out_maps and stride == 1
    if option == "A" or (option == "B" and same_shape):
        return 0  # x itself, or x with zeros appended
    weights = in_maps * out_maps  # a 1x1 convolution without biases
    return weights + 2 * out_maps  # and a scale and a shift per map


def _projected(parameters):
    """Return an idea: a shortcut has parameters(n, m, s) where it is a projection."""
    return lambda o, n, m, s: (o == "C" or (o == "B" and (n, 1) != (m, s))) * parameters(n, m, s)


def _random_shortcut(rng):
    in_maps = rng.choice((8, 16, 32, 64, 128, 256))
    return rng.choice("ABC"), in_maps, in_maps * rng.choice((1, 1, 2, 4)), rng.randint(1, 2)


SHORTCUT_PARAMETERS = Exercise(
    id="11.shortcut-parameters",
    solution=shortcut_parameters,
    fixed=(  # option, in_maps, out_maps, stride; below: o, n, m, s
        *((option, 64, *shape) for shape in ((64, 1), (128, 2)) for option in "ABC"),
        ("B", 64, 256, 1),  # the first bottleneck of ResNet-50
        ("B", 32, 32, 2),
        ("A", 32, 32, 2),
        ("C", 256, 512, 2),
    ),
    random_case=_random_shortcut,
    wrong_ideas={
        "The weights of the convolution are right. What follows every convolution of "
        "the paper, and how many numbers does it learn per map?": _projected(lambda n, m, s: n * m),
        "You count one number per map beside the weights, a bias. There is none: the normalisation "
        "follows, and it learns a scale as well as a shift.": _projected(lambda n, m, s: n * m + m),
        "You count a 3x3 filter. The projection need not look at neighbours: it only mixes maps. "
        "How large is its filter in Section 3.3?": _projected(lambda n, m, s: 9 * n * m + 2 * m),
        "Your B is C. In option B, a block that keeps the shape has an identity. What does "
        "that cost?": lambda o, n, m, s: (o != "A") * (n * m + 2 * m),
        "Your B projects where the number of maps changes. Can x and F(x) be added when only "
        "the stride is 2?": lambda o, n, m, s: shortcut_parameters(o, n, m, 1),
        "Your B projects where the stride is 2. The first bottleneck of "
        "ResNet-50 has stride 1, takes 64 maps and puts out 256: do the "
        "shapes agree?": lambda o, n, m, s: (o == "C" or (o == "B" and s == 2)) * (n * m + 2 * m),
        "Your C is B. In option C *every* shortcut is a projection, also where the identity "
        "would do.": lambda o, n, m, s: shortcut_parameters("B" if o == "C" else o, n, m, s),
        "The maps of zeros in option A are not learnt: they are "
        "zero before training and after it. Which parameters "
        "are left?": lambda o, n, m, s: m - n if o == "A" else shortcut_parameters(o, n, m, s),
        "Your A learns weights. Option A appends maps of zeros "
        "where the number of maps grows, and is the identity "
        "elsewhere.": lambda o, n, m, s: shortcut_parameters("B" if o == "A" else o, n, m, s),
        "A stride leaves out positions. Do the weights "
        "at the positions that are left out disappear, "
        "or is it one filter for all positions?": _projected(lambda n, m, s: n * m // s**2 + 2 * m),
        "You give weights to the added maps only. The projection computes *all* maps that "
        "it puts out, each from all that come in.": _projected(lambda n, m, s: n * (m - n) + 2 * m),
    },
)


def count_depth(blocks, convolutions):
    """Count the layers of a ResNet as the paper does: with weights, on the main path."""
    depth = 1  # the 7x7 convolution
    for count in blocks:  # one number per stage
        depth += count * convolutions
    return depth + 1  # the dense layer


COUNT_DEPTH = Exercise(
    id="11.count-depth",
    solution=count_depth,
    fixed=(  # blocks of each stage, convolutions of a block
        ([2, 2, 2, 2], 2),
        ([3, 4, 6, 3], 2),
        ([3, 4, 6, 3], 3),
        ([3, 4, 23, 3], 3),
        ([3, 8, 36, 3], 3),
        ([9, 9, 9], 2),  # ResNet-56 of Section 4.2
    ),
    random_case=lambda rng: (
        [rng.randint(1, 12) for _ in range(rng.randint(2, 5))],
        rng.randint(2, 4),
    ),
    wrong_ideas={
        "You count a projection in each stage. It lies "
        "on the shortcut: does it make the longest path "
        "from image to scores any longer?": lambda blocks, c: sum(blocks) * c + 2 + len(blocks),
        "You count one more layer in each block, for its shortcut. An identity has no weights, "
        "and a projection lies beside the main path.": lambda blocks, c: sum(blocks) * (c + 1) + 2,
        "These are the layers inside the blocks. What stands before the first block and behind "
        "the last, and has weights?": lambda blocks, c: sum(blocks) * c,
        "You are one short. There is a convolution before the blocks *and* a layer with "
        "weights behind them.": lambda blocks, c: sum(blocks) * c + 1,
        "You count the two poolings. "
        "The paper counts layers that learn weights.": lambda blocks, c: sum(blocks) * c + 4,
        "You count a block as one layer. How many convolutions does it hold?": lambda blocks, c: (
            sum(blocks) + 2
        ),
        "You take two convolutions per block. That is the basic block; a bottleneck has "
        "another number, which is an argument here.": lambda blocks, c: sum(blocks) * 2 + 2,
        "You count each normalisation as a layer of its own. The paper counts it with its "
        "convolution.": lambda blocks, c: 2 * sum(blocks) * c + 3,
        "You count the addition at the end of each block. It has no weights.": lambda blocks, c: (
            sum(blocks) * (c + 1) + 3
        ),
    },
)
