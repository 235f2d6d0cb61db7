"""The capstone: what is refused and why, what is scored, and a board that loses nothing."""

import errno
import html
import json
import os
import random
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from course_utils import state as state_file
from course_utils.datasets import digits
from course_utils.ledger import ledger
from course_utils.lessons.imagenet_winners import capstone
from course_utils.lessons.imagenet_winners.board import BoardFile, Entry
from course_utils.lessons.imagenet_winners.capstone import (
    BUDGET,
    REFERENCES,
    Design,
    board,
    check_design,
)
from course_utils.models import VGG, LeNet5

SHAPE = BUDGET.input_shape
RECIPE = BUDGET


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "state"))
    return tmp_path / "state" / "capstone"


@pytest.fixture(autouse=True)
def short_recipe(request, monkeypatch):
    """One epoch, one seed: what is tested here is the check and the board, not the learning."""
    if "full_recipe" not in request.fixturenames:
        short = BUDGET._replace(epochs=1, steps=22, seeds=(0,))
        monkeypatch.setattr(capstone, "BUDGET", short)


@pytest.fixture
def full_recipe():
    pass


def dense(out=10):
    return nn.Sequential(nn.Flatten(), nn.Linear(256, out))


def seeded(build, seed=0):
    torch.manual_seed(seed)
    return build()


class Net(nn.Module):
    """A dense layer, and whatever `change(self, scores, images)` makes of its scores."""

    def __init__(self, change=None, **parts):
        super().__init__()
        self.fc = nn.Linear(256, 10)
        self.change = change
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        scores = self.fc(x.flatten(1))
        return self.change(self, scores, x) if self.change else scores


def refused(model, words, advice=""):
    report = check_design(model, "Ada")
    assert report.state == "refused", report
    assert words in report.message, report.message
    assert advice in report.advice, report.advice
    assert report.advice and report.rank is None and report.accuracy is None
    assert len(board(references=False)) == 0
    return report


# ---------------------------------------------------------------------------------------------
# Refused, each with its reason


@pytest.mark.parametrize("nothing", [None, ..., NotImplemented])
def test_an_untouched_stub_is_no_attempt_and_no_error(nothing, state):
    report = check_design(nothing)
    assert report.state == "not attempted"
    assert repr(report).startswith("○ my design: not attempted yet\n")
    assert not state.exists()


def test_what_is_no_network():
    refused(nn.Linear, "this is the class Linear", "Call it: Linear().")
    refused(dense, "this is a function, dense", "check_design(dense())")
    refused("net", "this is str")
    refused([dense()], "this is list")


def test_shapes_that_do_not_fit_name_the_layer():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(256, 10))
    report = refused(net, "in layer 2 (Linear), which was given (8, 784): RuntimeError: mat1")
    assert "images are (8, 1, 16, 16), scores (8, 10)" in report.advice
    refused(
        nn.Sequential(nn.Conv2d(3, 4, 3)), "in layer 0 (Conv2d), which was given (8, 1, 16, 16)"
    )
    refused(Net(lambda net, s, x: s + x), "in Net.forward, which was given (8, 1, 16, 16)")
    refused(LeNet5("modern"), "raises an error")  # it is for 32 pixels


def test_errors_of_the_forward_pass_do_not_escape():
    def stop(net, scores, x):
        raise SystemExit("out")

    def broken(net, scores, x):
        class Odd(Exception):
            def __str__(self):
                raise RuntimeError

        raise Odd

    refused(Net(stop), "SystemExit: out")
    refused(Net(broken), "Odd: (its text cannot be shown)")


@pytest.mark.parametrize(
    ("change", "words", "advice"),
    [
        (lambda net, s, x: s[:, :9], "(8, 9); it should be (8, 10)", "nn.Linear(..., 10)"),
        (lambda net, s, x: (s, s), "returns tuple, not a tensor", "Return the scores alone"),
        (lambda net, s, x: s[..., None, None] * x[..., :2, :2], "returns (8, 10, 2, 2)", "Average"),
        (lambda net, s, x: x, "returns (8, 1, 16, 16)", "nn.Flatten()"),
        (lambda net, s, x: s.long(), "of type torch.int64", "not the chosen digit"),
        (lambda net, s, x: s / 0, "not all finite", "a division by 0"),
        (lambda net, s, x: s - s.mean(0), "depend on the other images", "keep dimension 0"),
        (lambda net, s, x: s + torch.rand(10), "two different answers", "self.training"),
        (lambda net, s, x: s + x.mul_(2).sum() * 0, "changes the images", "in place"),
        (lambda net, s, x: s.detach(), "No gradient comes back", "detach()"),
        (lambda net, s, x: s.relu_().exp().mul_(2), "backward pass raises", "in place"),
        (lambda net, s, x: s if s.sum() > 9e9 else s * 2, "cannot be counted", "shapes only"),
    ],
    ids=[
        "nine", "tuple", "maps", "image", "integers", "infinite", "batch", "chance", "changed",
        "detached", "in-place", "branch",
    ],
)  # fmt: skip
def test_what_the_forward_pass_may_not_do(change, words, advice):
    refused(Net(change), words, advice)


