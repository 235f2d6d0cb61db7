"""Question files: a file that breaks the schema is refused, and the message says where."""

import pytest

from course_utils.quiz.questions import find_question, load_questions, question_files

COMMON = """
[[question]]
id = "07.a"
kind = "{kind}"
prompt = "How many?"
hints = ["One."]
explanation = "So."
"""
NUMBER = COMMON.format(kind="number") + 'answer = 25\nnudge = "Again."\n'
NUMBER_WRONG = '[[question.wrong]]\nvalue = [5, 10]\nbecause = "No."\n'
CHOICE = COMMON.format(kind="choice") + 'answer = "a"\n[question.options]\na = "A"\nb = "B"\n'
CHOICE_WRONG = '[[question.wrong]]\nvalue = "b"\nbecause = "No."\n'
CHOICES = CHOICE.replace('"choice"', '"choices"').replace('answer = "a"', 'answer = ["a"]')
CHOICES_WRONG = CHOICE_WRONG + '[[question.wrong]]\nmissed = "a"\nbecause = "Look at A."\n'
TEXT = COMMON.format(kind="text") + 'answer = "field"\nnudge = "Again."\n'
TEXT_WRONG = '[[question.wrong]]\nvalue = "kernel"\nbecause = "No."\n'


@pytest.fixture
def write(tmp_path):
    def write(text, name="07_lenet5.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [NUMBER + NUMBER_WRONG, CHOICE + CHOICE_WRONG, CHOICES + CHOICES_WRONG, TEXT + TEXT_WRONG],
    ids=["number", "choice", "choices", "text"],
)
def test_a_sound_file_of_each_kind_loads(write, text):
    questions = load_questions(write(text))
    assert list(questions) == ["07.a"]
    assert questions["07.a"].prompt == "How many?"
    assert questions["07.a"].wrong[0].because == "No."


def refusals():
    """(case, file text, the part of the message after "07_lenet5.toml, question 07.a, ")."""
    n, nw = NUMBER, NUMBER_WRONG
    yield "unknown key", n + "toleranc = 1\n" + nw, "key 'toleranc': unknown; allowed are answer"
    yield "key of another kind", n + "accept = ['x']\n" + nw, "key 'accept': unknown"
    yield "no prompt", n.replace('prompt = "How many?"', "") + nw, "key 'prompt': missing"
    yield "empty", n.replace('"How many?"', '""') + nw, "key 'prompt': must not be empty"
    yield "no hints", n.replace('["One."]', "[]") + nw, "key 'hints': must not be empty"
    yield "no wrong answers", n, "key 'wrong': missing"
    yield "no nudge", n.replace('nudge = "Again."', "") + nw, "key 'nudge': missing"
    yield "wrong type", n.replace("25", '"25"') + nw, "key 'answer': must be a number, got '25'"
    yield "bool for number", n.replace("25", "true") + nw, "key 'answer': must be a number"
    yield "nan", n.replace("25", "nan") + nw, "key 'answer': must be finite"
    yield "hint type", n.replace('["One."]', "[1]") + nw, "key 'hints': must hold non-empty"
    yield "kind", n.replace('"number"', '"essay"') + nw, "key 'kind': must be one of number"
    yield "tolerance", n + "tolerance = -1\n" + nw, "key 'tolerance': must be >= 0"
    yield "fraction", n.replace("25", "2.5\ninteger = true") + nw, "key 'answer': must be a whole"
    yield (
        "wrong fraction",
        n + "integer = true\n" + nw.replace("5,", "5.5,"),
        "key 'wrong': must be",
    )
    yield "right is wrong", n + nw.replace("10", "25"), "key 'wrong': the right answer is listed"
    yield "right within tolerance", n + "tolerance = 15\n" + nw, "key 'wrong': the right answer"
    yield "wrong twice", n + nw.replace("10", "5"), "key 'wrong': listed twice: 5"
    yield "twice over", n + nw + nw, "key 'wrong': listed twice: 5"
    yield "no because", n + nw.replace('because = "No."', ""), "wrong answer 1, key 'because': miss"
    yield "wrong key", n + nw + "x = 1", "wrong answer 1, key 'x': unknown"
    yield "wrong value", n + nw.replace("10", "'10'"), "wrong answer 1, key 'value': must hold"
    yield "wrong nan", n + nw.replace("10", "nan"), "wrong answer 1, key 'value': must be finite"
    yield "missed", n + nw.replace("value", "missed"), "wrong answer 1, key 'missed': only for"
    yield "not a table", n + "wrong = [5]", "wrong answer 1: must be a [[question.wrong]] table"
    yield "id form", n.replace("07.a", "07.A b") + nw, None
    c, cw = CHOICE, CHOICE_WRONG
    yield "no such option", c.replace('"a"\n', '"z"\n') + cw, "key 'answer': must be among the opt"
    yield "option listed as wrong", c + cw.replace('"b"', '"a"'), "key 'wrong': the right answer"
    yield "unexplained", c.replace('b = "B"', 'b = "B"\nc = "C"') + cw, "key 'wrong': must explain"
    yield "unknown option", c + cw.replace('"b"', '["b", "z"]'), "key 'wrong': must explain each of"
    yield "one option", c.replace('b = "B"\n', "") + cw, "key 'options': must hold two options"
    yield "same text", c.replace('"B"', '"A"') + cw, "key 'options': two options have the same text"
    m, mw = CHOICES, CHOICES_WRONG
    yield "missed unexplained", m + CHOICE_WRONG, "key 'wrong': must explain each of a once"
    yield "answer of numbers", m.replace('["a"]', "[1]") + mw, "key 'answer': must hold non-empty"
    t, tw = TEXT, TEXT_WRONG
    yield "text right is wrong", t + tw.replace("kernel", "The Field"), "key 'wrong': the right"
    yield "accept of numbers", t + "accept = [1]\n" + tw, "key 'accept': must hold non-empty"
    yield "accept without letters", t + "accept = ['?']\n" + tw, "key 'accept': must hold words"


