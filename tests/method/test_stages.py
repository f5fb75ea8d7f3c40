"No teacher is trained after the first three stages, whatever a run shows of it"

import pytest
import mtpkd
import mtpkd.distillation.self_distillation
import mtpkd.distillation.students
import mtpkd.distillation.teachers
import mtpkd.distillation.tnet
import mtpkd.experiments.runner
from tiny_runs import make_set, quick

# where a teacher, the network that an ensemble is distilled into, the adapters and a T-Net are trained
TRAINING = [
    (mtpkd.distillation.teachers, "fit_stage"),
    (mtpkd.distillation.students, "fit_refined_teacher"),
    (mtpkd.distillation.tnet, "fit_adapters"),
    (mtpkd.distillation.tnet, "fit_tnets"),
]
THREE = dict(face="prevalent", physio="privileged", voice="privileged")


def watch_training(monkeypatch):
    "Names of what is trained in the first stages, and of what is trained outside of them; `self` is a student"
    inside, outside, open_now = [], [], []

    def watched(name, function):
        def call(context, *arguments, **options):
            is_student = name == "fit_refined_teacher" and arguments[0].source.students
            if not is_student:
                (inside if open_now else outside).append(name)
            return function(context, *arguments, **options)

        return call

    for module, name in TRAINING:
        monkeypatch.setattr(module, name, watched(name, getattr(module, name)))
    first_stages = mtpkd.experiments.runner.fit_first_stages

    def opened(*arguments, **options):
        open_now.append(True)
        first_stages(*arguments, **options)
        open_now.clear()

    monkeypatch.setattr(mtpkd.experiments.runner, "fit_first_stages", opened)
    return inside, outside


CASES = {
    "plain": dict(methods=["kd", "mtpkdot", "mtpkd", "wkd", "kd_crossfit", "shuffled_teacher"]),
    "single teachers": dict(methods=["kd"], set={"options.kd.teacher": "singles"}),
    "cross-fitted ensemble": dict(methods=["mtpkd"], set={"options.mtpkd.cross_fit": True}),
    "weak pairs": dict(methods=["labelled_only", "mtpkd_pairing"], pairing="bag:4"),
}


def run(folder, **asked):
    manifest = make_set(folder / "set", roles=THREE)
    mtpkd.run(str(manifest), seeds=[0], config=quick(), out=folder / "run", progress=False, **asked)


@pytest.mark.parametrize("case", CASES)
def test_teachers_are_fitted_in_the_first_stages(case, tmp_path, monkeypatch):
    inside, outside = watch_training(monkeypatch)
    run(tmp_path, **CASES[case])
    assert "fit_stage" in inside and outside == []


def test_a_teacher_that_is_not_required_is_seen(tmp_path, monkeypatch):
    inside, outside = watch_training(monkeypatch)
    import mtpkd.distillation.stages as stages

    monkeypatch.setattr(stages, "fit_teachers", lambda context, required: None)
    run(tmp_path, methods=["kd"])
    assert "fit_stage" in outside
