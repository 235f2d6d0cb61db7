"""Weights that a forward pass uses and the model does not own: noted, refused, never silent."""

import copy
from dataclasses import dataclass, field

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from course_utils.ledger import ledger
from course_utils.lessons.imagenet_winners.capstone import check_design
from course_utils.training import fit

SHAPE = (1, 16, 16)
OWN, HIDDEN = 256 * 10 + 10, 10 * 10 + 10


@pytest.fixture(autouse=True)
def _state(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path))


class Net(nn.Module):
    """A dense layer of its own, and `hidden(self, scores)` after it."""

    def __init__(self, hidden, **attributes):
        super().__init__()
        self.fc = nn.Linear(256, 10)
        self.hidden = hidden
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x):
        return self.hidden(self, self.fc(x.flatten(1)))


GLOBAL = nn.Linear(10, 10)


@dataclass
class Store:
    layer: nn.Module = field(default_factory=lambda: nn.Linear(10, 10))


class Hider(Net):
    """Owns the layer, and says otherwise."""

    def named_parameters(self, *args, **kwargs):
        return self.fc.named_parameters("fc")


class HidesModules(Net):
    def named_modules(self, *args, **kwargs):
        return [("", self), ("fc", self.fc)]


def closure():
    layer = nn.Linear(10, 10)
    return Net(lambda net, s: layer(s))


def transposed():
    layer = nn.Linear(10, 10)
    return Net(lambda net, s: s @ layer.weight.T + layer.bias)


def functional():
    w, b = nn.Parameter(torch.randn(10, 10)), nn.Parameter(torch.zeros(10))
    return Net(lambda net, s: torch.addmm(net.pair[1], s, net.pair[0]), pair=(w, b))


def forgot_parameter():
    w = torch.randn(10, 10, requires_grad=True), torch.zeros(10, requires_grad=True)
    return Net(lambda net, s: s @ net.w[0] + net.w[1], w=w)


def recomputed():
    return Net(lambda net, s: checkpoint(net.layers[0], s, use_reentrant=False), layers=in_list())


def in_list():
    return [nn.Linear(10, 10)]


CASES = {
    "list": lambda: Net(lambda net, s: net.layers[0](s), layers=in_list()),
    "dict": lambda: Net(lambda net, s: net.layers["a"][0](s), layers={"a": tuple(in_list())}),
    "closure": closure,
    "view": transposed,
    "dataclass": lambda: Net(lambda net, s: net.store.layer(s), store=Store()),
    "global": lambda: Net(lambda net, s: GLOBAL(s)),
    "parameters in a tuple": functional,
    "no nn.Parameter": forgot_parameter,
    "checkpoint": recomputed,
    "in a Sequential": lambda: nn.Sequential(CASES["list"]()),
    "hidden by the design": lambda: Hider(lambda net, s: net.more(s), more=nn.Linear(10, 10)),
    "module hidden": lambda: HidesModules(lambda net, s: net.more(s), more=nn.Linear(10, 10)),
}


@pytest.mark.parametrize("name", CASES)
def test_weights_that_are_not_the_models_are_noted_and_refused(name):
    model = CASES[name]()
    table = ledger(model, SHAPE)
    assert table.parameters == OWN
    (note,) = (note for note in table.notes if "does not have" in note)
    assert f"uses {HIDDEN} weights that model.parameters() does not have (of shape 10" in note
    assert not any("two activations" in note for note in table.notes)
    assert "neither counted nor trained. Keep layers in attributes" in note

    report = check_design(model)
    assert report.state == "refused" and report.parameters is None
    assert f"does not own all its weights: its forward pass uses {HIDDEN} weights" in report.message
    assert "nn.ModuleList" in report.advice

    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=f"model must own the weights .* uses {HIDDEN} weights"):
        fit(model, (torch.rand(8, *SHAPE), torch.arange(8)), epochs=1, lr=0.1)
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key


def shared():
    net = Net(lambda net, s: net.layers[0](s), layers=in_list())
    net.more = net.layers[0]
    return net


FINE = {
    "in a list and registered": (shared, OWN + HIDDEN),
    "in a list and not used": (lambda: Net(lambda net, s: s, layers=in_list()), OWN),
    "only its shape is used": (
        lambda: Net(lambda net, s: s * net.layers[0].weight.shape[0], layers=in_list()),
        OWN,
    ),
    "LSTM": (
        lambda: Net(lambda net, s: net.lstm(s[:, None])[0][:, 0], lstm=nn.LSTM(10, 10)),
        OWN + 880,
    ),
}


@pytest.mark.parametrize("name", FINE)
def test_weights_that_are_the_models_are_not_spoken_of(name):
    build, parameters = FINE[name]
    table = ledger(build(), SHAPE)
    assert table.parameters == parameters
    assert not any("does not have" in note for note in table.notes)
    fit(build(), (torch.rand(8, *SHAPE), torch.arange(8)), epochs=1, lr=0.1)


def test_a_frozen_trunk_may_stand_outside_of_the_model_that_is_trained():
    trunk = nn.Linear(10, 10).requires_grad_(False)
    model = Net(lambda net, s: trunk(s))
    assert len(fit(model, (torch.rand(8, *SHAPE), torch.arange(8)), epochs=1, lr=0.1)) == 1
    assert f"uses {HIDDEN} weights" in ledger(model, SHAPE).notes[0]


def test_an_optimiser_that_has_them_trains_them():
    layer = nn.Linear(10, 10)
    before = layer.weight.clone()
    both = lambda own, lr: torch.optim.SGD([*own, *layer.parameters()], lr=lr)  # noqa: E731
    data = torch.rand(8, *SHAPE), torch.arange(8)
    fit(Net(lambda net, s: layer(s)), data, epochs=1, lr=0.1, optimizer=both)
    assert not torch.equal(layer.weight, before)


def test_a_design_cannot_state_its_own_size():
    class Declares(Net):
        def weights_in_use(self):
            return {name: 0 for name, _ in self.named_parameters()}

    class Layer(nn.Linear):
        def weights_in_use(self):
            return {"weight": 0, "bias": 0}

    net = Declares(lambda net, s: net.more(s), more=Layer(10, 10))
    assert (ledger(net, SHAPE).parameters, ledger(net, SHAPE).macs) == (OWN + HIDDEN, 2660)
    report = check_design(net)
    assert (report.state, report.parameters, report.macs) == ("trained", OWN + HIDDEN, 2660)


def test_a_model_all_of_whose_layers_are_in_a_list_hears_of_it():
    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Flatten(), nn.Linear(256, 10)]

        def forward(self, x):
            return self.layers[1](self.layers[0](x))

    assert f"uses {OWN:,} weights" in ledger(Listed(), SHAPE).notes[0]
    assert "nn.ModuleList" in check_design(Listed()).advice
    with pytest.raises(ValueError, match="needs a gradient, got none. Keep layers in .*ModuleList"):
        fit(Listed(), (torch.rand(8, *SHAPE), torch.arange(8)), epochs=1, lr=0.1)
