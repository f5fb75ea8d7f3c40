"""Label propagation over very many rows, whose neighbours are nearly the nearest."""

import numpy as np, pytest
import mtpkd.models.label_propagation
from mtpkd.models.label_propagation import label_seeds, neighbour_graph, propagate_labels


def clusters(rows, seed=0):
    "Rows of ten classes that overlap, and the classes"
    random = np.random.default_rng(seed)
    classes = random.integers(10, size=rows)
    return random.normal(0, 1.5, (10, 16))[classes] + random.normal(size=(rows, 16)), classes


def spread(features, classes, known=200):
    "Labels of all rows from the first ones"
    labels = np.eye(10)[classes] * (np.arange(len(classes)) < known)[:, None]
    return propagate_labels(neighbour_graph(features), label_seeds(np.full((len(classes), 10), 0.1), labels))


@pytest.mark.slow
def test_neighbours_by_descent_give_nearly_the_same_labels(monkeypatch):
    features, classes = clusters(3000)
    features[100:103] = features[100]  # copies
    exact = spread(features, classes)
    monkeypatch.setattr(mtpkd.models.label_propagation, "EXACT_ROWS", 100)
    found = spread(features * 1e-25, classes)
    assert (exact.argmax(1) == found.argmax(1)).mean() > 0.98
    assert (found.argmax(1) == classes).mean() > (exact.argmax(1) == classes).mean() - 0.01