def test_a_single_image_must_work_too():
    refused(Net(lambda net, s, x: s.squeeze(0)), "For images (1, 1, 16, 16) it returns (10,)")
    sized = Net(lambda net, s, x: s.view(8, 10))
    refused(sized, "shape '[8, 10]' is invalid for input of size 10")


def test_weights_that_cannot_be_counted_or_trained():
    refused(nn.Sequential(nn.Flatten(), nn.LazyLinear(10)), "lazy layers", "torch.zeros(1, 1, 16")
    refused(nn.Flatten(), "has no parameters", "Give it a layer")
    frozen = dense().requires_grad_(False)
    refused(frozen, "has frozen all its parameters", "requires_grad")
    with torch.device("meta"):
        unreal = dense()
    refused(unreal, "on the meta device")

    def late(net, scores, x):
        net.extra = nn.Linear(10, 10)
        return net.extra(scores)

    refused(Net(late), "creates weights: extra.weight, extra.bias", "in __init__")
    cannot = Net(handle=(number for number in range(3)))
    refused(cannot, "cannot be copied (TypeError: cannot pickle 'generator' object)")

    normed = nn.Sequential(nn.LazyBatchNorm2d(affine=False), nn.Flatten(), nn.Linear(256, 10))
    refused(normed, "lazy layers, whose weights or statistics", "torch.zeros(1, 1, 16")
    table = Net()
    table.register_buffer("table", torch.zeros(3, device="meta"))
    refused(table, "on the meta device")


