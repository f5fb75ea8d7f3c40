"The examples of CONTRIBUTING.md run, and a method made of them trains."

import re
import numpy as np
import mtpkd
from project_layout import FLOORS, NUMBERED, ROOT, number
from tiny_runs import make_set, quick

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_four_examples_work_together(tmp_path):
    "A loss, an encoder and a method of the page in one experiment; the reader in a manifest"
    examples = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    assert len(examples) == 4 and all(len(example.strip().splitlines()) <= 12 for example in examples)
    for example in examples:
        exec(compile(example, "CONTRIBUTING.md", "exec"), {})
    settings = quick(encoder=dict(name="affine"))
    manifest = str(make_set(tmp_path / "set"))
    run = mtpkd.run(manifest, methods=["gram_kd"], seeds=[0], config=settings, out=tmp_path / "run", progress=False)
    assert np.isfinite(run.summary["methods"]["gram_kd"]["mean"])
    shares = run.history[run.history["name"] == "gram_share"]["value"]
    assert len(shares) and shares.between(0, 1).all()
    from mtpkd.data.manifest import parse_manifest

    values = dict(
        name="made",
        reader="two_rows",
        subject="subject",
        task=dict(kind="classification", target="label", classes=["calm", "stress"]),
        modalities=dict(face=dict(kind="features", shape=[3], role="prevalent")),
    )
    assert len(mtpkd.read(parse_manifest(values))) == 2


def test_the_floors_are_those_of_the_layer_test():
    line = re.search(r"\*\*Floors\.\*\* (.*?)\. A package", TEXT, re.S)[1]
    floors = [[package.strip() for package in floor.split(",")] for floor in line.split("<")]
    assert [sorted(floor) for floor in floors] == [sorted(floor) for floor in FLOORS]


def test_every_folder_of_notebooks_is_in_the_table():
    folders = {number(path).split("/")[0] for path in NUMBERED if "/" in number(path)}
    assert all(f"`{folder}`" in TEXT for folder in folders)
