"""The website without a browser: what comes alive, what a page shows, and the site as a whole."""

import html
import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from files import NOTEBOOKS
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.exercises import exercises_of
from course_utils.lessons import LESSONS
from course_utils.lessons.start_here.overview import words
from course_utils.quiz.questions import load_questions, question_files
from tools import build_site, export_slides
from tools.export_slides import ExportError
from tools.slides import assets
from tools.web import marks
from tools.web.maths import Formulas
from tools.web.pages import Page, anchor, plain

SETUP = """
import course_utils.quiz
from course_utils.exercises import check, show_solution
from course_utils.lessons.convolutional_layer import explorer
from course_utils.lessons.sparse_connectivity import figures
from course_utils.lessons.sparse_connectivity.explorer import ReceptiveField as Field
from course_utils.quiz import ask
"""
NAMES = marks.imports([new_code_cell(SETUP)])
STUB = 'def count_edges(n):\n    """Count."""\n    ...  # your code here'
NEEDY = "class Mine:\n    pass  # yours\n\n\ndef shift(x):\n    return Mine(x)  # here"
EXPLORERS = "course_utils.lessons.{}.explorer:{}"


def shown(text: str, **metadata):
    """A code cell with one output of HTML."""
    data = {"text/html": text, "text/plain": "words"}
    return new_output("display_data", data=data, metadata=metadata)


def page_of(*cells, formulas=None) -> Page:
    """The page of a made-up notebook."""
    notebook = new_notebook(cells=[new_markdown_cell("# Made *up*"), *cells])
    return Page("01_made", notebook, formulas or Formulas())


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('ask("01.dense-arrows")', [("question", "01.dense-arrows", {})]),
        ('course_utils.quiz.ask("a")', [("question", "a", {})]),
        ('display(f(x), ask("a"), ask("b"))', [("question", "a", {}), ("question", "b", {})]),
        ("explorer.InputResolution(n=5, side=m, name='x')",
         [("panel", EXPLORERS.format("convolutional_layer", "InputResolution"),
           {"settings": '{"n": 5, "name": "x"}'})]),
        ("reader = Field(model)\nreader",
         [("panel", EXPLORERS.format("sparse_connectivity", "ReceptiveField"),
           {"settings": "{}"})]),
        (f"{STUB}\n\n\ncheck(count_edges)", [("exercise", "01.count-edges", {"stub": STUB})]),
        (f"x = 1\n{NEEDY}\n\ncheck(shift)", [("exercise", "03.shift", {"stub": NEEDY})]),
        ('"ask(\'a\')"  # ask("b")', []),
        ("explorer.scan(3)\nexplorer.FILTERS", []),
        ("%matplotlib inline\nask(name)", []),
    ],
)  # fmt: skip
def test_what_comes_alive_is_read_from_the_syntax_tree(source, found):
    cell = new_code_cell(source)
    assert [tuple(mark) for mark in marks.marks(cell, NAMES)] == found


@pytest.mark.parametrize(
    ("source", "plumbing"),
    [
        ('ask("01.dense-arrows")', True),
        ("from a import b\n\nField()", True),
        ('for x in ("01.a", "01.b"):\n    display(show_solution(x))', True),
        ('figures.arrows_into_s3("Dense")', True),
        ("figures.arrows_into_s3(kind)", False),
        ("display(Field(books.values()))", True),
        ("f(Field())", False),
        ('print(1)\nask("01.dense-arrows")', False),
        (f"{STUB}\n\n\ncheck(count_edges)", False),
        ("x = 5", False),
    ],
)
def test_code_that_only_shows_something_is_no_code_to_read(source, plumbing):
    assert marks.only_shows(new_code_cell(source), NAMES) is plumbing


def test_marks_find_their_stored_outputs_and_leave_the_others():
    outputs = [
        shown("<img>"),
        shown('<div class="cnn-quiz a">A</div>'),
        shown('<div class="cnn-quiz b">B</div>'),
        shown('<div class="cnn-quiz c">C</div>'),
    ]
    cell = new_code_cell('display(show(ax), ask("a"), ask("b"))', outputs=outputs)
    names = [mark and mark.name for _, mark in marks.pairs(cell, NAMES)]
    assert names == [None, "a", "b", None]
    without = new_code_cell('ask("a")', outputs=[])
    assert marks.pairs(without, NAMES) == []  # never run: nothing to mark, nothing breaks


