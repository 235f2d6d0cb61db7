"""What panels, exercises and questions do, for one process to compare with another.

    python tests/headless.py DATA.json

prints, as JSON, what they do where Python has its standard library alone, no threads, and the data
of `tools/web/panel_data.py`: as in a browser.
"""

import hashlib
import json
import random
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import course_utils.exercises as exercises
import course_utils.explorer as explorer
from course_utils.lessons import LESSONS

MISSING = {"IPython", "filelock", "ipywidgets", "matplotlib", "numpy", "platformdirs", "pooch"}
MISSING |= {"pygments", "requests", "torch", "traitlets"}
STATES = 50


def panels() -> dict[str, type | str]:
    """The class of each panel, by its name; the missing module where a room needs one."""
    found = {}
    for lesson in LESSONS[1:]:
        try:
            room = import_module(f"course_utils.lessons.{lesson.slug[3:]}.explorer")
        except ImportError as error:
            found[lesson.slug] = error.name
            continue
        for name, value in vars(room).items():
            here = isinstance(value, type) and value.__module__ == room.__name__
            if here and issubclass(value, explorer.Explorer):
                found[name] = value
    return found


def pictures(panel: explorer.Explorer, depths: Sequence[int]) -> list[str]:
    """Digests of picture and sentence: of the first state, then of `STATES` others from a seed.

    depths: what a control `depth` may stand at, as the table of its panel may not hold all.
    """
    rng = random.Random(type(panel).__name__)

    def value(control):
        if control.name == "depth":
            return rng.choice(depths)
        if isinstance(control, explorer.Slider):
            return rng.randrange(control.smallest, control.largest + 1, control.step)
        if isinstance(control, explorer.Choice):
            return rng.choice(list(control.options.values()))
        return " ".join(f"{rng.randint(-20, 20) / 10:g}" for _ in range(rng.choice((3, 3, 5, 6))))

    digests = []
    for state in range(STATES + 1):
        if state:
            panel.move(**{control.name: value(control) for control in panel.controls})
        shown = panel.picture_html() + panel.sentence_html()
        digests.append(hashlib.sha256(shown.encode()).hexdigest()[:12])
    return digests


def checked(exercise) -> list[str] | str:
    """What a check says of the solution, of a stub, and which of the wrong ideas it knows.

    The name of the missing module where the exercise needs one.
    """
    try:
        said = [exercise.check(one).state for one in (exercise.solution, lambda *case: ...)]
    except ImportError as error:
        return error.name
    ideas = exercise.wrong_ideas.items()
    return said + [hint for hint, idea in ideas if exercise.check(idea).hint == hint]


def in_a_browser(data: dict, depths: Sequence[int]) -> dict:
    """Do it all without the modules of `MISSING`."""
    assert not MISSING & {*sys.modules}
    sys.modules.update(dict.fromkeys(MISSING))  # whoever imports one is told that it is missing
    sys.platform, threading.Thread.start = "emscripten", None
    import panel_data  # it stands beside the bridge there

    from course_utils.lessons.start_here import overview
    from course_utils.quiz import find_question, mark

    shown = {}
    for name, kind in panels().items():
        try:
            made = kind if isinstance(kind, str) else kind(*panel_data.arguments(name, data))
        except ImportError as error:
            made = error.name
        shown[name] = made if isinstance(made, str) else pictures(made, depths)
    tried = [one for lesson in LESSONS for one in exercises.exercises_of(lesson)]
    questions = [
        find_question(name) for row in overview.progress_of({}, []) for name in row.questions
    ]
    return {
        "panels": shown,
        "exercises": {exercise.id: checked(exercise) for exercise in tried},
        "right": [mark(q, q.answer if q.options else f"{q.answer}").correct for q in questions],
        "glossary": overview.glossary().alt,
        "solution": exercises.show_solution("01.count-edges")._repr_html_(),
        "printed": exercises.find("count_edges").check(lambda n, *rest: print(n)).rows["Printed"],
    }


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps(in_a_browser(given["data"], given["depths"])))
