"""Numbers that papers report: read from `data/papers/`, each with the place it was printed.

What this course can compute, it computes. What it cannot (an error rate on ImageNet after weeks of
training) stands in a file, one per paper, as a list of `[[result]]` tables:

    [[result]]
    id = "relu-speed"            # words joined by hyphens, once per file
    what = "how many times fewer epochs ReLU needs"
    value = 6                    # a number, or a list of numbers
    unit = "times"               # "%" for a share of images, "millions", ...
    source = "Krizhevsky et al. 2012, section 3.1, fig. 1"
    note = "optional: what to know before comparing"

The tests hold every file to this form; here it is trusted. Standard library only.
"""

import tomllib
from collections import namedtuple

from course_utils.datasets.files import DATA

FOLDER = DATA / "papers"

Result = namedtuple("Result", "id what value unit source note", defaults=[""])
"""One published number. value: as printed, or a tuple of numbers."""


def results(paper: str) -> dict[str, Result]:
    """Return the published numbers of one paper, `"alexnet"`, by id, in the order of its file."""
    found = [Result(**table) for table in read_tables(paper)["result"]]
    return {
        one.id: one._replace(value=tuple(one.value)) if isinstance(one.value, list) else one
        for one in found
    }


def read_tables(name: str) -> dict[str, list[dict]]:
    """Return the tables of `data/papers/<name>.toml` by kind, each kind in the file's order."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