def test_a_mark_is_escaped():
    made = marks.Mark("exercise", "01.x", {"stub": 'def f(a="<"):\n    ...'}).wrap("STILL")
    assert made == (
        '<div class="live" data-exercise="01.x" '
        'data-stub="def f(a=&quot;&lt;&quot;):\n    ...">STILL</div>'
    )


def test_a_page_shows_what_the_notebook_shows():
    png = new_output("display_data", data={"image/png": "QUJD\n", "text/plain": "a <cat>"})
    stream = new_output("stream", text="\x1b[31m5 < 6\x1b[0m\n")
    folded = {"jupyter": {"outputs_hidden": True}}
    hidden = {"jupyter": {"source_hidden": True}}
    page = page_of(
        new_code_cell(SETUP, id="setup"),
        new_code_cell('ask("01.dense-arrows")', outputs=[shown('<div class="cnn-quiz">Q</div>')]),
        new_code_cell("shown_code(1)", outputs=[stream], metadata=folded),
        new_code_cell("hidden_code(2)", outputs=[png, shown("<svg>S</svg>")], metadata=hidden),
        new_code_cell(f"{STUB}\n\n\ncheck(count_edges)",
                      outputs=[shown('<div class="cnn-check" data-state="x">R</div>')]),
        new_markdown_cell("| a | |\n|---|---|\n| <b>1</b> | 2 |"),
    )  # fmt: skip
    body = page.body
    assert [mark.kind for mark in page.marks] == ["question", "exercise"]
    assert body.count("<details") == 3 and "<summary>Setup</summary>" in body
    question = '<div class="live" data-question="01.dense-arrows"><div class="cnn-quiz">Q</div>'
    assert question in body and "ask(" not in body
    assert '<span class="n">shown_code</span>' in body
    assert re.search("<summary>Show the result</summary>.*5 &lt; 6", body, re.DOTALL)
    assert re.search("<summary>Show the code</summary>.*hidden_code", body, re.DOTALL)
    assert 'alt="a &lt;cat&gt;" src="data:image/png;base64,QUJD"' in body
    assert 'aria-label="Figure"><svg>S</svg></div>' in body
    assert body.count("your code here") == 2  # to read, and for the editor
    assert "<td></td>" in body and "<b>1</b>" in body


def test_headings_get_anchors_of_their_own_and_links_find_them():
    text = "## 1 · *Why?*\n\n## 1 · Why?\n\n### $x$\n\n[a](02_next.ipynb#1-·-Why%3F) "
    page = page_of(new_markdown_cell(text + "[b](../data/README.md) [c](https://example.org)"))
    assert page.parts() == [("1-why", "1 · <em>Why?</em>"), ("1-why-2", "1 · Why?")]
    assert [name for name, *_ in page.sections()] == ["made-up", "1-why", "1-why-2", "part"]
    assert '<a href="02_next.html#1-why">a</a> b <a href="https://example.org">c</a>' in page.body


def test_a_notebook_without_a_title_is_named(tmp_path, monkeypatch, capsys):
    with pytest.raises(ExportError, match="01_made: no markdown cell with a level-one heading"):
        Page("01_made", new_notebook(cells=[new_markdown_cell("## Two")]), Formulas())
    nbformat.write(new_notebook(), tmp_path / "00_start_here.ipynb")
    monkeypatch.setattr(build_site, "NOTEBOOKS", tmp_path)
    (tmp_path / "site" / "assets").mkdir(parents=True)
    (tmp_path / "site" / build_site.SIGN).write_text("earlier")
    assert build_site.main(["--to", str(tmp_path / "site")]) == 1
    assert "No site was made: 00_start_here: no markdown cell" in capsys.readouterr().err
    assert (tmp_path / "site" / "assets" / "site.css").read_text() == "earlier"
    assert {path.name for path in tmp_path.iterdir()} == {"00_start_here.ipynb", "site"}


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="holds no earlier export"):
        build_site.build(tmp_path)