@pytest.mark.parametrize(
    "compiled",
    [
        torch.jit.script,
        lambda net: torch.jit.trace(net, torch.zeros(2, *SHAPE)),
        torch.compile,
    ],
    ids=["script", "trace", "compile"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, of torch.jit
def test_compiled_networks_are_refused(compiled):
    refused(compiled(dense()), ") is compiled: its layers cannot be", "before torch.jit.script")
    inside = nn.Sequential(compiled(nn.Flatten()), nn.Linear(256, 10))
    refused(inside, "Its part 0 (")


class NotSetUp(nn.Module):
    def __init__(self):
        self.factor = 2

    def forward(self, x):
        return self.factor * x


def test_what_a_hook_computes_is_not_counted_and_so_refused():
    hooked = dense()
    hooked[1].register_forward_hook(lambda module, inputs, scores: 2 * scores)
    refused(hooked, "Its part 1 (Linear) has forward hooks, and what a hook", "handle.remove()")


def test_a_class_that_forgets_super_init_is_told_so():
    words = "(NotSetUp) is not set up: its __init__ does not call that of nn.Module"
    advice = "the __init__ of the class NotSetUp with super().__init__()"
    refused(NotSetUp(), f"The network {words}", advice)
    refused(nn.Sequential(dense(), NotSetUp()), f"Its part 1 {words}", advice)


def test_an_exit_is_reported_wherever_it_comes():
    class Copied(Net):
        def __deepcopy__(self, memo):
            raise SystemExit("in the copy")

    class Backward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, scores):
            return scores.clone()

        @staticmethod
        def backward(ctx, gradient):
            raise SystemExit("backward")

    def last_batch(net, scores, x):
        if len(x) == 3:
            raise SystemExit("three")
        return scores

    def counted(net, scores, x):
        if x.is_meta or type(x) is not torch.Tensor:
            raise SystemExit("counted")
        return scores

    refused(Copied(), "cannot be copied (SystemExit: in the copy)")
    refused(Net(lambda net, s, x: Backward.apply(s)), "backward pass raises an error: SystemExit")
    refused(Net(last_batch), "In training it raises an error: SystemExit: three", "the last one 3")
    refused(Net(counted), "cannot be counted: SystemExit: counted")


def test_results_that_a_network_keeps_with_their_gradient_cannot_be_copied():
    def keep(net, scores, x):
        net.last = scores
        return scores

    def keep_detached(net, scores, x):
        net.last = scores.detach()
        return scores

    refused(Net(keep), "cannot be copied (RuntimeError", "or detach() them")
    assert check_design(Net(keep_detached)).state == "trained"


def test_what_a_network_overrides_does_not_escape():
    class OwnTrain(Net):
        def train(self, images, labels):
            pass

    def drop(net, scores, x):
        if len(x) == 3:
            net.fc = nn.Flatten()
        return scores

    class Silent(Net):
        def train(self, mode=True):
            super().train(mode)

    report = refused(OwnTrain(), "does not get through this network: TypeError: ", "(train, eval")
    assert "OwnTrain.train() missing 1 required positional argument" in report.message
    looped = Net()
    looped._modules["again"] = looped
    refused(looped, "does not get through this network: RecursionError")
    assert check_design(Silent()).state == "trained"
    report = check_design(Net(drop))  # its parameters are gone when the training ends
    assert report.state == "trained" and "did not move" not in " ".join(report.notes)


def test_errors_of_the_course_itself_are_not_laid_on_the_design(monkeypatch):
    def lost(size):
        raise FileNotFoundError("digits")

    monkeypatch.setattr(capstone, "digits", lost)
    with pytest.raises(FileNotFoundError):
        check_design(dense())


def test_weights_that_no_gradient_reaches_are_named():
    report = refused(Net(spare=nn.Linear(3, 4)), "reaches spare.weight, spare.bias: they count")
    assert (report.parameters, report.macs) == (2_586, 2_560)
    kept = check_design(Net(spare=nn.Linear(3, 4).requires_grad_(False)))
    assert (kept.state, kept.parameters) == ("trained", 2_586)


def test_a_weight_that_never_moves_is_noted():
    def silent(net, scores, x):
        return scores + 0 * net.gain

    report = check_design(Net(silent, gain=nn.Parameter(torch.ones(10))))
    assert "The training did not move gain: their gradient was 0 all the time." in report.notes


def test_over_budget_says_by_how_much_and_where():
    wide = nn.Sequential(nn.Flatten(), nn.Linear(256, 100), nn.ReLU(), nn.Linear(100, 10))
    report = refused(wide, "It has 26,710 parameters, 1,710 more than the 25,000 allowed.")
    assert "Most of them: layer 1 (Linear) 25,700." in report.message
    assert "global average pooling" in report.advice
    heavy = nn.Sequential(
        nn.Conv2d(1, 20, 3, padding=1), nn.Conv2d(20, 22, 3, padding=1), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(22, 10),
    )  # fmt: skip
    counted = ledger(heavy, SHAPE)
    report = refused(heavy, f"It has {counted.macs:,} multiply-adds, {counted.macs - 10**6:,} more")
    assert (report.parameters, report.macs) == (counted.parameters, counted.macs)
    assert "Most of them: layer 1 (Conv2d) 1,013,760." in report.message
    assert f"{counted.macs:,} of 1,000,000" in repr(report)


def test_a_far_too_large_network_is_neither_run_nor_copied():
    with torch.device("meta"):
        vgg = VGG("A")
    for name, part in list(vgg.named_parameters()):  # one number, shown as many: no memory
        owner, key = vgg.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2]
        owner._parameters[key] = nn.Parameter(torch.zeros(1).expand(part.shape))
    report = refused(vgg, "132,863,336 parameters, 132,838,336 more")
    assert "The largest: fc6.weight 102,760,448" in report.message


def test_at_the_limit_is_within_it(monkeypatch):
    monkeypatch.setattr(capstone, "BUDGET", capstone.BUDGET._replace(parameters=2_570, macs=2_560))
    assert check_design(dense()).state == "trained"
    monkeypatch.setattr(capstone, "BUDGET", capstone.BUDGET._replace(macs=2_559))
    assert "1 more than the 2,559 allowed" in check_design(dense()).message


class ByHand(nn.Module):
    """A dense layer as a product and a sum, or as what `product(x, weight)` makes of it."""

    def __init__(self, product):
        super().__init__()
        self.weight, self.product = nn.Parameter(torch.randn(256, 10) / 16), product

    def forward(self, x):
        return self.product(x.flatten(1), self.weight)


