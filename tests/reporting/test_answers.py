"""The three sentences at the head of a report, on twelve constructed summaries. The expected sentences were written by hand
before the function that makes them."""

import re
import pytest
from mtpkd.evaluation.summary import parse_summary
from mtpkd.reporting.answers import answer_sentences, takeaway
from mtpkd.reporting.limits import describe_correction

CONTROL = dict(a="mtpkd", b="self_training", diff=0.077, ci95=[0.001, 0.153], p=0.049)
SHUFFLED = dict(a="mtpkd", b="shuffled_privileged", diff=0.06, ci95=[0.02, 0.10], p=0.01)
NO_OT = dict(a="mtpkdot", b="mtpkdot:no_ot", diff=0.013, ci95=[-0.013, 0.038], p=0.301)
HEADROOM = dict(value=0.14, ci95=[0.08, 0.2], p=0.0005, significant=True)


def row(diff, low, high, p, holm=None, base=0.5, closed=None):
    return dict(mean=base + diff, sd=0.04, n=10, diff=diff, ci95=[low, high], p=p, p_holm=holm, headroom_closed=closed)


def summary(methods, **changes):
    "A run of a method or some, in which the student alone scores 50"
    values = dict(
        name="made up",
        task=dict(kind="classification", classes=["calm", "stress"], chance=0.5),
        metric="balanced_accuracy",
        prevalent=["face"],
        privileged=["physio"],
        n=400,
        subjects=10,
        folds=5,
        seeds=[0, 1],
        methods=dict(student_only=dict(mean=0.5, sd=0.04, n=10, diff=0.0, p=1.0)) | methods,
    )
    return parse_summary(values | changes)


HELP = row(0.13, 0.07, 0.19, 0.0007, 0.004, closed=0.93)
SMALL = row(0.01, -0.03, 0.05, 0.6, 0.6, closed=0.07)
HARM = row(-0.06, -0.1, -0.02, 0.008, 0.008)

UNMEASURED_PAIRS = (
    "Not tested: whether it matters that a privileged recording belongs to the same sample; "
    "a run with --methods mtpkd,shuffled_privileged tests it."
)
UNMEASURED_TRANSPORT = "Not tested: what optimal transport adds; a run with --methods mtpkdot,mtpkdot:no_ot tests it."

