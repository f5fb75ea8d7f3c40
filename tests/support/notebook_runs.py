"""Companion notebooks over any run: small runs of every kind of task, and a shell that runs a notebook in this process."""

import contextlib
import io
import json
from dataclasses import dataclass, field
from IPython.core.interactiveshell import InteractiveShell
import mtpkd
from tiny_runs import make_set, quick

TEACHERS = ("teacher_joint", "teacher_face", "teacher_physio")
THREE = dict(face="prevalent", physio="privileged", voice="privileged")


def tiny_run(manifest, out, methods, **how):
    "A run of few steps, one seed and two folds"
    settings = dict(config=quick(), seeds=[0], folds=2, progress=False)
    return mtpkd.run(manifest, methods=methods, out=out, **settings | how).path


def make_runs(home) -> dict:  # name -> run folder
    "Classes with subjects, digits without subjects, values with three modalities and holes, levels, and two methods"
    few = dict(labelled=40, labelled_validation=20)
    values = make_set(home / "values", "regression", roles=THREE, missing=dict(physio=0.2, voice=0.2), per_subject=12)
    levels = make_set(home / "levels", "ordinal", per_subject=12)
    budget = dict(labelled=24, labelled_validation=10)
    watch = [
        "mtpkdot",
        "mtpkd",
        "self_training",
        "student_all_labels",
        "teacher_joint",
        "teacher_gyro",
        "teacher_accel",
    ]
    return dict(
        watch=tiny_run("watch", home / "runs" / "watch", watch, **few),
        digits=tiny_run("mfeat", home / "runs" / "digits", ["kd", "mtpkdot", "teacher_joint", "teacher_fac"], **few),
        values=tiny_run(values, home / "runs" / "values", ["mtpkdot", "kd", *TEACHERS, "teacher_voice"], **budget),
        levels=tiny_run(levels, home / "runs" / "levels", ["pkdot", "kd", *TEACHERS], **budget),
        two=tiny_run("watch", home / "runs" / "two", ["kd"], **few),
    )


@dataclass
class Outcome:
    "What running a notebook gave"

    error: Exception | None = None
    source: str = ""  # of the cell with the error
    notes: list = field(default_factory=list)  # one line a section that has nothing to show
    shown: int = 0  # cells with a value


def run_here(path, **parameters) -> Outcome:
    "Run a notebook in a shell of this process, its parameters as papermill passes them on; until the first error"
    shell = InteractiveShell.instance()
    shell.reset(new_session=True)
    outcome = Outcome()
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        sources = ["".join(cell["source"])]
        if "parameters" in cell["metadata"].get("tags", []) and parameters:
            sources.append("\n".join(["# Parameters", *(f"{k} = {v!r}" for k, v in parameters.items())]))
        for source in sources:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                result = shell.run_cell(source, store_history=True)
            outcome.error = result.error_before_exec or result.error_in_exec
            if outcome.error:
                outcome.source = source
                return outcome
            outcome.shown += result.result is not None
            text = getattr(result.result, "data", None)
            if isinstance(text, str) and text.startswith("*Nothing to show"):
                outcome.notes.append(text)
    return outcome