def test_products_that_the_ledger_cannot_count_are_refused():
    hidden = ByHand(lambda x, weight: (x[:, :, None] * weight).sum(1))
    report = refused(
        hidden, "Layer ByHand (ByHand) uses 2,560 weights for 10 outputs", "torch.matmul"
    )
    assert "cannot count its multiply-adds" in report.message
    for product in (torch.matmul, lambda x, weight: torch.einsum("ni,ij->nj", x, weight)):
        report = check_design(ByHand(product))
        assert (report.parameters, report.macs) == (2_560, 2_560)


def test_a_learned_scale_is_charged():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain, self.fc = nn.Parameter(torch.ones(1, 16, 1)), nn.Linear(256, 10)

        def forward(self, x):
            return self.fc((x * self.gain).flatten(1))

    report = check_design(Scaled())
    assert (report.parameters, report.macs) == (2_586, 2_560 + 256)
    assert "256 of the multiply-adds are charged for elementwise operations" in report.notes[0]


def test_stored_answers_are_refused_and_small_tables_are_not():
    scans = digits(16)[1][0]
    for hidden in (scans, [scans], {"a": scans}, scans.numpy()):
        refused(Net(memory=hidden), "stores 115,200 numbers that are no parameters (memory)")
    normed = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(784, 10))
    assert check_design(normed).state == "trained"
    assert check_design(Net(window=torch.ones(16, 16))).state == "trained"


def test_stored_numbers_are_found_in_whatever_holds_them():
    refused(Net(picture=Image.new("L", (80, 90))), "stores 7,200 numbers that are no", "the image")
    own = {"table": torch.zeros(5_001)}
    own["me"] = [own, (own,)]
    refused(Net(memory=own), "stores 5,001 numbers that are no parameters (memory)")
    own["table"] = torch.zeros(5_000)
    assert check_design(Net(memory=own)).state == "trained"
    assert check_design(Net(picture=Image.new("L", (8, 9)))).state == "trained"
    assert check_design(Net(kind=np.ndarray, tensor=torch.Tensor)).state == "trained"


def test_a_training_that_diverges_is_refused():
    report = check_design(Net(lambda net, s, x: s / (0 if net.training else 1)))
    assert report.state == "refused" and report.parameters == 2_570
    assert "became infinite or no number (lr 0.003 for all)" in report.message


# ---------------------------------------------------------------------------------------------
# Names


@pytest.mark.parametrize(
    "name", ["", "  ", "a" * 41, "a\x00b", "a\u202eb", "\ud800", None, 3, b"a"]
)
def test_names_that_are_refused(name):
    with pytest.raises(ValueError, match="name must be a text of 1 to 40 printable char.* got"):
        check_design(None, name)


def test_a_name_is_trimmed_and_shown_as_text():
    report = check_design(dense(), "  <b>Ada &\n co  ")
    assert report.name == "<b>Ada & co"
    for shown in (report, board(references=False)):
        assert "<b>Ada" not in shown._repr_html_()
        assert html.escape(report.name) in shown._repr_html_()
        ET.fromstring(shown._repr_html_())


# ---------------------------------------------------------------------------------------------
# The score


def tuned(seed=0):
    """A small network with all that could differ between two runs: normalisation and dropout."""
    return seeded(
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2),
            nn.Flatten(), nn.Linear(196, 10),
        ),
        seed,
    )  # fmt: skip


def test_equal_designs_get_equal_scores_whatever_the_random_state(full_recipe):
    torch.manual_seed(1)
    first = check_design(tuned(), "a")
    torch.manual_seed(2)
    random.seed(2)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        second = check_design(tuned(), "b")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert (first.right, first.asked) == (second.right, second.asked)
    assert first.asked == 900 and first.accuracy == first.right / 900 > 0.85


def test_the_students_network_and_the_random_state_are_left_alone():
    net = tuned()
    net.train()
    net[1].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    report = check_design(net)
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert net.training and not net[1].training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert "Copies were trained; your network is as it was." in report.notes


def test_start_weights_are_the_designs_own():
    net = dense()
    nn.init.zeros_(net[1].weight)
    nn.init.constant_(net[1].bias, 0)
    rights = {check_design(dense(), "x").right for _ in range(3)}
    assert len(rights | {check_design(net).right}) > 1


