"""Breaks what is guarded, on purpose, one thing at a time, and requires that its guard is red.

    python tests/support/mutation_catalogue.py [--only WORD] [--list]

Each mutant is one edit of one module, in a copy of the library, and the test that must fail because of it. The same tests must be green without the edit. Exit code 1: a mutant has survived."""

import argparse, os, shutil, subprocess, sys, tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutant:
    "One edit, and who must notice"

    name: str
    module: str
    old: str  # must be there exactly once
    new: str
    guard: str  # a test, as pytest names it


MUTANTS = [
    Mutant(
        "leak check",
        "data.folds",
        "        if len(shared):\n",
        "        if False:\n",
        "method/test_leaks.py::test_a_planted_leak_is_caught",
    ),
    Mutant(
        "fold grouping",
        "data.folds",
        "_parts_of_groups(labels, np.asarray(subject)[rows], parts, seed)",
        "_parts_of_groups(labels, np.arange(len(rows)), parts, seed)",
        "method/test_leaks.py::test_no_subject_is_on_two_sides",
    ),
    Mutant(
        "normaliser",
        "experiments.scoring",
        "[fit_normaliser(samples, f.fit_rows, f.train) for f in own]",
        "[fit_normaliser(samples, np.arange(len(samples)), f.train) for f in own]",
        "method/test_leaks.py::test_nan_in_the_test_rows_goes_unnoticed",
    ),
    Mutant(
        "unit of the target",
        "data.samples",
        "    values = values[rows if labelled is None else labelled]",
        "    values = values[:]",
        "method/test_leaks.py::test_other_tasks_and_the_best_checkpoint",
    ),
    Mutant(
        "steps without a class",
        "distillation.objective",
        'weight=weight * by_step["valid"].amax(-1)',
        "weight=weight",
        "method/test_steps.py::test_losses_of_classes_are_those_of_the_labelled_steps_alone",
    ),
    Mutant(
        "steps that were not recorded",
        "distillation.objective",
        "has_teacher=has_teacher * observed",
        "has_teacher=has_teacher",
        "method/test_steps.py::test_losses_of_values_are_those_of_the_annotated_or_recorded_steps_alone",
    ),
    Mutant(
        "validation rows",
        "distillation.objective",
        "    validation_rows = [fold.val for fold in folds]",
        "    validation_rows = [fold.test for fold in folds]",
        "method/test_leaks.py::test_garbage_in_the_test_rows_and_in_hidden_labels_goes_unnoticed",
    ),
    Mutant(
        "batch independence",
        "models.fusion",
        "        return self.norm(summary[..., 0, :])",
        "        return self.norm(summary[..., 0, :] + summary[..., 0, :].mean(-2, keepdim=True))",
        "method/test_protocol.py::test_who_else_is_in_the_batch",
    ),
    Mutant(
        "privileged modality at test",
        "distillation.outputs",
        "        return predict_logits(self.stack, self.params, table, rows, self.modalities)",
        "        x = dict(table.x)\n"
        "        if len(self.modalities) < len(x):\n"
        "            first = next(iter(x))\n"
        "            privileged = sum(v.flatten(1).sum(1) for n, v in x.items() if n not in self.modalities)\n"
        "            x[first] = x[first] + privileged.reshape(-1, *[1] * (x[first].ndim - 1))\n"
        "        from dataclasses import replace\n"
        "        return predict_logits(self.stack, self.params, replace(table, x=x), rows, self.modalities)",
        "method/test_leaks.py::test_students_do_not_look_at_privileged_test_rows",
    ),
    Mutant(
        "envelope gradient of the divergence",
        "transport.sinkhorn",
        "        g_x, g_y = (scale * g if g.numel() else None for g in ctx.saved_tensors)",
        "        g_x, g_y = (1.1 * scale * g if g.numel() else None for g in ctx.saved_tensors)",
        "method/test_transport.py::test_gradients_are_those_of_pot",
    ),
    Mutant(
        "envelope gradient of the structural loss",
        "transport.structural",
        "        shift = torch.where(lowest, -g.sum((-3, -2, -1))[..., None], 0.0)",
        "        shift = torch.where(lowest, 0 * g.sum((-3, -2, -1))[..., None], 0.0)",
        "method/test_transport.py::test_gradients_are_those_of_pot",
    ),
    Mutant(
        "repeats are alone",
        "training.trainer",
        "    norm = sum(g.flatten(1).square().sum(1) for g in grads).sqrt()",
        "    norm = sum(g.flatten(1).square().sum(1) for g in grads).sqrt().sum()[None].expand(len(grads[0]))",
        "robustness/test_faults.py::test_a_repeat_that_diverges_is_reported_and_the_others_go_on",
    ),
    Mutant(
        "damage is noticed",
        "training.checkpoint",
        '        if said["sha256"] != _sha256(tensors, meta)',
        "        if False",
        "robustness/test_faults.py::test_a_stage_that_was_cut_or_changed[changed]",
    ),
    Mutant(
        "what a loss wrote down",
        "training.checkpoint",
        "    t.counts[:] = (",
        "    _ = (",
        "robustness/test_faults.py::test_a_stopped_stage_goes_on_where_it_was",
    ),
    Mutant(
        "stages have their own files",
        "training.checkpoint",
        "        name = hashlib.sha256(",
        "        name = 16*'0' or hashlib.sha256(",
        "robustness/test_faults.py::test_every_stage_has_a_file_of_its_own_and_finds_it_again",
    ),
    Mutant(
        "moments of the optimiser",
        "training.checkpoint",
        'for n in ("step", "exp_avg", "exp_avg_sq")',
        'for n in ("step", "exp_avg_sq", "exp_avg_sq")',
        "robustness/test_faults.py::test_a_stopped_stage_goes_on_where_it_was",
    ),
    Mutant(
        "finished tables",
        "experiments.resume",
        "            if file_sha256(files[table]) != sha:",
        "            if False:",
        "robustness/test_faults.py::test_a_finished_method_whose_table_was_changed",
    ),
    Mutant(
        "diverged repeats",
        "experiments.verdict",
        "    return diff if np.isnan(diff).all() else diff[~np.isnan(diff)]",
        "    return diff; diff[~np.isnan(diff)]",
        "robustness/test_faults.py::test_a_repeat_that_diverges_is_reported_and_the_others_go_on",
    ),
    Mutant(
        "one process a folder",
        "core.files",
        "        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))",
        "        fcntl.LOCK_EX",
        "robustness/test_faults.py::test_two_processes_in_one_folder",
    ),
    Mutant(
        "a full disk is said",
        "experiments.runner",
        "    except OSError as e:\n        if rank:\n",
        "    except FileExistsError as e:\n        if rank:\n",
        "robustness/test_faults.py::test_a_full_disk",
    ),
    Mutant(
        "nothing half written",
        "core.files",
        "        tmp.unlink(missing_ok=True)",
        "        pass",
        "robustness/test_faults.py::test_a_full_disk",
    ),
    Mutant(
        "text stays text",
        "reporting.template",
        "        autoescape=True,\n",
        "        autoescape=False,\n",
        "robustness/test_fuzz.py::test_names_from_data_stay_text",
    ),
    Mutant(
        "text stays text in a sweep",
        "reporting.sweep_report",
        "    env = jinja2.Environment(autoescape=True)",
        "    env = jinja2.Environment(autoescape=False)",
        "robustness/test_fuzz.py::test_names_from_data_stay_text",
    ),
    Mutant(
        "paths",
        "data.manifest",
        "    if Path(path).is_absolute() or not full.is_relative_to(root):",
        "    if False:",
        "robustness/test_fuzz.py::test_paths_stay_below_their_root",
    ),
    Mutant(
        "pickles",
        "data.npz_files",
        "        archive = np.load(path, allow_pickle=False)",
        "        archive = np.load(path, allow_pickle=True)",
        "data/test_bad_data.py::test_pickles_are_refused_and_not_executed",
    ),
    Mutant(
        "safe YAML",
        "core.yaml_files",
        '        if event.tag not in (None, "!") and event.tag not in _CORE_TAGS:',
        "        if False:",
        "robustness/test_formats.py::test_a_value_of_yaml_is_plain_or_refused",
    ),
    Mutant(
        "sizes",
        "core.runtime",
        "    if size > memory_bytes():",
        "    if False:",
        "robustness/test_fuzz.py::test_settings_that_would_not_fit",
    ),
    Mutant(
        "gradients of the whole batch",
        "training.distributed",
        "        dist.all_reduce(whole)\n",
        "",
        "method/test_distributed.py::test_losses_and_gradients_are_those_of_one_process",
    ),
    Mutant(
        "one gradient for all processes",
        "training.distributed",
        "    dist.all_reduce(flat)\n",
        "",
        "method/test_distributed.py::test_a_run_is_that_of_one_process",
    ),
    Mutant(
        "one process writes",
        "experiments.runner",
        "    if rank_and_world_size()[0]:",
        "    if rank_and_world_size()[0] > 9:",
        "method/test_distributed.py::test_a_run_is_that_of_one_process",
    ),
    Mutant(
        "torch is given back",
        "core.runtime",
        "torch.set_flush_denormal(flushed)",
        "torch.set_flush_denormal(True)",
        "robustness/test_faults.py::test_torch_is_given_back_as_it_was",
    ),
    Mutant(
        "logged once",
        "reporting.trackers",
        "        file.unlink(missing_ok=True)",
        "        pass",
        "experiments/test_trackers.py::test_the_reader_finds_what_the_folder_holds",
    ),
    Mutant(
        "cells of a stranger",
        "execution.sweep_folder",
        "and cell.key.isalnum()",
        "and True",
        "experiments/test_sweeps.py::test_a_folder_of_a_stranger",
    ),
    Mutant(
        "journal of a sweep",
        "execution.sweep_folder",
        "        except ValueError:\n            continue",
        "        except KeyError:\n            continue",
        "experiments/test_sweeps.py::test_a_journal_that_was_cut",
    ),
    Mutant(
        "hash of a cell",
        "execution.sweep_file",
        "hashlib.sha256(json.dumps([parameters, settings], sort_keys=True)",
        "hashlib.sha256(json.dumps([parameters], sort_keys=True)",
        "experiments/test_sweeps.py::test_jobs_fit_the_cores",
    ),
    Mutant(
        "released sum of alignments",
        "distillation.self_distillation",
        'sum(aligned) if config.reduce == "sum" else',
        'sum(aligned) if config.reduce == "all" else',
        "method/test_parity_released.py::test_the_whole_self_distillation_loss",
    ),
    Mutant(
        "released kernels",
        "losses.alignment",
        "/ (n * n - n)",
        "/ (n * n)",
        "method/test_parity_released.py::test_alignment",
    ),
    Mutant(
        "frozen backbones",
        "distillation.teachers",
        "        freeze(stack.params, ENCODERS)\n",
        "",
        "method/test_released_options.py::test_stage_0_is_frozen_for_teachers_and_students",
    ),
    Mutant(
        "backbones of other folds",
        "distillation.context",
        "    if context.backbone_folds:",
        "    if False:",
        "method/test_released_options.py::test_who_trains_a_backbone",
    ),
    Mutant(
        "attention within the sample",
        "models.fusion",
        "                own = block(own, everywhere)",
        "                own = block(own.transpose(0, 1), everywhere.T).transpose(0, 1)",
        "method/test_parity_released.py::test_paper_fusion",
    ),
]