@pytest.mark.parametrize(
    ("text", "message"), [r[1:] for r in refusals()], ids=[r[0] for r in refusals()]
)
def test_a_broken_file_is_refused_with_file_question_and_key(write, text, message):
    with pytest.raises(ValueError) as caught:
        load_questions(write(text))
    if message is None:
        assert "07_lenet5.toml, question 07.A b, key 'id': must look like" in str(caught.value)
    else:
        assert str(caught.value).startswith(f"07_lenet5.toml, question 07.a, {message}")


def test_an_id_is_used_once(write):
    with pytest.raises(ValueError, match=r"question 07\.a, key 'id': used twice"):
        load_questions(write(NUMBER + NUMBER_WRONG + NUMBER + NUMBER_WRONG))


def test_an_id_begins_with_the_number_of_its_file(write):
    with pytest.raises(
        ValueError, match=r"08_x\.toml, question 07\.a, key 'id': must begin with '08'"
    ):
        load_questions(write(NUMBER + NUMBER_WRONG, "08_x.toml"))


@pytest.mark.parametrize("text", ["", "question = 3", 'title = "x"\n' + NUMBER + NUMBER_WRONG])
def test_a_file_holds_questions_and_nothing_else(write, text):
    with pytest.raises(ValueError, match=r"07_lenet5\.toml: must hold \[\[question\]\] tables"):
        load_questions(write(text))


def test_a_question_must_be_a_table(write):
    with pytest.raises(ValueError, match=r"question number 1: must be a table"):
        load_questions(write("question = [3]"))


def test_broken_toml_names_the_file(write):
    with pytest.raises(ValueError, match=r"07_lenet5\.toml: not valid TOML"):
        load_questions(write("[[question"))


def test_questions_are_found_by_id(write, tmp_path):
    path = write(NUMBER + NUMBER_WRONG)
    write("no question file", "notes.toml")
    assert question_files(tmp_path) == {"07": path}
    assert find_question("07.a", tmp_path).answer == 25


@pytest.mark.parametrize(
    ("question_id", "message"),
    [
        ("07.b", r"question_id must be one of 07\.a, got '07\.b'"),
        ("08.a", r"question_id must begin with the number of a notebook .*\(07\), got '08\.a'"),
        ("", r"got ''"),
        (7, r"got 7"),
    ],
)
def test_an_unknown_id_lists_what_there_is(write, tmp_path, question_id, message):
    write(NUMBER + NUMBER_WRONG)
    with pytest.raises(ValueError, match=message):
        find_question(question_id, tmp_path)
