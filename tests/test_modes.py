"""Modes come back module by module, whatever happens meanwhile."""

import pytest
from torch import nn

from course_utils.modes import modes_kept


def made():
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2)))
    net[1][0].eval()  # a mixture: as when a part of a network is frozen
    return net


def modes(net):
    return [module.training for module in net.modules()]


@pytest.mark.parametrize("change", ["eval", "train"])
def test_modes_come_back(change):
    net = made()
    before = modes(net)
    with modes_kept(net):
        getattr(net, change)()
        assert modes(net) == [change == "train"] * len(before)
    assert modes(net) == before


def test_modes_come_back_after_an_error():
    net = made()
    before = modes(net)
    with pytest.raises(ZeroDivisionError), modes_kept(net):
        net.eval()
        raise ZeroDivisionError
    assert modes(net) == before