def source(m: Mutant) -> str:
    "The module with the edit"
    text = (ROOT / "mtpkd" / f"{m.module.replace('.', '/')}.py").read_text()
    if text.count(m.old) != 1:
        raise SystemExit(
            f"mutant {m.name!r}: {m.old!r} stands {text.count(m.old)} times in mtpkd.{m.module}; expected once. Bring tests/support/mutation_catalogue.py up to date"
        )
    return text.replace(m.old, m.new)


def copy_of_the_project(folder: Path) -> Path:
    "The library and its tests, to be broken"
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("mtpkd", "tests", "data_manifests", "benchmarks", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    for name in ("nbs", "results", "settings.ini", "pytest.ini", "README.md"):
        (folder / name).symlink_to(ROOT / name)
    return folder


NOT_RUN = 9  # exit code of a guard that has found nothing, as it came to nothing itself

GUARD = f"""
import re, sys, mtpkd, pytest
assert mtpkd.__file__.startswith(sys.argv[1]), mtpkd.__file__
broken = []
class Look:
    def nothing(self, e): # a name that is not there, of a module too, by whatever way it was asked for
        return isinstance(e, (ImportError, NameError, SyntaxError)) or isinstance(e, AttributeError) and re.match(r"(partially initialized )?module '|No mtpkd|<module '|'module' object ", str(e))
    def pytest_runtest_makereport(self, item, call):
        if call.excinfo is None or issubclass(call.excinfo.type, pytest.skip.Exception): return
        if call.when != "call" or self.nothing(call.excinfo.value): broken.append(f"{{item.name}} came to nothing in its {{call.when}}: {{call.excinfo.exconly()}}")
code = pytest.main(["-q", "-x", "-p", "no:cacheprovider", *sys.argv[2:]], plugins=[Look()])
if broken: print(*broken)
sys.exit({NOT_RUN} if broken else code)
"""


def guard(folder: Path, *tests) -> subprocess.CompletedProcess:
    "Run tests in the copy; 0: green, 1: red, for a test has looked and found it wrong; else nothing was tested: a fixture, an import or a name was broken"
    env = os.environ | dict(PYTHONPATH=str(folder), PYTHONDONTWRITEBYTECODE="1", OMP_NUM_THREADS="1")
    return subprocess.run(
        [sys.executable, "-c", GUARD, str(folder), *(f"tests/{t}" for t in tests)],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
    )


def survives(folder: Path, m: Mutant) -> str:  # "" where the guard is red
    "Try one mutant"
    path = folder / "mtpkd" / f"{m.module.replace('.', '/')}.py"
    whole = path.read_text()
    path.write_text(source(m))
    try:
        done = guard(folder, m.guard)
    finally:
        path.write_text(whole)
    if done.returncode == 1:
        return ""  # 2 and above: nothing was tested
    return (
        f"{m.guard} is green"
        if done.returncode == 0
        else f"{m.guard} did not run: {(done.stdout + done.stderr).strip().splitlines()[-1]}"
    )


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--only", default="", metavar="WORD", help="mutants with this in their name or module")
    p.add_argument("--list", action="store_true")
    o = p.parse_args()
    chosen = [m for m in MUTANTS if o.only in m.name or o.only == m.module]
    if o.list:
        print("\n".join(f"{m.name:<42}{m.module:<14}{m.guard}" for m in chosen))
        return 0
    lived = 0
    with tempfile.TemporaryDirectory() as d:
        folder = copy_of_the_project(Path(d))
        green = guard(folder, *dict.fromkeys(m.guard for m in chosen))
        if green.returncode:
            print(green.stdout[-3000:])
            print("the guards are red without any mutant")
            return 1
        for m in chosen:
            said = survives(folder, m)
            lived += bool(said)
            print(f"{'SURVIVES' if said else 'killed':<10}{m.name}{': ' + said if said else ''}", flush=True)
    print(f"{len(chosen) - lived} of {len(chosen)} mutants were killed")
    return int(lived > 0)


if __name__ == "__main__":
    sys.exit(main())
