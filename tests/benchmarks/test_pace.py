"""The benchmarks of whole runs: pairs of checkouts, and the plain loop beside a run."""

import importlib.util
from pathlib import Path

import pytest
import torch

from mtpkd.transport.geometry import anchor_clouds


def load(root, name):
    "A script of benchmarks/performance as a module"
    path = root / "benchmarks" / "performance" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"bench_{name}", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "benchmarks"))
        spec.loader.exec_module(module)
    return module


def test_two_checkouts_are_run_in_turn_and_their_ratio_is_of_each_turn(root, monkeypatch):
    pace, order = load(root, "run_pace"), []

    def measure(checkout, data, methods, settings):
        order.append(checkout.name)
        assert settings == (["d.e=f"] if checkout.name == "before" else ["d.e=f", "a.b=c"])
        slow = 2.0 if checkout.name == "before" else 1.0
        run = slow * (1 + len(order) // 3)  # the machine is slower in the second turn
        return {"start": 1.0, "run": run, "total": 1.0 + run, "scores": {"kd": 0.5 + 0.01 * slow}}

    monkeypatch.setattr(pace, "measure", measure)
    asked = pace.options("--before before --now now --turns 2 --set a.b=c --both d.e=f".split())
    rows = {row["part"]: row for row in pace.compare(asked, "watch")}
    assert order == ["before", "now", "now", "before"]
    assert (rows["start"]["ratio"], rows["run"]["ratio"], rows["run"]["ratio_high"]) == (1.0, 2.0, 2.0)
    assert rows["run"]["score_difference"] == pytest.approx(0.01) and rows["run"]["settings"] == "d.e=f a.b=c"
    asked.warm, order[:] = True, []
    pace.compare(asked, "watch")
    assert order == ["now", "before", "now", "now", "before"]


def test_the_clouds_of_the_plain_loop_are_those_of_the_library(root):
    plain = load(root, "plain_loop")
    z_s, z_t = torch.randn(20, 8), torch.randn(20, 12)
    ours = anchor_clouds(z_s, z_t[None], 5)
    for cloud, expected in zip(plain.clouds(z_s, z_t, 5), ours):
        assert torch.allclose(cloud.sort(-1).values, expected[0].sort(-1).values, atol=1e-5)
