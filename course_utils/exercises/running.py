"""Run a function that may never return.

It is stopped by an interval timer (SIGALRM) in the main thread of Linux and macOS, elsewhere by an
exception raised from outside in a worker thread. Both act between two steps of Python code. A
single call into C that never ends, such as `sum(itertools.count())`, can be left behind in a worker
thread but not stopped.
"""

from __future__ import annotations

import ctypes
import io
import signal
import sys
import threading
import time

_REPEAT = 0.02  # seconds between two attempts to stop a function that swallows the first
_LEAVE_BEHIND = 0.5  # seconds after which a worker thread that does not stop is left to itself
_MOST_PRINTED = 400  # characters of a student's own prints that are kept


class TimeUp(BaseException):
    """Raised inside the student's function. Not an Exception, so `except Exception` lets it by."""


def run_for(seconds, work) -> str:
    """Run `work()` for at most `seconds`.

    Returns `"done"`, `"stopped"` (it was still running, and ended) or `"left behind"` (it was
    still running, and still is, in a thread that ends with the program).
    """
    return (_run_with_timer if _has_timer() else _run_in_thread)(seconds, work)


def _has_timer():
    """Signals reach the main thread only; a handler that C code installed cannot be put back."""
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGALRM) is not None
    )


def _raise_at_next_line(frame, event, argument):
    """A trace function (see `sys.settrace`). Raising in it also switches it off."""
    if event == "line":
        raise TimeUp
    return _raise_at_next_line


def _run_with_timer(seconds, work):
    armed, rings, result = True, 0, "done"

    def ring(signum, frame):
        nonlocal rings
        if not armed:
            return
        rings += 1
        if rings > 1:
            # The first one was swallowed, by a bare `except:` for instance. A trace function raises
            # once more at the next line, and that is the first line of the swallowing handler.
            sys.settrace(_raise_at_next_line)
            while frame is not None and frame.f_code is not work.__code__:
                frame.f_trace = _raise_at_next_line
                frame = frame.f_back
        raise TimeUp

    started = time.monotonic()
    previous_delay, previous_interval = signal.setitimer(signal.ITIMER_REAL, 0)
    previous_handler = signal.signal(signal.SIGALRM, ring)
    previous_trace = sys.gettrace()
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, _REPEAT)
        work()
    except TimeUp:
        result = "stopped"
    finally:
        armed = False  # first of all: a signal that is still on its way finds nothing to stop
        signal.setitimer(signal.ITIMER_REAL, 0)
        if rings > 1:
            sys.settrace(previous_trace)
        signal.signal(signal.SIGALRM, previous_handler)
        if previous_delay:
            left = max(previous_delay - (time.monotonic() - started), 1e-6)
            signal.setitimer(signal.ITIMER_REAL, left, previous_interval)
    return result


def _run_in_thread(seconds, work):
    ended, problems = threading.Event(), []

    def body():
        try:
            work()
        except TimeUp:
            pass  # the thread that waits has written it down
        except BaseException as problem:  # handed to the waiting thread, which raises it
            problems.append(problem)
        finally:
            ended.set()

    worker = threading.Thread(target=body, daemon=True, name="exercise")
    worker.start()
    deadline = time.monotonic() + seconds
    try:
        # In short waits, because on Windows an interrupt is noticed only between two of them.
        while not ended.is_set() and (left := deadline - time.monotonic()) > 0:
            ended.wait(min(left, 0.1))
    except KeyboardInterrupt:
        _stop_thread(worker, ended)
        raise
    if not ended.is_set():
        return "stopped" if _stop_thread(worker, ended) else "left behind"
    if problems:
        raise problems[0]
    return "done"


def _stop_thread(worker, ended):
    """Raise TimeUp in another thread, again and again; True when the thread has ended."""
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    deadline = time.monotonic() + _LEAVE_BEHIND
    while not ended.is_set() and time.monotonic() < deadline:
        raise_in(ctypes.c_ulong(worker.ident), ctypes.py_object(TimeUp))
        ended.wait(_REPEAT)
    return ended.is_set()


class Notepad(io.TextIOBase):
    """Takes the student's prints; keeps the beginning only, so that a loop cannot fill memory."""

    text = ""

    def writable(self):
        return True

    def write(self, text):
        self.text += text[: max(0, _MOST_PRINTED - len(self.text))]
        return len(text)

    def take(self):
        """Return what was printed since the last call."""
        text, self.text = self.text, ""
        return text.strip()
