"""The exercises of notebook 07: solutions against the models and torch, stubs, wrong ideas."""

import numpy as np
import torch

from course_utils.lessons.lenet5 import exercises as module
from course_utils.models.lenet5 import C3_TABLE, PartialConv2d


def test_the_table_is_the_papers():
    assert tuple(map(tuple, module.C3_TABLE)) == C3_TABLE
    assert module.table_parameters(module.C3_TABLE, 5) == 1516
    assert module.table_parameters([[0, 1, 2, 3, 4, 5]] * 16, 5) == 2416


def test_parameters_equal_those_of_the_layer():
    for table, kernel in module.C3_PARAMETERS.cases():
        layer = PartialConv2d(tuple(map(tuple, table)), kernel)
        counted = sum(p.numel() for p in layer.parameters())
        assert module.table_parameters(table, kernel) == counted


def test_confusion_matrix_equals_a_histogram():
    for labels, readings, classes in module.CONFUSION_MATRIX.cases():
        expected = np.histogram2d(labels, readings, bins=[np.arange(classes + 1) - 0.5] * 2)[0]
        found = module.confusion_matrix(labels, readings, classes)
        assert np.array_equal(found, expected)
        assert found.sum() == len(labels)


def test_students_other_ways_to_write_it_pass():
    def closed(table, kernel):
        return sum(map(len, table)) * kernel**2 + len(table)

    def in_torch(labels, predictions, classes):
        counts = torch.zeros(classes, classes)
        counts.index_put_(
            (torch.tensor(labels), torch.tensor(predictions)), torch.ones(1), accumulate=True
        )
        return counts

    assert module.check_table_parameters(closed).state == "passed"
    assert module.check_confusion_matrix(in_torch).state == "passed"
