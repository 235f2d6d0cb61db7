"""Panels that a student drives: one module per signature explorer, built on ``panel``.

An explorer is state (named controls) and one pure function from that state to a picture and a
sentence. ``panel`` draws the controls, calls the function when one of them moves, and shows the
reason in place when a combination is impossible.
"""
