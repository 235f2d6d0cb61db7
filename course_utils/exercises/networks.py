"""Exercises whose function builds a network: what is compared is what the network does."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from course_utils.exercises import Exercise


@dataclass(frozen=True)
class NetworkExercise(Exercise):
    """The solution, the wrong ideas and the student's function return an `nn.Module`.

    Compared are the number of parameters, the shape of the output (or why there is none), and the
    output itself where all parameters have as many numbers as the solution's: these are copied.

    image: (*arguments) -> the shape of the input.
    """

    image: Callable[..., tuple] = lambda *arguments: (1, 3, 32, 32)

    def outcome(self, network, arguments):
        """Return what is compared; whatever is no network (a stub's None) comes back as it is."""
        import torch

        if not isinstance(network, torch.nn.Module):
            return network
        with torch.random.fork_rng([]), torch.no_grad():
            torch.manual_seed(0)
            x, own = torch.randn(self.image(*arguments)), list(network.parameters())
            like = [torch.randn_like(p) / p[0].numel() ** 0.5 for p in self._right(arguments)]
            copied = [p.numel() for p in own] == [p.numel() for p in like]
            for mine, value in zip(own, like, strict=True) if copied else ():
                mine.copy_(value.view_as(mine))
            try:
                out = network.eval()(x)
            except RuntimeError as error:  # of torch: the shapes do not fit
                said = str(error).splitlines()[0]
                return sum(p.numel() for p in own), f"stopped: {said}", torch.empty(0).numpy()
        shape = "×".join(map(str, out.shape))
        return sum(p.numel() for p in own), shape, (out if copied else out[:0]).numpy()

    def _right(self, arguments):
        return self.solution(*arguments).parameters()

    def result(self, function, arguments):
        return self.outcome(function(*arguments), arguments)

    def check(self, function, **how):
        """Try `function` on every case, as `Exercise.check` does."""

        @functools.wraps(function)
        def measured(*arguments):
            return self.outcome(function(*arguments), arguments)

        return super().check(measured if callable(function) else function, **how)