def test_formulas_are_set_once_and_need_no_script(npm, tmp_path):
    cache = tmp_path / "maths.json"
    first = Formulas(cache)
    tokens = [first.token("x_1^2"), first.token(r"\frac{a}{b}", display=True), first.token("x_1^2")]
    text = " ".join(tokens)
    first.typeset()
    made = first.fill(text)
    assert made.count("<svg") == 3 and made.count("<math") == 3 and "script" not in made
    assert '<span class="math display"><svg' in made
    assert re.search("<svg [^>]*aria-hidden", made) and "id=" not in made
    assert "<mfrac><mi>a</mi><mi>b</mi></mfrac>" in made
    assert first.words(text) == "x12 ab x12"
    again = Formulas(cache)
    again.token(r"\frac{a}{b}", display=True), again.token("x_1^2")
    kept = cache.read_bytes()
    again.typeset()  # from the cache, in another order
    assert again.made == first.made[::-1] and cache.read_bytes() == kept


@pytest.mark.parametrize("tex", [r"\frac{a", r"\nosuchcommand"])
def test_a_formula_that_is_no_tex_is_named(npm, tex):
    formulas = Formulas()
    formulas.token("x"), formulas.token(tex)
    with pytest.raises(assets.AssetError, match=re.escape(repr(tex))):
        formulas.typeset()


def test_without_node_the_error_says_so(monkeypatch):
    monkeypatch.setenv("PATH", "")
    formulas = Formulas()
    formulas.token("x")
    with pytest.raises(assets.AssetError, match="Install Node"):
        formulas.typeset()


