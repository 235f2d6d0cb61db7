"""The capstone: what is refused and why, what is scored, and a board that loses nothing."""

import errno
import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.datasets import digits
from course_utils.lessons.imagenet_winners import capstone, design_check
from course_utils.lessons.imagenet_winners.capstone import Design, board, check_design
from course_utils.lessons.imagenet_winners.design_check import Entry
from course_utils.models import LeNet5

FULL = design_check.BUDGET


def set_budget(monkeypatch, **changes):
    monkeypatch.setattr(design_check, "BUDGET", design_check.BUDGET._replace(**changes))


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """Return the folder of a board of its own; trainings are one epoch from one seed."""
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "state"))
    set_budget(monkeypatch, epochs=1, steps=22, seeds=(0,))
    return tmp_path / "state" / "capstone"


def dense(out=10):
    return nn.Sequential(nn.Flatten(), nn.Linear(256, out))


def seeded(build, seed=0):
    torch.manual_seed(seed)
    return build()


class Odd(Exception):
    def __str__(self):
        raise RuntimeError

    @classmethod
    def rise(cls):
        raise cls


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
    assert len(board()) == 0
    return report


GIVEN = "For images (8, 1, 16, 16) it returns"
CHANGES = [  # what is done to the scores of a dense layer, words of the reason and of the advice
    (lambda net, s, x: s + x, "in Net.forward, which was given (8, 1, 16, 16)", "Follow the shap"),
    (lambda net, s, x: s[:, :9], f"{GIVEN} (8, 9); it should be (8, 10)", "nn.Linear(..., 10)"),
    (lambda net, s, x: (s, s), f"{GIVEN} tuple; it should be (8, 10)", "scores alone"),
    (lambda net, s, x: s[..., None, None] * x[:, :, :2, :2], f"{GIVEN} (8, 10, 2, 2)", "Average"),
    (lambda net, s, x: x, f"{GIVEN} (8, 1, 16, 16)", "nn.Flatten()"),
    (lambda net, s, x: s.argmax(1), f"{GIVEN} (8,)", "nn.Flatten()"),
    (lambda net, s, x: s.squeeze(0), "For images (1, 1, 16, 16) it returns (10,)", ""),
    (lambda net, s, x: s.view(8, 10), "shape '[8, 10]' is invalid for input of size 10", ""),
    (lambda net, s, x: s / 0, "not all finite", "a division by 0"),
    (lambda net, s, x: s - s.mean(0), "depend on the other images", "keep dimension 0"),
    (lambda net, s, x: s + torch.rand(10), "two different answers", "self.training"),
    (lambda net, s, x: nn.Linear(10, 10)(s), "two different answers", "layers in __init__"),
    (lambda net, s, x: s + x.mul_(2).sum() * 0, "changes the images", "in place"),
    (lambda net, s, x: s.detach(), "No gradient comes back", "detach()"),
    (lambda net, s, x: s.relu_().exp().mul_(2), "backward pass raises an error", "in place"),
    (lambda net, s, x: s if s.sum() > 9e9 else s * 2, "cannot be counted", "shapes only"),
    (lambda net, s, x: sys.exit("done"), "in Net.forward, which was given", "Follow the shapes"),
    (lambda net, s, x: Odd.rise(), "Odd: (its text cannot be shown)", "Follow the shapes"),
    (lambda net, s, x: s / (not net.training), "became infinite or no number (lr 0.003", "batch n"),
]


@pytest.mark.parametrize(("change", "words", "advice"), CHANGES, ids=[c[1] for c in CHANGES])
def test_what_the_forward_pass_may_not_do(change, words, advice):
    refused(Net(change), words, advice)


class NotSetUp(nn.Module):
    def __init__(self):
        self.factor = 2


class OwnTrain(Net):
    def train(self, images, labels):
        pass


class Silent(Net):
    def train(self, mode=True):
        super().train(mode)  # and returns nothing


