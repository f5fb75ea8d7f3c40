"Folds of subjects: whole subjects, redrawn by every seed, and as balanced as those of scikit-learn."

import numpy as np, pytest
from sklearn.model_selection import StratifiedGroupKFold
import mtpkd
from mtpkd.data.folds import draw_parts
from mtpkd.experiments.plan import plan_experiment
from mtpkd.experiments.verdict import test_design as design_of_plan

DESIGNS = [  # subjects, parts, classes, concentration of a subject's classes: small is one class a subject
    (10, 5, 7, 5.0),
    (12, 3, 3, 1.0),
    (30, 5, 4, 0.3),
    (55, 5, 11, 5.0),
    (100, 5, 2, 0.05),
    (9, 9, 2, 1.0),
]


def drawn(subjects, classes, concentration):
    "Labels and subjects of recordings, between 20 and 200 a subject"
    random = np.random.default_rng(subjects)
    sizes = random.integers(20, 200, subjects)
    shares = random.dirichlet(np.full(classes, concentration), subjects)
    labels = np.concatenate([random.choice(classes, size, p=share) for size, share in zip(sizes, shares)])
    return labels, np.repeat([f"s{i}" for i in range(subjects)], sizes)


def imbalance(labels, part_of_row):
    counts = np.zeros((part_of_row.max() + 1, labels.max() + 1))
    np.add.at(counts, (part_of_row, labels), 1)
    return (counts[:, counts.any(0)] / counts.sum(0)[counts.any(0)]).std(0).mean()


@pytest.mark.parametrize("subjects, parts, classes, concentration", DESIGNS)
def test_parts_hold_whole_subjects_and_are_balanced(subjects, parts, classes, concentration):
    labels, who = drawn(subjects, classes, concentration)
    ours, theirs = [], []
    for seed in range(8):
        part_of_row = draw_parts(labels, who, parts, seed)
        assert set(part_of_row) == set(range(parts)) and len({*zip(who, part_of_row)}) == subjects
        assert np.array_equal(part_of_row, draw_parts(labels, who, parts, seed))
        ours.append(imbalance(labels, part_of_row))
        split = StratifiedGroupKFold(parts, shuffle=True, random_state=seed).split(labels, labels, who)
        for part, (_, rows) in enumerate(split):
            part_of_row[rows] = part
        theirs.append(imbalance(labels, part_of_row))
    assert np.mean(ours) < 2 * np.mean(theirs), "of five random orders, the most balanced one"


@pytest.mark.parametrize("name", ["watch", "face to physiology"])
def test_every_seed_has_test_sets_of_its_own(name, tmp_path):
    manifest = "watch"
    if name != "watch":
        samples = mtpkd.synthetic("regression", subjects=12, per_subject=20)
        keep = np.flatnonzero(np.random.default_rng(0).random(len(samples)) < 0.7)  # unlike numbers of rows
        arrays = {key: array[keep] for key, array in samples.arrays.items()}
        how = dict(subject=samples.subject[keep], roles=dict(face="prevalent", physio="privileged", voice="unused"))
        protocol = dict(folds=4, labelled=40, labelled_validation=20)
        manifest = mtpkd.save_set(
            tmp_path / "set", "set", arrays, samples.target[keep], samples.task, protocol=protocol, **how
        )
    plan = plan_experiment(manifest=str(manifest), methods=["student_only"], seeds=[0, 1, 2, 3, 4])
    of_seeds = {}
    for fold in plan.folds:
        of_seeds.setdefault(fold.seed, set()).add(fold.test.tobytes())
        assert not {*plan.samples.subject[fold.test]} & {*plan.samples.subject[fold.val]}
    assert len({frozenset(sets) for sets in of_seeds.values()}) == 5, "no two seeds divide the subjects alike"
    assert len(set.union(*of_seeds.values())) > 2 * len(of_seeds[0])
    validated = {(fold.fold, fold.val.tobytes()) for fold in plan.folds}
    assert len(validated) > len(of_seeds[0]), "inner validation is redrawn too"
    design = design_of_plan(plan)
    assert design.kind == "corrected_t" and (design.df or len(plan.folds) - 1) > 2 * len(of_seeds[0])
