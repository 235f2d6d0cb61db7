"""As on the website: where Python has its standard library alone, all is as it is here."""

import json
import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from course_utils.exercises import exercises_of, show_solution
from course_utils.lessons import LESSONS
from course_utils.lessons.start_here.overview import glossary
from tests.headless import STATES, panels, pictures
from tools.web import panel_data

ROOT = Path(__file__).parents[1]
DEPTHS = (2, 7, 20, 33, 50)  # of the stacks: to measure all takes a quarter of a minute
PANELS = {name: kind for name, kind in panels().items() if name not in panel_data.TRAINED}
EXERCISES = {one.id: one for lesson in LESSONS for one in exercises_of(lesson)}
NEED_NUMPY = {"03.shift", "03.turned-kernels", "04.max-pool", "04.max-pool-backward"}
NEED_NUMPY |= {"04.global-average-pool", "05.conv2d", "05.max-pool-2d", "08.grouped-conv"}
NEED_TORCH = {"07.modern-network", "09.vgg-layers", "10.module", "11.dotted-block"}


@pytest.fixture(scope="module")
def data():
    return panel_data.make(DEPTHS)


@pytest.fixture(scope="module")
def there(data, tmp_path_factory):
    """What all of it does in a process of its own."""
    given = tmp_path_factory.mktemp("headless") / "given.json"
    given.write_text(json.dumps({"data": data, "depths": DEPTHS}))
    command = [sys.executable, str(ROOT / "tests" / "headless.py"), str(given)]
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tools" / "web")))
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def test_all_panels_without_a_trained_network_are_alive(there):
    refused = {name: shown for name, shown in there["panels"].items() if isinstance(shown, str)}
    assert refused == {"07_lenet5": "numpy", "MoveTheGull": "torch"}
    assert set(there["panels"]) - set(refused) == set(PANELS) and len(PANELS) >= 14


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_draws_the_same_in_every_state(name, there, data):
    given = panel_data.arguments(name, data) if name != "VanishingGradients" else ()
    here = pictures(PANELS[name](*given), DEPTHS)
    assert there["panels"][name] == here and len(set(here)) > STATES / 3


@pytest.mark.parametrize("name", panel_data.NAMES)
def test_a_panel_with_data_shows_what_its_notebook_stores(name, data):
    settings = {"ArchitectureBrowser": {"network": "GoogLeNet", "layer": 25}}.get(name, {})
    panel = PANELS[name](*panel_data.arguments(name, json.loads(json.dumps(data))), **settings)
    stored = [
        "".join(output["data"]["text/html"])
        for path in ROOT.glob("notebooks/*.ipynb")
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if re.search(rf"^{name}\(", "".join(cell["source"]), re.MULTILINE)
        for output in cell["outputs"]
    ]
    assert len(stored) == 1
    assert panel.picture_html() in stored[0] and panel.sentence_html() in stored[0]


def test_which_exercises_need_what(there):
    missing = {name: said for name, said in there["exercises"].items() if isinstance(said, str)}
    wanted = dict.fromkeys(NEED_NUMPY, "numpy") | dict.fromkeys(NEED_TORCH, "torch")
    assert missing == wanted and set(there["exercises"]) == set(EXERCISES)
    assert len(EXERCISES) - len(missing) >= 21


@pytest.mark.parametrize("name", sorted(set(EXERCISES) - NEED_NUMPY - NEED_TORCH))
def test_an_exercise_passes_its_solution_and_knows_each_wrong_idea(name, there):
    assert there["exercises"][name] == ["passed", "not attempted", *EXERCISES[name].wrong_ideas]


def test_questions_words_prints_and_solutions(there):
    assert len(there["right"]) > 130 and all(there["right"])
    assert there["glossary"] == glossary().alt
    assert there["printed"] == "5"
    code = there["solution"].partition("<pre")[2].partition(">")[2].removesuffix("</pre></details>")
    assert "<span" not in code and unescape(code) == show_solution("01.count-edges").source