class ByHand(nn.Module):
    """A dense layer as what `product(x, weight)` makes of it."""

    def __init__(self, product):
        super().__init__()
        self.weight, self.product = nn.Parameter(torch.randn(256, 10) / 16), product

    def forward(self, x):
        return self.product(x.flatten(1), self.weight)


def used():
    net = Net(lambda net, s, x: setattr(net, "last", s) or s)
    net(torch.zeros(1, 1, 16, 16))
    return net


def hooked():
    net = Net()
    net.register_forward_hook(lambda module, given, scores: 2 * scores)
    return net


def stack(*layers):
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 10))


NOT_THROUGH = "The check does not get through this network:"
NETWORKS = [  # what builds the network, words of the reason and of the advice
    (lambda: nn.Linear, "this is the class Linear", "Call it: Linear()."),
    (lambda: dense, "this is the function dense", "Call it: dense()."),
    (lambda: [dense()], "this is list", "nn.Module"),
    (lambda: stack(nn.Conv2d(1, 4, 3)), "in layer 2 (Linear), which was given (8, 784)", "images"),
    (lambda: stack(nn.Conv2d(3, 4, 3)), "in layer 0 (Conv2d), which was given (8, 1, 16, 16)", ""),
    (lambda: LeNet5("modern"), "raises an error in LeNet5.forward", ""),  # it is for 32 pixels
    (hooked, "What a forward hook computes cannot be counted, and the network has one", "handle"),
    (nn.Flatten, "has no parameters", "Give it a layer"),
    (lambda: dense().requires_grad_(False), "has frozen all its parameters", "requires_grad"),
    (lambda: Net(x=(n for n in [1])), "cannot be copied (TypeError: cannot pickle 'generator'", ""),
    (used, "cannot be copied (RuntimeError", "or detach() them"),
    (lambda: dense().to("meta"), f"{NOT_THROUGH} NotImplementedError", ""),
    (lambda: stack(nn.LazyConv2d(1, 1)), f"{NOT_THROUGH}", ""),
    (lambda: stack(NotSetUp()), f"{NOT_THROUGH} AttributeError: 'NotSetUp'", "super().__init__()"),
    (OwnTrain, f"{NOT_THROUGH} TypeError: OwnTrain.train()", "(train, eval"),
    (
        lambda: ByHand(lambda x, weight: (x[:, :, None] * weight).sum(1)),
        "Layer ByHand (ByHand) uses 2,560 weights for 10 outputs, and the ledger cannot count",
        "torch.matmul",
    ),
    (  # neither run nor copied
        lambda: Net(lambda net, s, x: 1 / 0, x=(n for n in [1]), big=nn.Linear(800, 800)),
        "643,370 parameters, 618,370 more than the 25,000 allowed. Most of them: big.weight 640,",
        "global average pooling",
    ),
    (lambda: Net(spare=nn.Linear(3, 4)), "reaches spare.weight, spare.bias: they count", "freeze"),
]


@pytest.mark.parametrize(("build", "words", "advice"), NETWORKS, ids=[n[1] for n in NETWORKS])
def test_networks_that_are_refused(build, words, advice):
    refused(build(), words, advice)


ALLOWED = {
    "kept scores": lambda: Net(lambda net, s, x: setattr(net, "last", s) or s),
    "normalised": lambda: stack(nn.BatchNorm2d(1)),
    "window": lambda: Net(window=torch.ones(16, 16)),
    "learned scale": lambda: Net(lambda n, s, x: s * n.gain, gain=nn.Parameter(torch.ones(10))),
    "train returns nothing": Silent,
}


@pytest.mark.parametrize("build", ALLOWED.values(), ids=ALLOWED)
def test_what_is_odd_and_allowed(build):
    assert check_design(build()).state == "trained"


@pytest.mark.parametrize("nothing", [None, ...])
def test_an_untouched_stub_is_no_attempt_and_no_error(nothing, state):
    report = check_design(nothing)
    assert report.state == "not attempted" and not state.exists()
    assert repr(report).startswith("○ my design: not attempted yet\n")


