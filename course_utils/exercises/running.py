"""Run a function that may never return.

It runs in a thread of its own, and is stopped by an exception that is raised in it from outside,
between two steps of Python code. A single call into C that does not end, such as
`sum(itertools.count())`, can be left behind but not stopped.
"""

from __future__ import annotations

import io
import sys
import threading
import time

_REPEAT = 0.02  # seconds between two attempts to stop a function that swallows the first
_LEAVE_BEHIND = 1.5  # seconds after which a thread that does not stop is left to itself
_MOST_PRINTED = 400  # characters of a student's own prints that are kept


class TimeUp(BaseException):
    """Raised inside the student's function. Not an Exception, so `except Exception` lets it by."""


def run_for(seconds, work) -> str:
    """Run `work()` for at most `seconds`; what it raises is raised here.

    Returns `"done"`, `"stopped"` (it was still running, and ended) or `"left behind"` (it still
    is running). An interrupt from the keyboard stops it first. A browser's Python has no threads:
    there the page that asked ends all of Python after its time.
    """
    if sys.platform == "emscripten":
        work()
        return "done"
    problems = []

    def body():
        try:
            try:
                work()
            except BaseException as problem:  # of a TimeUp the thread that waits knows
                problems.append(problem)
        except TimeUp:
            pass  # a second one, on its way when the first arrived

    worker = threading.Thread(target=body, daemon=True, name="exercise")
    worker.start()
    deadline = time.monotonic() + seconds
    try:
        # In short waits, because on Windows an interrupt is noticed only between two of them.
        while worker.is_alive() and (left := deadline - time.monotonic()) > 0:
            worker.join(min(left, 0.1))
    except KeyboardInterrupt:
        _stop(worker)
        raise
    if worker.is_alive():
        return "stopped" if _stop(worker) else "left behind"
    if problems:
        raise problems[0]
    return "done"


def _stop(worker) -> bool:
    """Raise TimeUp in the thread, again and again; True when it has ended."""
    import ctypes

    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    deadline = time.monotonic() + _LEAVE_BEHIND
    while worker.is_alive() and time.monotonic() < deadline:
        raise_in(ctypes.c_ulong(worker.ident), ctypes.py_object(TimeUp))
        worker.join(_REPEAT)
    return not worker.is_alive()


class Notepad(io.TextIOBase):
    """Takes the student's prints; keeps the beginning only, so that a loop cannot fill memory."""

    text = ""

    def write(self, text):
        self.text += text[: max(0, _MOST_PRINTED - len(self.text))]
        return len(text)

    def take(self):
        """Return what was printed since the last call."""
        text, self.text = self.text, ""
        return text.strip()