def test_the_recipe_is_what_it_says():
    train, test = digits(16)
    assert -(-len(train[0]) // RECIPE.batch_size) * RECIPE.epochs == RECIPE.steps
    assert train[0].shape[1:] == test[0].shape[1:] == RECIPE.input_shape
    assert "25,000 parameters and 1,000,000 multiply-adds for one image of 1×16×16" in repr(RECIPE)
    assert "2 times for 88 steps of 64 scans (Adam, lr 0.003)" in RECIPE.recipe


def test_the_references_fit_the_budget():
    for build in REFERENCES.values():
        counted = ledger(build(), SHAPE)
        assert counted.parameters <= RECIPE.parameters and counted.macs <= RECIPE.macs


@pytest.mark.slow
def test_design_choices_matter(full_recipe):
    """What the lesson says of the budget, for five start weights each."""

    def normalised():
        layers, maps = [], 1
        for out in (8, 16, 32, 32):
            layers += [nn.Conv2d(maps, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if maps != 32 else []
            maps = out
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))

    def scores(build):
        return [check_design(seeded(build, seed)).accuracy for seed in range(5)]

    sigmoid = scores(lambda: capstone._lenet(nn.Sigmoid))
    relu = scores(REFERENCES["LeNet-5 for 16×16, ReLU"])
    linear = scores(REFERENCES["one dense layer"])
    best = scores(normalised)
    assert max(sigmoid) < 0.3 < min(relu)
    assert max(relu) < min(linear) < max(linear) < min(best)
    assert min(best) > 0.95


# ---------------------------------------------------------------------------------------------
# The board


def entry(name="x", right=800, macs=1000, parameters=100, recipe=None):
    present = capstone._recipe_key()
    return Entry(name, parameters, macs, right, 900, present if recipe is None else recipe)


def put(*entries):
    return [capstone._ranked(one, []) for one in entries]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcde"), st.integers(0, 3), st.integers(1, 3), st.integers(1, 3)
        ),
        max_size=12,
    )
)
@settings(max_examples=25, deadline=None)
def test_a_name_has_one_place_and_it_is_its_best(tmp_path_factory, results):
    os.environ["CNN_COURSE_STATE"] = str(tmp_path_factory.mktemp("board"))
    entries = [entry(*one) for one in results]
    for report, one in zip(put(*entries), entries, strict=True):
        assert report.name == one.name and 1 <= report.rank <= report.places
    shown = board(references=False).entries
    assert {one.name: one.key for one in shown} == {
        name: min(one.key for one in entries if one.name == name)
        for name in {one.name for one in entries}
    }
    assert [one.key for one in shown] == sorted(one.key for one in shown)


def test_the_report_says_what_became_of_the_earlier_design():
    first, worse, better, same = put(entry(), entry(right=799), entry(macs=999), entry(macs=999))
    assert (first.rank, first.places) == (1, 1) and not any("earlier" in n for n in first.notes)
    assert "Your earlier x is better (88.9 % with 1,000 multiply-adds)" in " ".join(worse.notes)
    assert "It replaces your earlier x (88.9 %" in " ".join(better.notes)
    assert "it counts once" in " ".join(same.notes)
    assert board(references=False).entries == (entry(macs=999),)


def test_a_design_of_another_recipe_is_replaced_and_not_compared(state):
    put(entry("x", 900, recipe="old"), entry("y", 899, recipe="old"))
    (worse,) = put(entry("x", 1))
    assert (worse.rank, worse.places) == (1, 1)
    assert (
        "It replaces your earlier x, which was trained by another recipe and cannot be compared."
        in worse.notes
    )
    (second,) = put(entry("z", 2))
    assert (second.rank, second.places) == (1, 2)
    shown = board(references=False)
    assert shown.entries == (entry("z", 2), entry("x", 1))
    assert shown.others == (entry("y", 899, recipe="old"),)
    assert repr(shown).splitlines()[-1].startswith("other recipe  y")


@pytest.mark.parametrize("what", ["recipe", "torch"])
def test_a_new_recipe_or_torch_takes_the_places_away(monkeypatch, what):
    first = check_design(seeded(dense), "Ada")
    assert (first.rank, first.places) == (1, 1) and len(board(references=False)) == 1
    if what == "recipe":
        monkeypatch.setattr(capstone, "BUDGET", capstone.BUDGET._replace(lr=1e-3))
    else:
        monkeypatch.setattr(torch, "__version__", "0.1")
    shown = board(references=False)
    assert len(shown) == 0 and [one.name for one in shown.others] == ["Ada"]
    again = check_design(seeded(dense), "Ada")
    assert (again.rank, again.places) == (1, 1) and "another recipe" in " ".join(again.notes)
    assert board(references=False).others == ()


