"""`ask("01.dense-arrows")`: a question to answer, lock in, get hints for and reveal in place.

Questions stand in `data/questions` (`questions.py`); `marking.py` says what is right and why not;
`record.py` what is kept and what a button does; `card.py` how a card reads and looks. `widget.py`
is the live card and the file of answers: only that needs ipywidgets and a disk, and it is loaded
when a card is shown.

Own code, because jupyterquiz neither locks an answer before the reveal nor remembers one.
"""

from contextlib import nullcontext

from course_utils.checks import one_of
from course_utils.quiz.marking import Verdict, mark
from course_utils.quiz.questions import Question, find_question, question_files

__all__ = ["Question", "Verdict", "ask", "find_question", "forget", "mark"]


def ask(question_id: str):
    """Show a question, for example `ask("01.dense-arrows")`, with the earlier answer if any.

    Raises ValueError for an id that no question file holds; the message lists the ids there are.
    """
    from course_utils.quiz.widget import AnswerFile, Quiz

    question = find_question(question_id)
    return Quiz(question, AnswerFile(question_files()[question_id[:2]].stem))


def forget(notebook: str) -> None:
    """Set the answers of one notebook, "01", aside; print where. Cards of this kernel are empty."""
    from course_utils.quiz.widget import CARDS, AnswerFile

    files = question_files()
    answers = AnswerFile(files[one_of("notebook", notebook, files)].stem)
    try:
        # If there is no file, there may be no folder for the lock either.
        with answers.lock() if answers.path.exists() else nullcontext():
            kept = answers.set_aside()
    except OSError as error:
        return print(f"Your answers stay as they are: {error}.")
    if kept is None:
        return print(f"There are no stored answers for notebook {notebook}.")
    for card in CARDS:
        if card.question.id.startswith(notebook):
            card.begin_again()
    print(f"Your answers are set aside in {kept}.\nAll questions of the lesson are open again.")