def test_errors_of_the_course_itself_are_not_laid_on_the_design(monkeypatch):
    def lost(size):
        raise FileNotFoundError("digits")

    monkeypatch.setattr(design_check, "digits", lost)
    with pytest.raises(FileNotFoundError):
        check_design(dense())


def test_weights_that_may_stay_as_they_are():
    assert check_design(Net(spare=nn.Linear(3, 4))).parameters == 2_586  # refused, and counted
    kept = check_design(Net(spare=nn.Linear(3, 4).requires_grad_(False)))
    assert (kept.state, kept.parameters, kept.macs) == ("trained", 2_586, 2_560)


def test_over_budget_says_by_how_much_and_where(monkeypatch):
    wide = nn.Sequential(nn.Flatten(), nn.Linear(256, 100), nn.ReLU(), nn.Linear(100, 10))
    words = "It has 26,710 parameters, 1,710 more than the 25,000 allowed. Most of them: layer 1"
    refused(wide, f"{words} (Linear) 25,700.", "global average pooling")
    stages = [nn.Conv2d(1, 20, 3, padding=1), nn.Conv2d(20, 22, 3, padding=1)]
    heavy = nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(22, 10))
    macs = 256 * 9 * (20 + 20 * 22) + 220
    report = refused(heavy, f"It has {macs:,} multiply-adds, {macs - 10**6:,} more")
    assert "Most of them: layer 1 (Conv2d) 1,013,760." in report.message
    assert f"{macs:,} of 1,000,000" in repr(report)
    set_budget(monkeypatch, parameters=2_570, macs=2_560)
    assert check_design(dense()).state == "trained"  # at the limit is within it
    set_budget(monkeypatch, macs=2_559)
    assert "1 more than the 2,559 allowed" in check_design(dense()).message


def test_products_with_weights_are_counted_however_they_are_written():
    for product in (torch.matmul, lambda x, weight: torch.einsum("ni,ij->nj", x, weight)):
        report = check_design(ByHand(product))
        assert (report.parameters, report.macs) == (2_560, 2_560)


@pytest.mark.parametrize("name", ["", "  ", "a" * 41, "a\x00b", "a\u202eb", "\ud800", None, 3])
def test_names_that_are_refused(name):
    with pytest.raises(ValueError, match="name must be a text of 1 to 40 printable char.* got"):
        check_design(None, name)


def test_a_name_is_trimmed_and_shown_as_text():
    report = check_design(dense(), "  <b>Ada &\n co  ")
    assert report.name == "<b>Ada & co"
    for it in (report, board()):
        assert report.name in "".join(ET.fromstring(it._repr_html_()).itertext())


def test_the_card_of_a_design():
    counts = {"parameters": 10, "macs": 20, "right": 90, "asked": 100}
    report = Design("Ada", "trained", "90 of 100.", **counts, rank=2, places=3, notes=("Hm.",))
    assert repr(report) == (
        "✓ Ada: 90.0 % right, place 2 of 3\n90 of 100.\n"
        "  Parameters: 10 of 25,000\n  Multiply-adds: 20 of 1,000,000\nHm."
    )
    words = "\n".join(ET.fromstring(report._repr_html_()).itertext())
    assert all(text in words for text in ("Ada: 90.0 % right, place 2 of 3", "10 of 25,000", "Hm."))


def tuned():
    """A small network with all that could differ between two runs: normalisation and dropout."""
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2)),
        *(nn.Flatten(), nn.Linear(196, 10)),
    )


def test_equal_designs_get_equal_scores_whatever_the_random_state(monkeypatch):
    set_budget(monkeypatch, **FULL._asdict())
    torch.manual_seed(1)
    first = check_design(seeded(tuned), "a")
    torch.manual_seed(2)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    second = check_design(seeded(tuned), "b")
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)
    assert (first.right, first.asked) == (second.right, second.asked)
    assert first.asked == 900 and first.accuracy == first.right / 900 > 0.85