def test_a_board_of_version_1_keeps_its_designs_without_a_place(state):
    old = {"parameters": 5, "macs": 6, "right": 899, "asked": 900}
    designs = [old | {"name": "Ada"}, old | {"name": "Bob"}]
    references = {"recipe": capstone._recipe_key(), "entries": []}
    state.mkdir(parents=True)
    (state / "board.json").write_text(
        json.dumps({"version": 1, "designs": designs, "references": references})
    )
    shown = board(references=False)
    assert (len(shown), shown.notice) == (0, "")
    assert [(one.name, one.recipe) for one in shown.others] == [("Ada", ""), ("Bob", "")]
    (report,) = put(entry("Ada", 1))
    assert (report.rank, report.places) == (1, 1) and "another recipe" in " ".join(report.notes)
    shown = board(references=False)
    assert [one.name for one in shown.entries + shown.others] == ["Ada", "Bob"]
    assert sorted(path.name for path in state.iterdir()) == ["board.json", "board.json.lock"]


def test_the_board_survives_a_restart_and_is_shared_by_kernels(state, full_recipe):
    """Two processes at once, each of which puts ten designs on the board of this one."""
    code = (
        "import sys; from course_utils import capstone as c; key = c._recipe_key();"
        "put = lambda i: c._ranked(c.Entry(f'{sys.argv[1]} {i}', 5, 6, i, 900, key), []);"
        "print([put(i).places is not None for i in range(10)])"
    )
    put(entry("here", 500))
    kernels = [
        subprocess.Popen([sys.executable, "-c", code, name], stdout=subprocess.PIPE, text=True)
        for name in ("one", "two")
    ]
    assert [kernel.communicate()[0].strip() for kernel in kernels] == [str([True] * 10)] * 2
    names = [one.name for one in board(references=False).entries]
    assert names[0] == "here"
    assert sorted(names[1:]) == sorted(f"{name} {i}" for name in ("one", "two") for i in range(10))
    assert sorted(path.name for path in state.iterdir()) == ["board.json", "board.json.lock"]