class Reader(HTMLParser):
    """What a page links to and loads, and the places in it; `live` has its marks."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.links, self.loads, self.live, self.levels = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids += [given["id"]] if "id" in given else []
        if tag == "a":
            self.links.append(given["href"])
        elif "src" in given or tag == "link":
            self.loads.append(given.get("src") or given["href"])
        if given.get("class") == "live":
            self.live.append(given)
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))


@pytest.fixture(scope="module")
def site(npm, tmp_path_factory):
    """The site, without Python and slides: its folder, and each page as read."""
    folder = tmp_path_factory.mktemp("www") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_slides, "TARGET", folder.parent / "no-slides")
        report = build_site.build(folder, python=False)
    texts = {p.name: p.read_text(encoding="utf-8") for p in folder.glob("*.html")}
    pages = {name: Reader(text) for name, text in texts.items()}
    return SimpleNamespace(folder=folder, texts=texts, pages=pages, report=report)


def test_the_same_files_give_the_same_site(site, tmp_path, monkeypatch):
    def files(folder):
        return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    monkeypatch.setattr(export_slides, "TARGET", tmp_path / "slides")
    again = tmp_path / "site"
    build_site.build(again, python=False, cache=None)  # formulas set anew
    assert files(again) == files(site.folder)
    (again / "left-over.html").write_text("of an earlier site")
    (tmp_path / "slides").mkdir()
    for name in ("index.html", "01_sparse_connectivity.html"):
        (tmp_path / "slides" / name).write_text("a deck")
    build_site.build(again, python=False)
    assert not (again / "left-over.html").exists()
    assert (again / "slides" / "index.html").read_text() == "a deck"
    linked = [p.name for p in again.glob("0*.html") if 'href="slides/' in p.read_text("utf-8")]
    assert linked == ["01_sparse_connectivity.html"]
    assert 'href="slides/index.html"' in (again / "index.html").read_text("utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site", "slides"]


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site):
    lessons = {f"{path.stem}.html" for path in NOTEBOOKS}
    assert set(site.pages) == lessons | {"index.html", "glossary.html"}
    for name, page in site.pages.items():
        assert len(set(page.ids)) == len(page.ids), name
        for link in page.links:
            to = urlsplit(link)
            if to.scheme:
                assert to.scheme in ("http", "https"), (name, link)
                continue
            assert (site.folder / (to.path or name)).is_file(), (name, link)
            if to.fragment:
                assert unquote(to.fragment) in site.pages[to.path or name].ids, (name, link)
        for source in page.loads:
            here = source.startswith("data:image/") or (site.folder / source).is_file()
            assert here, (name, source[:80])
        assert "<script>" not in site.texts[name] and not re.search(r"\son\w+=", site.texts[name])


def test_headings_go_down_one_level_at_a_time(site):
    for name, page in site.pages.items():
        assert page.levels.count(1) == 1 and page.levels[0] == 1, name
        assert all(b - a <= 1 for a, b in zip(page.levels, page.levels[1:], strict=False)), name


def test_all_questions_exercises_and_panels_of_the_course_are_marked(site):
    """Counted without syntax trees: the question files, the exercises, the stored outputs."""
    live = [one for page in site.pages.values() for one in page.live]
    questions = [one["data-question"] for one in live if "data-question" in one]
    known = [name for path in question_files().values() for name in load_questions(path)]
    assert sorted(questions) == sorted(known)
    exercises = {one["data-exercise"]: one["data-stub"] for one in live if "data-exercise" in one}
    wanted = {e.id: e.name for lesson in LESSONS for e in exercises_of(lesson)}
    assert set(exercises) == set(wanted)
    for name, stub in exercises.items():
        assert f"def {wanted[name]}(" in stub and "# your" in stub, name
        compile(stub, name, "exec")
    stored = "".join(path.read_text(encoding="utf-8") for path in NOTEBOOKS)
    panels = [one for one in live if "data-panel" in one]
    assert len(panels) == stored.count('<div class=\\"cnn-explorer cnn-static')
    assert all(isinstance(json.loads(one["data-settings"]), dict) for one in panels)
    assert sum("data-progress" in one for one in live) == 1


def test_stored_panels_stand_in_their_pages_byte_for_byte(site):
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                still = output.get("data", {}).get("text/html", "")
                if "cnn-explorer" in still and "<img" not in still:
                    assert f">{still}</div>" in site.texts[f"{path.stem}.html"], cell.id


def test_no_formula_and_no_link_to_a_notebook_is_left(site):
    for name, text in site.texts.items():
        read = re.sub(r"<(pre|style|code)\b.*?</\1>", "", text, flags=re.DOTALL)
        read = html.unescape(re.sub("<[^>]*>", "", read))
        assert not re.search(r"\$[^$\n]{1,80}\$|[\ue000\ue001]", read), name
        assert ".ipynb" not in "".join(site.pages[name].links), name


def test_the_search_knows_a_word_of_each_lesson_and_no_answer(site):
    script = (site.folder / "assets" / "search-index.js").read_text(encoding="utf-8")
    rows = json.loads(script.removeprefix("cnn.index = ").removesuffix(";\n"))
    for file, _, place, heading, text in rows:
        assert place in site.pages[file].ids and heading and "<" not in place
        assert "\ue000" not in heading + text
    found = {file for file, *_, text in rows}
    assert found == set(site.pages) - {"index.html"}
    for lesson in LESSONS:  # one may stand in code or in an answer only
        said = " ".join(f"{row[3]} {row[4]}" for row in rows if row[0].startswith(lesson.slug))
        terms = [{w["term"], *w.get("also", ())} for w in words() if w["lesson"] == lesson.number]
        known = [any(term.lower() in said.lower() for term in one) for one in terms]
        assert sum(known) >= len(terms) / 2, lesson.slug
    terms = [heading for file, _, _, heading, _ in rows if file == "glossary.html"]
    assert terms == [word["term"] for word in words()]
    everything = " ".join(text for *_, text in rows)
    assert "Answer and explanation" not in everything and "For the lecturer" not in everything


def test_words_of_a_section_keep_their_distance():
    formulas = Formulas()
    formulas.numbers, formulas.made = {("x", False): 0}, ["<svg>9</svg><math><mi>x</mi></math>"]
    text = "<p>one</p><ul><li>a<em>b</em>c</li></ul><details>no</details>\ue0000\ue001 &lt; 3"
    assert plain(text, formulas) == "one abc x < 3"
    assert anchor("R&amp;D: <code>a_b</code> \ue0000\ue001!") == "r-d-a_b"


def test_the_index_says_what_a_lesson_has(site):
    text = " ".join(html.unescape(re.sub("<[^>]+>", " ", site.texts["index.html"])).split())
    sparse = "sparse connectivity 90 min · 14 questions · 2 panels · 2 exercises"
    assert sparse in text
    for lesson in LESSONS:
        assert f"{lesson.number} {lesson.title} {lesson.topic}" in text


def test_the_report_names_the_parts(site):
    parts = {line.split()[0]: float(line.split()[1]) for line in site.report}
    assert set(parts) == {"*.html", "assets", "assets/figures", "assets/fonts", "all"}
    assert parts["assets/figures"] > 3 and 0 < parts["assets"] < 2 and 5 < parts["all"] < 25