def test_the_students_network_and_the_random_state_are_left_alone():
    net = seeded(tuned)
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
    check_design(Net(lambda net, s, x: 1 / 0))
    hooks = nn.modules.module
    assert not hooks._global_forward_hooks and not hooks._global_forward_pre_hooks
    assert "Copies were trained; your network is as it was." in report.notes


def test_the_recipe_is_what_the_lesson_says():
    train, test = digits(16)
    assert -(-len(train[0]) // FULL.batch_size) * FULL.epochs == FULL.steps
    assert train[0].shape[1:] == test[0].shape[1:] == FULL.input_shape
    assert (FULL.parameters, FULL.macs) == (25_000, 1_000_000)
    assert (FULL.steps, FULL.batch_size, FULL.lr, len(FULL.seeds)) == (88, 64, 0.003, 2)


def entry(name="x", right=800, macs=1000, parameters=100, recipe=None):
    present = design_check.BUDGET.recipe if recipe is None else recipe
    return Entry(name, parameters, macs, right, 900, present)


def put(*entries):
    return [capstone._ranked(one) for one in entries]


def test_the_table_in_its_order_without_the_other_recipes():
    """More right answers, then fewer MACs, then parameters; then by name."""
    made = capstone.Board(
        [
            entry("Zoe", 900, recipe="old"),
            entry("Ada", 450, parameters=101),
            entry("<b>Eve", 450),
            entry("Dan", 450, 999, 900),
            entry("Cem", 900, 9000),
        ],
        "Hm.",
    )
    assert len(made) == 4
    assert repr(made).splitlines() == [
        "4 designs. Ranked by right answers, then by fewer multiply-adds, then parameters. "
        "Trained by another recipe or torch, so not shown: 1.",
        "Place  Design    Right  Multiply-adds  Parameters",
        "1      Cem     100.0 %          9,000         100",
        "2      Dan      50.0 %            999         900",
        "3      <b>Eve   50.0 %          1,000         100",
        "4      Ada      50.0 %          1,000         101",
        "Hm.",
    ]
    words = [*ET.fromstring(made._repr_html_()).itertext()]
    assert words == [made.caption, *capstone._HEADS, *sum(map(list, made._rows()), []), "Hm."]
    assert repr(capstone.Board([])).startswith("No design yet. Ranked by")


@given(st.lists(st.tuples(st.sampled_from("abcde"), *[st.integers(1, 3)] * 3), max_size=12))
@settings(max_examples=25, deadline=None)
def test_a_name_has_one_place_and_it_is_its_best(tmp_path_factory, results):
    os.environ["CNN_COURSE_STATE"] = str(tmp_path_factory.mktemp("board"))
    entries = [entry(*one) for one in results]
    for report, one in zip(put(*entries), entries, strict=True):
        assert report.name == one.name and 1 <= report.rank <= report.places
    best = {one.name: min(e.key for e in entries if e.name == one.name) for one in entries}
    assert [one.key for one in board().entries] == sorted(best.values())
    assert {one.name: one.key for one in board().entries} == best


def test_the_report_says_what_became_of_the_earlier_design():
    first, worse, better, same = put(entry(), entry(right=799), entry(macs=999), entry(macs=999))
    assert (first.rank, first.places) == (1, 1) and not any("earlier" in n for n in first.notes)
    assert "Your earlier x is better (88.9 % with 1,000 multiply-adds)" in " ".join(worse.notes)
    assert "It replaces your earlier x (88.9 %" in " ".join(better.notes)
    assert "it counts once" in " ".join(same.notes)
    assert board().entries == [entry(macs=999)]


def test_a_new_recipe_or_torch_takes_the_places_away_and_nothing_else(monkeypatch):
    first = check_design(seeded(dense), "Ada")
    put(entry("Bob", 1))
    assert (first.rank, first.places) == (1, 1) and len(board()) == 2
    with monkeypatch.context() as other:
        set_budget(other, lr=1e-3)
        assert len(board()) == 0
    monkeypatch.setattr(torch, "__version__", "0.1")
    assert len(board()) == 0 and board().caption.endswith("so not shown: 2.")
    again = check_design(seeded(dense), "Ada")
    assert (again.rank, again.places) == (1, 1)
    assert any("trained by another recipe and cannot be compared" in note for note in again.notes)
    assert board().caption.endswith("so not shown: 1.")


def test_two_kernels_share_the_board(monkeypatch, state):
    """Two processes at once, each of which puts ten designs on the board of this one."""
    set_budget(monkeypatch, **FULL._asdict())  # theirs
    code = (
        "import sys; from course_utils.lessons.imagenet_winners import capstone as c\n"
        "recipe = c.design_check.BUDGET.recipe\n"
        "for i in range(10):\n"
        "    assert c._ranked(c.Entry(f'{sys.argv[1]} {i}', 5, 6, i, 900, recipe)).places"
    )
    put(entry("here", 500))
    kernels = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("one", "two")]
    assert [kernel.wait(60) for kernel in kernels] == [0, 0]
    first, *names = [one.name for one in board().entries]
    assert first == "here"
    assert sorted(names) == sorted(f"{name} {i}" for name in ("one", "two") for i in range(10))
    assert sorted(path.name for path in state.iterdir()) == ["board.json", "board.json.lock"]


