"""The pooling strip as a panel: every state says true counts; what is typed wrongly is refused."""

import itertools
import re

import pytest

from course_utils.lessons.pooling_invariance.explorer import PoolingStrip, numbers, view

ROWS = ["0.1 1.0 0.2 0.1", "0 0 1 0 0 0 1 0", "0.5", "-1 2 2 -3 0.25 9 9 0 0 1"]
GRID = list(itertools.product(ROWS, ("max", "average"), range(4), range(1, 6), range(1, 4)))
WAITING = "0.3 0.2 0.5"


def pooled(row, kernel, stride, pooling):
    found = []
    for centre in range(0, len(row), stride):
        part = row[max(0, centre - (kernel - 1) // 2) : centre + kernel // 2 + 1]
        found.append(max(part) if pooling == "max" else sum(part) / len(part))
    return found


def test_the_counts_said_are_true_in_every_state():
    for line, pooling, shift, kernel, stride in GRID:
        shown = view(line, WAITING, pooling, shift, kernel, stride)
        row = [float(word) for word in line.split()]
        after = ([0.5, 0.2, 0.3][3 - shift :] + row)[: len(row)]
        both = [pooled(r, kernel, stride, pooling) for r in (row, after)]
        changed = sum(a != b for a, b in zip(row, after, strict=True))
        there = sum(abs(a - b) > 1e-9 for a, b in zip(*both, strict=True))
        expected = (
            f"The shift by {shift} changes {changed} of {len(row)} detector values and "
            f"{there} of {len(both[0])} pooled values."
        )
        assert shown.says.startswith(expected), (line, pooling, shift, kernel, stride)
        assert f"{there} of {len(both[0])} pooled values" in shown.alt


def test_it_begins_with_the_books_figure():
    panel = PoolingStrip()
    assert "changes 4 of 4 detector values and 2 of 4 pooled values" in panel.says
    panel.pooling.value = "average"
    assert "3 of 4 pooled values. A mean moves" in panel.says
    panel.shift.value = 0
    assert panel.says.endswith("Nothing has moved yet: push the shift.")


def test_the_task_of_the_lesson_a_shift_by_one_can_change_every_pooled_value():
    panel = PoolingStrip()
    panel.values.value = "0 1 0 0 0 1 0 0"
    panel.kernel.value = 2
    panel.stride.value = 2
    assert "4 of 4 pooled values" in panel.says
    assert panel.says.endswith("In every window the largest value is another one now.")
    assert panel.redraws == 3


def test_a_line_that_cannot_be_read_is_refused_in_place_and_recovered_from():
    panel = PoolingStrip()
    for line, reason in (
        ("0.1 x", "'x' is none"),
        ("", "There are 0"),
        ("1 " * 11, "There are 11"),
        ("nan", "'nan' is none"),
        ("1e9", "'1e9' is none"),
        ("0,1 1,0", "0,1 may be one number or several. Write a decimal point"),
        ("1,2,3", "1,2,3 may be one number or several"),
    ):
        panel.values.value = line
        assert panel.refused and reason in panel.says
        assert 'role="alert"' in panel._repr_mimebundle_()["text/html"]
    panel.values.value = "0.1, 1; 0.9"
    assert not panel.refused and "of 3 detector values" in panel.says
    panel.incoming.value = "1"
    assert panel.refused and "Next in must hold 3 numbers" in panel.says


def test_minus_signs_of_either_kind_are_read():
    assert numbers("\u22121 -2, 3", "Values", 1, 9) == [-1.0, -2.0, 3.0]


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ({"shift": 4}, "Shift must be an integer from 0 to 3, got 4"),
        ({"pooling": "sum"}, "Pooling must be one of 'max', 'average', got 'sum'"),
        ({"values": "a b"}, "'a' is none"),
        ({"incoming": "1 2"}, "Next in must hold 3 numbers"),
    ],
)
def test_a_first_value_out_of_range_is_refused(first, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        PoolingStrip(**first)
