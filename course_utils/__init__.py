"""What the notebooks import, in floors: a module imports only from floors below its own.

===== ===================================== =====================================================
floor module                                its one job
===== ===================================== =====================================================
5     ``explorers``                         panels with sliders: state plus one call into figures
5     ``quiz``, ``exercises``               ask, answer, explain; check a solution and give hints
5     ``preflight``                         is this computer ready? one line per check
4     ``figures``                           arrays and plain values in, SVG or matplotlib out
3     ``training``, ``probing``             fit and evaluate; look inside a trained network
2     ``ledger``                            per layer: shape, parameters, multiply-adds
1     ``models``, ``datasets``              one paper per file; what is in ``data/``
0     ``geometry``, ``ops``, ``style``,     integer shape arithmetic; readable NumPy reference
      ``data_files``                        operations; palette; files with checksums
===== ===================================== =====================================================

This file imports nothing, so ``import course_utils`` costs nothing.
``tests/repo/test_floors.py`` reads every import and fails on one that goes up, sideways or round.
"""