GOOD, ONE = {"version": 2, "designs": []}, Entry("A", 5, 6, 7, 9, "")._asdict()
DAMAGES = {
    "": ["{"],
    "it is no board of version 2": [[], GOOD | {"version": 3}],
    "a design is damaged": [
        *(GOOD | {"designs": 3}, {"version": 2}, GOOD | {"designs": [{}]}),
        *(GOOD | {"designs": [ONE | change]} for change in ({"right": 10}, {"macs": True})),
        *(GOOD | {"designs": [ONE | change]} for change in ({"asked": 0, "right": 0}, {"name": 3})),
    ],
}


@pytest.mark.parametrize(
    ("words", "damage"), [(words, one) for words, many in DAMAGES.items() for one in many]
)
def test_a_board_that_cannot_be_read_is_kept_aside_and_reported(state, words, damage):
    damage = damage if isinstance(damage, str) else json.dumps(damage)
    state.mkdir(parents=True)
    (state / "board.json").write_text(damage)
    found = board()
    assert len(found) == 0 and f"could not be read ({words}" in found.notice
    assert "board.unreadable-1.json" in repr(found)
    assert (state / "board.unreadable-1.json").read_text() == damage
    (report,) = put(entry())
    assert (report.rank, report.places) == (1, 1) and board().notice == ""


def test_trouble_with_the_disk_is_said_and_does_not_cost_the_score(monkeypatch, state):
    put(entry("kept"))
    before = (state / "board.json").read_bytes()

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "replace", full)
        report = check_design(dense(), "Ada")
    assert report.state == "trained" and report.rank is None and report.right
    assert "It is not kept on the board" in repr(report) and "No space left" in repr(report)
    assert (state / "board.json").read_bytes() == before
    assert sorted(path.name for path in state.iterdir()) == ["board.json", "board.json.lock"]


def test_an_interrupt_leaves_the_board_as_it_was(state):
    put(entry("kept"))
    before = (state / "board.json").read_bytes()

    def in_training(net, scores, x):
        if net.training and torch.is_grad_enabled() and len(x) == 64:
            net.calls += 1
            if net.calls == 5:
                signal.raise_signal(signal.SIGINT)
        return scores

    report = check_design(Net(in_training, calls=0), "Ada")
    assert report.state == "interrupted" and "as it was" in report.message
    assert (state / "board.json").read_bytes() == before
