"""What notebook 07 says of its trainings, and of digits drawn on its pad, holds for other seeds."""

from pathlib import Path

import pytest
from cells import run_cells

from course_utils.lessons.lenet5.reading import as_a_scan, ink, look

DRAWN = (Path(__file__).parent / "drawn_digits.txt").read_text(encoding="utf-8").splitlines()


def drawn_digits():
    """Yield (digit, strokes) of fifty drawings, of which none was ever used for training."""
    for line in DRAWN:
        if not line.startswith("#"):
            digit, drawing = line.split(" ", 1)
            strokes = [stroke.split() for stroke in drawing.split(";")]
            yield int(digit), [[tuple(map(float, p.split(","))) for p in s] for s in strokes]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_two_networks_are_about_equal_and_read_what_is_drawn(seed, capsys):
    cells = ["setup", "train-modern", "train-paper"]
    lesson = run_cells("07_lenet5", cells, seed=("SEED = 0", f"SEED = {seed}"))
    errors = {name: history[-1] for name, history in lesson["histories"].items()}
    assert abs(errors["modern"] - errors["paper"]) < 0.02, "question 07.who-wins"
    drawings = list(drawn_digits())
    assert sorted(digit for digit, _ in drawings) == sorted([*range(10)] * 5)
    for name in errors:
        right = sum(
            look(lesson[name], ink(as_a_scan(strokes))).best == digit for digit, strokes in drawings
        )
        with capsys.disabled():
            print(f"\n{name}, seed {seed}: {right} of 50 drawn digits are read right")
        assert right >= 45
