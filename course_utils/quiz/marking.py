"""Mark an answer to a question: pure functions, no files, no widgets.

A *number* may be written 25, 2.5e1, 267,960, 267 960, 1/4, 28*28, 6 × 10⁷ or 0,25, with or without
the question's unit ("25 arrows"). What could mean two numbers, or none, is not an attempt: the
student is told how to write it and nothing is marked. A *text* is compared without case, spaces,
punctuation and a leading article, so it suits words, not formulas.
"""

import ast
import difflib
import math
import operator
import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from course_utils.quiz.questions import Question

_UNREADABLE = (
    "This cannot be read as a number. Write digits, with a point before the decimals, for example "
    "12, 0.25 or 1250."
)
# A number with its separators. A group of thousands never starts with 0.
_NUMBER = re.compile(
    r"(?<![\w.,'])(?:[1-9]\d{0,2}(?P<by>[ ,_'])\d{3}(?:(?P=by)\d{3})*(?:\.\d*)?(?![\d_'])"
    r"|\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d{1,3})?(?![\w.,'])",
    re.ASCII,
)
# "·" is a sign of multiplication where it cannot be a decimal point, as it may be in 0·25.
_TIMES = re.compile(r" ?x ?| [·⋅∙•] |[·⋅](?=10\*\*)")
_SIGNS = str.maketrans({"×": "x", "✕": "x", "÷": "/", "⁄": "/", "∕": "/", "’": "'", "∼": "~"})
_OPERATIONS = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_ALIASES = {
    "pixels": {"px"},
    "%": {"percent", "per cent"},
    "times": {"x", "fold", "-fold"},
    "million": {"million macs", "million multiply-adds"},
    "million MACs": {"million", "million multiply-adds"},
}


class Verdict(NamedTuple):
    """What marking says. `attempt` is False if the answer could not be read: nothing is marked."""

    correct: bool
    message: str
    attempt: bool = True


def mark(question: Question, raw: str | list[str] | tuple[str, ...] | None) -> Verdict:
    """Mark `raw`: the text typed (number, text), an option's key (choice), or keys (choices).

    An option key that the question does not have is a ValueError.
    """
    if not raw or (isinstance(raw, str) and not raw.strip()):
        verb = {"choice": "Choose", "choices": "Tick"}.get(question.kind, "Write")
        return Verdict(False, f"{verb} an answer first.", attempt=False)
    if question.options:
        return _mark_options(question, {raw} if question.kind == "choice" else set(raw))
    value = raw
    if question.kind == "number":
        try:
            value = reading(question, raw)
            if question.integer and value != int(value):
                raise ValueError(f"A whole number is asked for, and this reads as {value:,}.")
        except ValueError as error:
            return Verdict(False, str(error), attempt=False)
    if is_right(question, value):
        return Verdict(True, question.explanation)
    for wrong in question.wrong:
        if any(same(question, value, known, wrong.tolerance) for known in wrong.values):
            return Verdict(False, wrong.because)
    if question.kind == "text" and _is_near(question, value):
        return Verdict(False, "Close: check the spelling, and write the term alone.")
    return Verdict(False, question.nudge)


def _mark_options(question: Question, chosen: set[str]) -> Verdict:
    if unknown := chosen - question.options.keys():
        allowed = ", ".join(question.options)
        raise ValueError(f"raw must hold keys of options ({allowed}), got {sorted(unknown)}")
    right = {question.answer} if question.kind == "choice" else set(question.answer)
    if chosen == right:
        return Verdict(True, question.explanation)
    # What was ticked wrongly comes first: what is missing is easier to see once that is cleared up.
    slips = chosen - right or right - chosen
    reasons = [wrong.because for wrong in question.wrong if slips & set(wrong.values)]
    return Verdict(False, "\n\n".join(reasons))


def reading(question: Question, raw: str) -> float:
    """The number in an answer to a number question, or a ValueError as `parse_number` has it."""
    return parse_number(raw, question.unit, question.integer or abs(question.answer) >= 1000)