CASES = {
    "help": (
        summary(dict(mtpkd=HELP), comparisons=[CONTROL, SHUFFLED, NO_OT], headroom=HEADROOM),
        [
            "Privileged data helped: mtpkd scores 63.0 against 50.0 for student_only, the same student without a "
            "teacher (balanced accuracy x 100): +13.0 points (uncorrected: 95% interval 7.0 to 19.0, p < .001; "
            "corrected for the number of methods: p = .004). Against self_training, which has the same pool and no "
            "privileged data, it gains +7.7 points (uncorrected: 95% interval 0.1 to 15.3, p = .049). Labels for the "
            "whole pool would add +14.0 points (95% interval 8.0 to 20.0, p < .001) to student_only, of which mtpkd "
            "reaches 93%.",
            "The pairing of the modalities is worth +6.0 points (95% interval 2.0 to 10.0, p = .010): mtpkd against"
            " shuffled_privileged, whose teachers see the privileged recordings of other samples.",
            "No gain by optimal transport was shown: mtpkdot with its transport term against the same method without it, "
            "+1.3 points (95% interval −1.3 to 3.8, p = .301). Not tested: what mtpkd owes to balancing the classes"
            " of its soft targets by transport.",
        ],
    ),
    "help that the pool may explain": (
        summary(
            dict(mtpkd=HELP), comparisons=[CONTROL | dict(diff=0.01, ci95=[-0.04, 0.06], p=0.7)], headroom=HEADROOM
        ),
        [
            "Distillation helped, a gain by its privileged data was not shown: mtpkd scores 63.0 against 50.0 "
            "for student_only, the same student without a teacher (balanced accuracy x 100): +13.0 points "
            "(uncorrected: 95% interval 7.0 to 19.0, p < .001; corrected for the number of methods: p = .004). Against "
            "self_training, which has the same pool and no privileged data, the difference is +1.0 points "
            "(uncorrected: 95% interval −4.0 to 6.0, p = .700). Labels for the whole pool would add +14.0 points (95% "
            "interval 8.0 to 20.0, p < .001) to student_only, of which mtpkd reaches 93%.",
            UNMEASURED_PAIRS,
            UNMEASURED_TRANSPORT,
        ],
    ),
    "help without a control": (
        summary(dict(kd=row(0.08, 0.03, 0.13, 0.01))),
        [
            "Distillation helped: kd scores 58.0 against 50.0 for student_only, the same student without a teacher "
            "(balanced accuracy x 100): +8.0 points (95% interval 3.0 to 13.0, p = .010). Not tested: whether the "
            "privileged data or the unlabelled pool gave it; a run with --methods mtpkd,self_training tests it. Not"
            " tested: what there was to gain; a run with --methods student_all_labels tests it.",
            UNMEASURED_PAIRS,
            UNMEASURED_TRANSPORT,
        ],
    ),
    "harm": (
        summary(dict(kd=HARM, pkdot=row(-0.08, -0.12, -0.04, 0.001, 0.002)), headroom=HEADROOM),
        [
            "Distillation harmed: kd, the best of 2 methods, scores 44.0 against 50.0 for student_only, the same "
            "student without a teacher (balanced accuracy x 100): −6.0 points (uncorrected: 95% interval −10.0 "
            "to −2.0, p = .008; corrected for 2 comparisons: p = .008). Labels for the whole pool would add +14.0 "
            "points (95% interval 8.0 to 20.0, p < .001) to student_only.",
            UNMEASURED_PAIRS,
            UNMEASURED_TRANSPORT,
        ],
    ),
    "nothing": (
        summary(dict(mtpkd=SMALL), headroom=HEADROOM, comparisons=[NO_OT | dict(diff=0.04, ci95=[0.01, 0.07], p=0.02)]),
        [
            "No help by privileged data was shown: mtpkd scores 51.0 against 50.0 for student_only, the same "
            "student without a teacher (balanced accuracy x 100): +1.0 points (95% interval −3.0 to 5.0, p = "
            ".600). Labels for the whole pool would add +14.0 points (95% interval 8.0 to 20.0, p < .001) to "
            "student_only.",
            UNMEASURED_PAIRS,
            "Optimal transport helped: mtpkdot with its transport term against the same method without it, +4.0 points "
            "(95% interval 1.0 to 7.0, p = .020). Not tested: what mtpkd owes to balancing the classes of its soft "
            "targets by transport.",
        ],
    ),
    "no headroom": (
        summary(dict(mtpkd=SMALL), headroom=dict(value=0.004, ci95=[-0.011, 0.019], p=0.6, significant=False)),
        [
            "There was hardly anything to gain: labels for the whole pool add +0.4 points (95% interval −1.1 to 1.9, "
            "p = .600) to student_only, and mtpkd scores 51.0 against 50.0 for student_only, the same student without a teacher "
            "(balanced accuracy x 100): +1.0 points (95% interval −3.0 to 5.0, p = .600).",
            UNMEASURED_PAIRS,
            UNMEASURED_TRANSPORT,
        ],
    ),
    "a gain and headroom that were not shown": (
        summary(
            dict(mtpkd=row(0.102, -0.032, 0.236, 0.102, 0.204), kd=row(0.076, -0.05, 0.202, 0.171, 0.204)),
            headroom=dict(value=0.094, ci95=[-0.045, 0.232], p=0.133, significant=False),
            comparisons=[
                CONTROL | dict(diff=0.057, ci95=[-0.028, 0.142], p=0.135),
                NO_OT | dict(a="pkdot", b="pkdot:no_ot"),
                NO_OT | dict(diff=0.05, ci95=[0.02, 0.08], p=0.002),
            ],
            power=dict(
                effect=0.02,
                unit="subjects",
                have=10,
                power=0.8,
                level=0.05,
                methods=dict(mtpkd=dict(sd=0.1, sees=0.181, needed=800)),
            ),
        ),
        [
            "No help by privileged data was shown: mtpkd scores 60.2 against 50.0 for student_only, the same student "
            "without a teacher (balanced accuracy x 100): +10.2 points (uncorrected: 95% interval −3.2 to 23.6, p "
            "= .102; corrected for 2 comparisons: p = .204). Against self_training, which has the same pool and no "
            "privileged data, the difference is +5.7 points (uncorrected: 95% interval −2.8 to 14.2, p = .135). Nor "
            "was it shown that there was anything to gain: labels for the whole pool add +9.4 points (95% interval "
            "−4.5 to 23.2, p = .133) to student_only. A run of this size has 80% power for a true gain over "
            "student_only of 18.1 points or more (two-sided test at .05, uncorrected).",
            UNMEASURED_PAIRS,
            "Optimal transport helped mtpkdot; for pkdot no effect of it was shown: mtpkdot with its transport term "
            "against the same method without it, +5.0 points (uncorrected: 95% interval 2.0 to 8.0, p = .002; "
            "corrected for 2 comparisons: p = .004); pkdot with its transport term against the same method without it, "
            "+1.3 points (uncorrected: 95% interval −1.3 to 3.8, p = .301; corrected for 2 comparisons: p = .301). Not tested: what mtpkd owes to balancing the classes of its soft targets by "
            "transport.",
        ],
    ),
    "falls back": (
        summary(
            dict(mtpkd=row(0.0, 0.0, 0.0, 1.0)),
            fallback=dict(mtpkd=dict(fell_back=True, validation=0.48, student_only=0.53, repeats=0.9)),
            comparisons=[CONTROL, SHUFFLED],
        ),
        [
            "No help by privileged data was shown: mtpkd fell back on the student alone, which was better on inner "
            "validation (53.0 against 48.0 distilled), and no other method was compared.",
            UNMEASURED_PAIRS,
            UNMEASURED_TRANSPORT,
        ],
    ),
    "one subject": (
        summary(dict(kd=SMALL), subjects=1, headroom=HEADROOM),
        [
            "No help by privileged data was shown: kd scores 51.0 against 50.0 for student_only, the same student "
            "without a teacher (balanced accuracy x 100): +1.0 points (95% interval −3.0 to 5.0, p = .600). "
            "Labels for the whole pool would add +14.0 points (95% interval 8.0 to 20.0, p < .001) to "
            "student_only. All data are of one subject, so this speaks for no other person.",
            UNMEASURED_PAIRS,
            UNMEASURED_TRANSPORT,
        ],
    ),
    "an error, of which less is better": (
        summary(
            dict(kd=row(-0.05, -0.08, -0.02, 0.002, 0.002, closed=0.5)),
            task=dict(kind="regression", names=["valence"], chance=0.5),
            metric="rmse",
            headroom=dict(value=-0.1, ci95=[-0.13, -0.07], p=0.0002, significant=True),
        ),
        [
            "Distillation helped: kd scores 45.0 against 50.0 for student_only, the same student without a teacher "
            "(rmse x 100, less is better): −5.0 points (95% interval −8.0 to −2.0, p = .002). Not tested: whether the "
            "privileged data or the unlabelled pool gave it; a run with --methods mtpkd,self_training tests it. Labels "
            "for the whole pool would add −10.0 points (95% interval −13.0 to −7.0, p < .001) to student_only, of which kd reaches 50%.",
            UNMEASURED_PAIRS,
            UNMEASURED_TRANSPORT,
        ],
    ),
    "regression without subjects": (
        summary(
            dict(mtpkd=HELP),
            task=dict(kind="regression", names=["valence", "arousal"], chance=0.0),
            metric="ccc",
            subjects=None,
            headroom=HEADROOM,
            comparisons=[
                CONTROL,
                SHUFFLED | dict(diff=0.01, ci95=[-0.03, 0.05], p=0.5),
                NO_OT | dict(diff=-0.05, ci95=[-0.09, -0.01], p=0.01),
            ],
        ),
        [
            "Privileged data helped: mtpkd scores 63.0 against 50.0 for student_only, the same student without a "
            "teacher (CCC x 100): +13.0 points (uncorrected: 95% interval 7.0 to 19.0, p < .001; corrected for the number "
            "of methods: p = .004). Against self_training, which has the same pool and no privileged data, it gains "
            "+7.7 points (uncorrected: 95% interval 0.1 to 15.3, p = .049). Labels for the whole pool would add +14.0 "
            "points (95% interval 8.0 to 20.0, p < .001) to student_only, of which mtpkd reaches 93%. The data name no subjects, so that the same "
            "people may be in training and test data.",
            "That the pairing of the modalities matters was not shown: mtpkd against shuffled_privileged, whose "
            "teachers see the privileged recordings of other samples, +1.0 points (95% interval −3.0 to 5.0, p = "
            ".500).",
            "Optimal transport harmed: mtpkdot with its transport term against the same method without it, −5.0 points "
            "(95% interval −9.0 to −1.0, p = .010).",
        ],
    ),
    "weak pairing": (
        summary(
            dict(ot_pairing=row(0.1, 0.05, 0.15, 0.001), bag_mean=SMALL),
            pairing="bag:8",
            headroom=HEADROOM,
            comparisons=[
                dict(a="ot_pairing", b="labelled_only", diff=0.05, ci95=[0.01, 0.09], p=0.02),
                dict(a="ot_pairing", b="bag_mean", diff=0.06, ci95=[0.02, 0.1], p=0.01),
            ],
        ),
        [
            "Distillation helped: ot_pairing scores 60.0 against 50.0 for student_only, the same student without a "
            "teacher (balanced accuracy x 100): +10.0 points (95% interval 5.0 to 15.0, p = .001). Not tested: "
            "whether the privileged data or the unlabelled pool gave it; a run with --methods "
            "mtpkd_pairing,self_training tests it. Labels for the whole pool would add +14.0 points (95% interval 8.0 to "
            "20.0, p < .001) to student_only.",
            "The pairs of the pool are lost (bag:8), and distilling the pool all the same is worth +5.0 points (95%"
            " interval 1.0 to 9.0, p = .020): ot_pairing against labelled_only, which is distilled on labelled "
            "rows.",
            "Optimal transport helped: ot_pairing, which pairs the rows of a bag, against bag_mean, which takes "
            "their mean, +6.0 points (95% interval 2.0 to 10.0, p = .010).",
        ],
    ),
    "released protocol": (
        summary(dict(kd=SMALL), protocol="clip_folds,test_epoch", headroom=HEADROOM),
        [
            "This is no result: the run was made with faults or controls on purpose (released: clip_folds, "
            "test_epoch). No help by privileged data was shown: kd scores 51.0 against 50.0 for student_only, the "
            "same student without a teacher (balanced accuracy x 100): +1.0 points (95% interval −3.0 to 5.0, p = "
            ".600). Labels for the whole pool would add +14.0 points (95% interval 8.0 to 20.0, p < .001)"
            " to student_only.",
            UNMEASURED_PAIRS,
            UNMEASURED_TRANSPORT,
        ],
    ),
    "no method with a teacher": (
        summary(dict(self_training=SMALL), privileged=[]),
        [
            "Not tested: whether privileged data help; this run has no method with a teacher.",
            "There is no pairing to value: this run has no privileged modality.",
            UNMEASURED_TRANSPORT,
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_sentences_are_those_written_by_hand(name):
    made, expected = CASES[name]
    assert answer_sentences(made) == expected


def test_a_control_is_never_the_best_method():
    made = summary(dict(shuffled_teacher=HELP, kd=SMALL))
    assert "kd scores 51.0" in answer_sentences(made)[0]


def test_several_comparisons_for_one_sentence_are_corrected_for_their_number():
    pairs = [NO_OT | dict(diff=0.03, p=0.03), NO_OT | dict(a="pkdot", b="pkdot:no_ot", diff=0.02, p=0.04)]
    sentence = answer_sentences(summary(dict(mtpkd=HELP), comparisons=pairs))[2]
    assert sentence.startswith("No gain by optimal transport was shown")
    assert (
        sentence.count("corrected for 2 comparisons: p = .060)") == 2
        and "p = .030; " in sentence
        and "p = .040; " in sentence
    )
    assert "p = .060). Not tested: what mtpkd owes" in sentence
    bags = [
        dict(a=name, b="labelled_only", diff=0.05 - p, ci95=[0.0, 0.1], p=p)
        for name, p in (("ot_pairing", 0.02), ("bag_mean", 0.03), ("naive_pairs", 0.3))
    ]
    lost = answer_sentences(summary(dict(ot_pairing=HELP), pairing="bag:8", comparisons=bags))[1]
    assert "was not shown: ot_pairing against labelled_only" in lost
    assert "p = .020; corrected for 3 comparisons: p = .060)" in lost


@pytest.mark.parametrize(
    "tuned, said", [({}, False), (dict(mtpkd=20, student_only=0), True), (dict(mtpkd=20, student_only=20), False)]
)
def test_the_first_sentence_says_that_only_one_side_was_tuned(tuned, said):
    first = answer_sentences(summary(dict(mtpkd=HELP), tuned=tuned))[0]
    line = "The settings of mtpkd were tuned in 20 trials, those of student_only were not"
    assert (line in first) == said


def test_a_method_that_gains_by_transport_is_not_said_to_show_no_effect_too():
    "Two comparisons of one method, of which one is significant"
    pairs = [NO_OT | dict(diff=0.05, ci95=[0.02, 0.08], p=0.002), NO_OT]
    said = answer_sentences(summary(dict(mtpkdot=HELP), comparisons=pairs))[2]
    assert said.startswith("Optimal transport helped: ") and "no effect" not in said


POWER = dict(
    effect=0.02,
    power=0.8,
    level=0.05,
    unit="subjects",
    have=10,
    methods=dict(mtpkd=dict(sd=0.1, sees=0.181, needed=800)),
)
SEEN = (
    " A run of this size has 80% power for a true gain over student_only of 18.1 points or more (two-sided test at .05, "
    "uncorrected)."
)
UNSURE = dict(value=0.09, ci95=[-0.05, 0.23], p=0.13, significant=False)
NONE = dict(value=0.004, ci95=[-0.011, 0.019], p=0.6, significant=False)


@pytest.mark.parametrize(
    "row_of_method, headroom, seen",
    [
        (HELP, HEADROOM, False),
        (HELP, UNSURE, True),
        (SMALL, HEADROOM, True),
        (SMALL, UNSURE, True),
        (SMALL, None, True),
        (SMALL, NONE, True),
        (HARM, HEADROOM, False),
        (HARM, UNSURE, True),
    ],
)
def test_the_first_sentence_has_the_same_parts_whatever_was_shown(row_of_method, headroom, seen):
    "The contrast with the control, what labels add with its interval, and the gain that can be seen where something was not"
    first = answer_sentences(summary(dict(mtpkd=row_of_method), comparisons=[CONTROL], headroom=headroom, power=POWER))[
        0
    ]
    assert "Against self_training, which has the same pool and no privileged data, " in first
    assert (SEEN in first) == seen
    if headroom:
        interval = f"{100 * headroom['ci95'][0]:.1f} to {100 * headroom['ci95'][1]:.1f}".replace("-", "−")
        assert re.search(rf"[Ll]abels for the whole pool (would )?add .* points \(95% interval {interval}, p ", first)


def test_the_correction_names_what_it_counts():
    rows = dict(mtpkd=SMALL, kd=SMALL, self_training=SMALL, teacher_joint=row(0.2, 0.1, 0.3, 0.01))
    assert describe_correction(summary(rows)) == (
        "In comparisons with student_only, Holm's correction counts 3: mtpkd, kd and self_training. No interval is corrected."
    )
    assert describe_correction(summary(dict(kd=SMALL))) == ""
    several = {f"method{i}": SMALL for i in range(9)}
    assert "counts the 9 rows of the table with a Holm p. " in describe_correction(summary(several))


def test_several_runs_have_a_line_each():
    shown = summary(dict(mtpkd=HELP), comparisons=[CONTROL, NO_OT], headroom=HEADROOM, title="digits")
    assert takeaway(shown) == (
        "Privileged data helped: mtpkd +13.0 points (corrected p = .004) over student_only. "
        "No gain by optimal transport was shown."
    )
    unshown = summary(dict(kd=SMALL | dict(p_holm=None)))
    assert takeaway(unshown) == "No help by privileged data was shown: kd +1.0 points (p = .600) over student_only."
    assert takeaway(summary(dict(kd=SMALL), protocol="clip_folds")).startswith("This is no result")
    assert takeaway(summary(dict(self_training=SMALL), privileged=[])) == (
        "Not tested: whether privileged data help; this run has no method with a teacher."
    )
