"""Coding exercises: one module per notebook, checked by ``checking``.

``checking`` runs a student's function on many cases, stops an endless one, and turns what it finds
into a report with hints; ``show_solution`` prints a reference solution's source. The other modules
hold the cases, the known wrong ideas and the reference solutions of one notebook each.
"""