def parse_number(text: str, unit: str = "", whole: bool = True) -> float:
    """The number a student wrote: 25, 2.5e1, 267,960, 28*28, or "25 arrows" if that is the unit.

    `whole`: a whole number or thousands are expected, so 4,600 are thousands and 4.600 may be. If
    not, 4.600 is a decimal number and 4,600 may be one. Raises ValueError, with a sentence for the
    student, for what could be two numbers or is none.
    """
    match = re.fullmatch(r"[=≈~]? ?(.*[\d)]) ?(.*?)", _plain(text).rstrip(" .,"))
    if not match or len(match[1]) > 100:
        raise ValueError(_UNREADABLE)
    written, names = match[2], {unit.casefold(), *_ALIASES.get(unit, ())}
    names |= {re.sub("ie$", "y", name.removesuffix("s")) for name in names}
    percent = written == "%" and not unit
    if written not in names | {""} and not percent:
        raise ValueError(f"Write the number alone{f', or with the unit {unit}' if unit else ''}.")
    formula = _TIMES.sub("*", match[1])
    skeleton = _NUMBER.sub("N", formula)  # the text is in lower case
    if re.search(r"[^N ()*/+-]|[+-] ?[+-]", skeleton):
        raise ValueError(_UNREADABLE)
    numbers = [_number(found, whole) for found in _NUMBER.finditer(formula)]
    try:
        tree = ast.parse(skeleton.strip(), mode="eval").body
        value = _computed(tree, iter(numbers))
    except (SyntaxError, ZeroDivisionError):
        raise ValueError(_UNREADABLE) from None
    if value < 0 and re.fullmatch("N ?- ?N", skeleton):
        raise ValueError("This may be a range. Write one number.")
    return float(value / 100 if percent else value)


def _plain(text: str) -> str:
    """The text in ASCII as far as that changes no meaning: ２ is 2, but 5² is 5**(2), not 52."""

    def spelt(found: re.Match) -> str:
        ascii_ = unicodedata.normalize("NFKC", found[0])
        return f"({ascii_})" if "⁄" in ascii_ else f"**({ascii_})"

    text = re.sub("[⁰¹²³⁴-⁹⁺⁻]+|[¼½¾⅐-⅞]", spelt, text.casefold()).replace("^", "**")
    return " ".join("".join(map(_ascii, text)).translate(_SIGNS).split())


def _ascii(char: str) -> str:
    if unicodedata.east_asian_width(char) == "F":
        char = unicodedata.normalize("NFKC", char)
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category == "Pd" or char == "\u2212":
        return "-"
    # Invisible marks say nothing, but U+2061 to U+2064 are invisible operators.
    return "" if category == "Cf" and not "\u2061" <= char <= "\u2064" else char


def _number(found: re.Match, whole: bool) -> Fraction:
    text, by = found[0], found["by"]
    group = re.fullmatch(r"([1-9]\d{0,2})([,.])(\d{3})", text)
    if group and whole == (group[2] == "."):
        thousands, decimals = group[1] + group[3], float(f"{group[1]}.{group[3]}")
        remedy = "Write decimals after a decimal point, and" if by else "Write"
        raise ValueError(
            f"{text} could be {thousands} or {decimals:g}. {remedy} thousands as {thousands}."
        )
    return Fraction(text.replace(by or ",", "" if by else "."))


def _computed(node: ast.AST, numbers: Iterator[Fraction]) -> Fraction:
    """The value of a formula, exactly. Each name in it is the next of the numbers."""
    match node:
        case ast.Name():
            value = next(numbers)
        case ast.UnaryOp(op) | ast.BinOp(op=op) if type(op) in _OPERATIONS:
            terms = [part for part in ast.iter_child_nodes(node) if part is not op]
            terms = [_computed(part, numbers) for part in terms]
            if isinstance(op, ast.Pow) and (terms[1].denominator > 1 or abs(terms[1]) > 99):
                raise ValueError("Only powers to whole numbers up to 99 are computed.")
            value = _OPERATIONS[type(op)](*terms)
        case _:
            raise SyntaxError
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > 1000:
        raise ValueError("This number is too large or too small to be read.")
    return value


def normalise(text: str) -> str:
    """Letters and digits, case folded, no leading article: "The Field-size" -> "fieldsize"."""
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    return re.sub(r"[\W_]", "", re.sub(r"^(the|an|a)\s+", "", folded))


def same(question: Question, given, known, tolerance: float = 0) -> bool:
    if question.kind == "number":
        return math.isclose(given, known, rel_tol=1e-12, abs_tol=tolerance)
    return normalise(given) == normalise(known)


def is_right(question: Question, value) -> bool:
    accepted = (question.answer, *question.accept)
    return any(same(question, value, known, question.tolerance) for known in accepted)


def _is_near(question: Question, value: str) -> bool:
    accepted = map(normalise, (question.answer, *question.accept))
    return bool(difflib.get_close_matches(normalise(value), accepted, n=1, cutoff=0.85))
