"""Which exercises were solved, kept between sessions."""

from course_utils.state import StateFile


class SolvedFile(StateFile):
    """The ids of the exercises whose check was passed."""

    CANNOT_READ = NOT_KEPT = DAMAGED = "What you solved is not kept: {reason}"
    empty = list

    def __init__(self):
        super().__init__("exercises.json")

    def decode(self, data: object) -> list[str]:
        if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
            raise ValueError("it holds no list of names")
        return data

    def encode(self, content: list[str]) -> list[str]:
        return content


def remember(exercise_id: str) -> None:
    """Note that an exercise was solved; trouble with the disk is no reason to stop."""
    file = SolvedFile()
    if exercise_id not in file.read()[0]:
        file.change(lambda solved: sorted({*solved, exercise_id}))
