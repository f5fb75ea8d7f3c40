"Teachers and students trained by code that `torch.compile` writes: the usual results, and the usual course where it cannot"

import numpy as np
import pytest
import mtpkd.training.stacked_model as stacked_model
from mtpkd.training.stacked_model import CompiledRun
from tiny_runs import make_set, run_tiny


def trained(manifest, out, compiled, methods="student_only,fitnets,mtpkdot"):
    "The numbers of all predictions, in a fixed order of rows"
    run = run_tiny(manifest, out, methods, settings=[f"schedule.compile={str(compiled).lower()}"])
    rows = run.predictions.sort_values(["method", "seed", "fold", "sample"])
    return rows.select_dtypes("number").to_numpy(float)


@pytest.mark.slow
def test_a_compiled_training_is_the_usual_one(tmp_path):
    "Terms whose shares go back several times through one pass included; the same to the bit when it is repeated"
    manifest = make_set(tmp_path / "set")
    usual = trained(manifest, tmp_path / "usual", False)
    once, twice = (trained(manifest, tmp_path / name, True) for name in ("once", "twice"))
    assert stacked_model.run_compiled.works and stacked_model.run_compiled.function is not None
    np.testing.assert_allclose(once, usual, atol=1e-3)
    np.testing.assert_array_equal(twice, once)


def test_without_a_compiler_one_line_says_so_and_training_is_the_usual_one(tmp_path, monkeypatch, capsys):
    def refuse(*arguments, **options):
        raise RuntimeError("no compiler\n on this machine")

    monkeypatch.setattr(stacked_model, "run_compiled", CompiledRun())
    monkeypatch.setattr(stacked_model.torch, "compile", refuse)
    manifest = make_set(tmp_path / "set")
    usual = trained(manifest, tmp_path / "usual", False, "student_only,kd")
    refused = trained(manifest, tmp_path / "refused", True, "student_only,kd")
    np.testing.assert_array_equal(refused, usual)
    assert capsys.readouterr().err.count("networks cannot be compiled here") == 1