def test_no_design_is_lost_when_many_come_at_once():
    names = [f"design {number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(lambda name: capstone._ranked(entry(name), []), names))
    assert all(report.rank for report in reports)
    assert sorted(one.name for one in board(references=False).entries) == sorted(names)


@pytest.mark.parametrize(
    "damage",
    [
        b"", b"{", b"\xff\xfe", b"[]", b'{"version": 3}', b'{"version": 1, "designs": 3}',
        b"[" * 99999,
        b'{"version": 2, "designs": [{"name": "x"}], "references": []}',
    ],
    ids=["empty", "cut", "binary", "list", "version", "number", "deep", "fields"],
)  # fmt: skip
def test_a_board_that_cannot_be_read_is_kept_aside_and_reported(state, damage):
    state.mkdir(parents=True)
    (state / "board.json").write_bytes(damage)
    (state / "board.unreadable-1.json").write_text("older")
    shown = board(references=False)
    assert len(shown) == 0
    assert "could not be read (" in shown.notice and "board.unreadable-2.json" in repr(shown)
    assert (state / "board.unreadable-2.json").read_bytes() == damage
    assert (state / "board.unreadable-1.json").read_text() == "older"
    (report,) = put(entry())
    assert (report.rank, report.places) == (1, 1)
    assert board(references=False).notice == ""


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_file_is_either_read_or_kept(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    os.environ["CNN_COURSE_STATE"] = str(folder)
    put(entry("a"), entry("b", 700))
    path = folder / "capstone" / "board.json"
    content = json.loads(path.read_text())
    place = content["designs"][data.draw(st.integers(0, 1))]
    key = data.draw(st.sampled_from(sorted(place)))
    place[key] = data.draw(st.none() | st.booleans() | st.integers() | st.floats() | st.text())
    path.write_text(json.dumps(content))
    written = path.read_bytes()
    shown = board(references=False)
    if shown.notice:
        assert (path.parent / "board.unreadable-1.json").read_bytes() == written
    else:
        assert len(shown.entries + shown.others) == 2 and repr(shown) and shown._repr_html_()


def test_a_design_reports_that_the_board_was_damaged(state):
    state.mkdir(parents=True)
    (state / "board.json").write_text("{")
    report = check_design(dense(), "Ada")
    assert report.rank == 1
    assert "board.unreadable-1.json" in repr(report)


def test_trouble_with_the_disk_is_said_and_does_not_cost_the_score(monkeypatch, state):
    put(entry("kept"))
    before = (state / "board.json").read_bytes()

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    report = check_design(dense(), "Ada")
    assert report.state == "trained" and report.rank is None and report.right
    assert "It is not kept on the board" in repr(report) and "No space left" in repr(report)
    assert (state / "board.json").read_bytes() == before
    assert sorted(path.name for path in state.iterdir()) == ["board.json", "board.json.lock"]
    state.joinpath("board.json").unlink()
    monkeypatch.setattr(state_file, "LOCK_SECONDS", 0.01)
    with BoardFile().lock():
        assert "not kept" in " ".join(put(entry())[0].notes)


def test_an_interrupt_leaves_the_board_as_it_was(state):
    put(entry("kept"))
    before = (state / "board.json").read_bytes()

    def stop(net, scores, x):
        if net.training and torch.is_grad_enabled() and len(x) == 64:
            net.calls += 1
            if net.calls == 5:
                signal.raise_signal(signal.SIGINT)
        return scores

    report = check_design(Net(stop, calls=0), "Ada")
    assert report.state == "interrupted" and "as it was" in report.message
    assert (state / "board.json").read_bytes() == before

    def at_once(net, scores, x):
        raise KeyboardInterrupt

    assert check_design(Net(at_once), "Ada").state == "interrupted"
    assert (state / "board.json").read_bytes() == before


def test_references_are_computed_once_and_have_no_place(monkeypatch, state):
    small = {"dense": dense, "other": tuned}
    monkeypatch.setattr(capstone, "REFERENCES", small)
    mine = check_design(seeded(dense), "Ada")
    shown = board()
    assert {one.name for one in shown.references} == set(small) and len(shown) == 1
    by_name = {one.name: one for one in shown.references}
    assert by_name["dense"].right == mine.right == shown.entries[0].right  # built from seed 0
    assert (by_name["dense"].macs, by_name["dense"].asked) == (2_560, 450)
    monkeypatch.setattr(capstone, "_measure", None)  # may not be called again
    again = board()
    assert repr(again) == repr(shown)
    assert repr(shown).count("course ") == 2 and "1       Ada" in repr(shown)
    assert "course" not in repr(board(references=False))
    kept = json.loads((state / "board.json").read_text())["references"]
    assert {one["recipe"] for one in kept} == {capstone._recipe_key()}


def test_references_of_another_recipe_are_computed_anew(monkeypatch):
    monkeypatch.setattr(capstone, "REFERENCES", {"dense": dense})
    board()
    called = []

    def build_one(name, build):
        called.append(name)
        return entry(name)

    monkeypatch.setattr(capstone, "_reference", build_one)
    board()
    assert called == []
    monkeypatch.setattr(capstone, "BUDGET", capstone.BUDGET._replace(lr=1e-3))
    board()
    assert called == ["dense"]
    board()
    assert called == ["dense"]
    monkeypatch.setattr(capstone, "REFERENCES", {"dense": dense, "other": tuned})
    board()
    assert called == ["dense", "dense", "other"]


def test_an_interrupt_while_the_references_are_trained(monkeypatch):
    put(entry("Ada"))

    def stop(name, build):
        raise KeyboardInterrupt

    monkeypatch.setattr(capstone, "_reference", stop)
    shown = board()
    assert len(shown) == 1 and not shown.references
    assert "were not trained to the end" in repr(shown)


# ---------------------------------------------------------------------------------------------
# What is shown


def test_the_card_of_a_design():
    report = Design(
        "Ada",
        "trained",
        "90 of 100.",
        parameters=10,
        macs=20,
        right=90,
        asked=100,
        rank=2,
        places=3,
    )
    assert repr(report) == (
        "✓ Ada: 90.0 % right, place 2 of 3\n90 of 100.\n"
        "  Parameters: 10 of 25,000\n  Multiply-adds: 20 of 1,000,000"
    )
    card = ET.fromstring(report._repr_html_())
    assert card.get("role") == "status"
    assert "Ada: 90.0 % right, place 2 of 3" in "".join(card.itertext())
