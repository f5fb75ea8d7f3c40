"""Prepared sets whose shards lie in several folders: the samples, the digests and the refusals of a set in one."""

import json
import os
import shutil
import subprocess
import sys

import fsspec
import numpy as np
import pandas as pd
import pytest
import yaml

from mtpkd.cli.main import main
from mtpkd.core.errors import InputError
from mtpkd.core.remote_folders import local_copy
from mtpkd.data import feature_store
from mtpkd.data.feature_store import write_shard
from mtpkd.data.manifest import load_manifest
from mtpkd.data.reading import read
from mtpkd.data.save import save_set
from mtpkd.data.synthetic import synthetic
from mtpkd.data.windowed_array import WindowedArray
from mtpkd.features import plan
from mtpkd.features.prepare import prepare
from mtpkd.reporting.set_rows import RunSamples
from mtpkd.reporting.sharing import pack, unpack

ROLES = dict(face="prevalent", physio="privileged", voice="unused")


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    "A set of signals and features, which a preparation stores as they are"
    samples = synthetic(subjects=8, per_subject=6)
    parts = samples.arrays, samples.target, samples.task, samples.subject, samples.sample
    return save_set(tmp_path_factory.mktemp("arrays"), "plain", *parts, roles=ROLES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    "A set of two modalities in four shards each, in one folder"
    folder, random = tmp_path_factory.mktemp("whole") / "set", np.random.default_rng(0)
    index = dict(sample=[f"r{i:02d}" for i in range(80)], subject=[f"s{i // 10}" for i in range(80)])
    index["target"] = ["calm", "stress"] * 40
    entries, files = {}, dict(index=dict(path="index.parquet"))
    for name, role in dict(face="prevalent", ecg="privileged").items():
        keys, x = [f"{name}{i}" for i in range(80)], random.normal(size=(80, 1, 5)).astype("float32")
        for part in range(4):
            rows = slice(20 * part, 20 * part + 20)
            path = write_shard(folder / "shards" / f"{name}-{part}.safetensors", x[rows], keys[rows])
            files[path.stem] = dict(path=f"shards/{path.name}", sha256=feature_store.file_sha256(path))
        index[f"{name}:shard"], index[f"{name}:row"] = (
            [f"{name}-{i // 20}" for i in range(80)],
            [i % 20 for i in range(80)],
        )
        index[f"{name}:key"], index[f"{name}:status"] = keys, "ok"
        entries[name] = dict(kind="features", shape=[5], role=role)
    pd.DataFrame(index).to_parquet(folder / "index.parquet")
    task = dict(kind="classification", target="target", classes=["calm", "stress"])
    values = dict(name="spread", reader="prepared", files=files, task=task, modalities=entries)
    (folder / "manifest.yaml").write_text(yaml.safe_dump(values | dict(subject="subject", sample="sample")))
    (folder / "prepare.yaml").write_text("set: spread\n")
    return folder / "manifest.yaml"


def named(manifest, *folders):
    "A manifest that names its folders of shards"
    values = yaml.safe_load(manifest.read_text()) | dict(shard_folders=[str(folder) for folder in folders])
    manifest.write_text(yaml.safe_dump(values))
    return manifest


@pytest.fixture
def spread(whole, tmp_path):
    "The same set with the shards of some subjects in a folder beside them, and of some on another disk"
    shutil.copytree(whole.parent, tmp_path / "set")
    far = tmp_path / "disk" / "spread"
    for folder, part in ((tmp_path / "set" / "more", 1), (far, 3)):
        folder.mkdir(parents=True)
        for name in ("face", "ecg"):
            shutil.move(tmp_path / "set" / "shards" / f"{name}-{part}.safetensors", folder)
    shutil.copy(tmp_path / "set" / "prepare.yaml", far)
    return named(tmp_path / "set" / "manifest.yaml", "shards", "more", far)


def same_samples(one, other):
    assert one.modalities == other.modalities and np.array_equal(one.presence, other.presence)
    for name in one.modalities:
        np.testing.assert_array_equal(one.arrays[name][:], other.arrays[name][:])
    assert one.sample.tolist() == other.sample.tolist() and np.array_equal(one.target, other.target)


@pytest.mark.parametrize("bound", [0, 2**28])
def test_samples_and_digests_are_those_of_one_folder(whole, spread, monkeypatch, bound):
    from mtpkd.experiments.resume import _data_sha256

    monkeypatch.setattr(feature_store, "MAPPED_BYTES", bound)
    one, several = read(whole), read(spread)
    assert isinstance(several.arrays["face"], WindowedArray) == (bound == 0)
    same_samples(one, several)
    assert _data_sha256(one) == _data_sha256(several)


def test_one_sample_is_shown(spread, whole):
    rows = RunSamples.__new__(RunSamples)
    rows.manifest, rows.modalities = load_manifest(spread), ["face", "ecg"]
    for sample in ("r05", "r25", "r75"):
        assert np.array_equal(rows.stored(sample, "face").values, read(whole).arrays["face"][int(sample[1:])])


READER = """
import sys
from mtpkd.data.reading import read
from mtpkd.experiments.resume import _data_sha256
print(_data_sha256(read(sys.argv[1])))
"""


def test_another_process_in_another_folder_reads_the_same(spread, whole, tmp_path):
    from mtpkd.experiments.resume import _data_sha256

    (tmp_path / "elsewhere").mkdir()
    command = [sys.executable, "-c", READER, str(spread)]
    done = subprocess.run(command, cwd=tmp_path / "elsewhere", capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == _data_sha256(read(whole)), done.stderr


@pytest.mark.slow
def test_processes_of_torchrun_train_on_it(whole, spread, tmp_path):
    code = """
import sys, mtpkd
from tiny_runs import quick
mtpkd.run(sys.argv[1], out=sys.argv[2], methods="student_only,kd", config=quick(), labelled=8, folds=2, seeds="0", progress=False)
"""
    (tmp_path / "train.py").write_text(code)
    tables = []
    for manifest, processes in ((whole, 1), (spread, 2)):
        out = tmp_path / f"run{processes}"
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        support = os.path.join(os.path.dirname(os.path.dirname(__file__)), "support")
        env = os.environ | dict(
            OMP_NUM_THREADS="1", PYTHONPATH=os.pathsep.join([os.environ.get("PYTHONPATH", ""), support])
        )
        words = [*command, str(tmp_path / "train.py"), str(manifest), str(out)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, env=env)
        assert done.returncode == 0, done.stderr[-2000:]
        tables.append(pd.read_parquet(out / "predictions.parquet"))
        identity = json.loads((out / "summary.json").read_text())
        assert identity["name"] == "spread"
    assert tables[0][["method", "fold", "sample"]].equals(tables[1][["method", "fold", "sample"]])
    assert np.allclose(tables[0][["calm", "stress"]], tables[1][["calm", "stress"]], atol=1e-4)


# refused in one line


def refused(manifest) -> str:
    with pytest.raises(InputError) as caught:
        read(manifest)
    return str(caught.value)


def test_a_shard_in_two_folders_or_in_none(spread, capsys):
    root = spread.parent
    shutil.copy(root / "more" / "ecg-1.safetensors", root / "shards")
    assert "ecg-1.safetensors: lies in" in refused(spread) and "too; remove one of them" in refused(spread)
    assert main(["data", "check", str(spread)]) == 2
    assert "there twice" in capsys.readouterr().out
    for folder in ("shards", "more"):
        (root / folder / "ecg-1.safetensors").unlink()
    assert "ecg-1.safetensors: is in none of shards, more, " in refused(spread)
    assert main(["data", "check", str(spread)]) == 2
    captured = capsys.readouterr()
    assert "missing" in captured.out and len(captured.err.strip().splitlines()) == 1


def test_a_folder_that_is_not_there_or_not_of_this_set(spread, tmp_path, capsys):
    far = tmp_path / "disk" / "spread"
    (far / "prepare.yaml").write_text("set: another\n")
    assert f"{far}: unusable (outside of {spread.parent} and without a copy of its prepare.yaml" in refused(spread)
    (far / "prepare.yaml").unlink()
    assert "without a copy of its prepare.yaml; copy that file there" in refused(spread)
    (far / "prepare.yaml").symlink_to(spread.parent / "prepare.yaml")  # whoever can write there can copy
    assert "without a copy" in refused(spread)
    far.rename(tmp_path / "unmounted")
    assert f"{far}: unusable (no such folder; mount its disk" in refused(spread)
    assert main(["data", "check", str(spread)]) == 2
    assert "mount its disk" in capsys.readouterr().out


def test_damage_and_links_out_of_a_folder(spread, tmp_path):
    path = tmp_path / "disk" / "spread" / "face-3.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    assert "face-3.safetensors: is not what mtpkd data prepare has written (wrong SHA-256)" in refused(spread)
    (tmp_path / "secret.safetensors").write_bytes(data)
    path.unlink()
    path.symlink_to(tmp_path / "secret.safetensors")
    assert "leads out of" in refused(spread)


def test_check_and_show_say_where_shards_lie(spread, tmp_path, capsys):
    assert main(["data", "check", str(spread)]) == 0
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    assert "nothing is wrong" in out and ["ok", str(tmp_path / "disk" / "spread"), "2", "shards"] in lines
    assert main(["data", "show", str(spread)]) == 0
    out = capsys.readouterr().out
    assert f"shards in: shards, more, {tmp_path / 'disk' / 'spread'}" in out and "Samples: 80 of 8 subjects" in out


def test_other_readers_and_buckets_have_no_such_folders(arrays, tmp_path, capsys):
    shutil.copytree(arrays.parent, tmp_path / "plain")
    assert "shard_folders are for reader prepared, not for npz" in refused(named(tmp_path / "plain" / arrays.name, "a"))


def test_in_a_bucket_they_lie_below_the_manifest(spread, tmp_path, monkeypatch):
    monkeypatch.setenv("MTPKD_CACHE", str(tmp_path / "cache"))
    far = tmp_path / "disk" / "spread"
    system = fsspec.filesystem("memory")
    for name, folders in dict(outside=["shards", "more", far], inside=["shards", "more", "far"]).items():
        named(spread, *folders)
        if name == "inside":
            far.rename(spread.parent / "far")
        system.put(str(spread.parent), f"/{name}/set", recursive=True)
    local_copy.cache_clear()
    with pytest.raises(InputError, match="shard_folders: path '.*' leaves the folder .*; use a relative path inside"):
        read("memory://outside/set/manifest.yaml")
    same_samples(read(spread), read("memory://inside/set/manifest.yaml"))
    for name in ("outside", "inside"):
        system.rm(f"/{name}", recursive=True)
    local_copy.cache_clear()


# shared and prepared


def test_packed_it_is_a_set_in_one_folder(whole, spread, tmp_path):
    far = tmp_path / "disk" / "spread"
    (far / "left-over.safetensors").write_bytes((far / "face-3.safetensors").read_bytes())
    facts = pack(spread.parent, tmp_path / "set.zip", keep_names=True)
    unpack(tmp_path / "set.zip", tmp_path / "theirs", facts["digest"])
    assert load_manifest(tmp_path / "theirs" / "manifest.yaml").shard_folders == ()
    assert len(list((tmp_path / "theirs" / "shards").iterdir())) == 8 and not (tmp_path / "theirs" / "more").exists()
    assert str(tmp_path) not in (tmp_path / "theirs" / "manifest.yaml").read_text()
    same_samples(read(whole), read(tmp_path / "theirs" / "manifest.yaml"))


def prepared_in(arrays, out, **options):
    return prepare(arrays, out=out, encoder="raw", jobs=1, progress=False, **options)


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(plan, "SHARD", 7)


def test_prepare_spreads_shards_and_goes_on_where_they_are(arrays, tmp_path, small_shards):
    far = tmp_path / "far"
    one = prepared_in(arrays, tmp_path / "one")
    several = prepared_in(arrays, tmp_path / "several", shard_folders=["shards", str(far)])
    same_samples(read(one), read(several))
    here, there = sorted((tmp_path / "several" / "shards").iterdir()), sorted(far.glob("*.safetensors"))
    assert abs(len(here) - len(there)) <= 1 and len(here) > 1
    assert {p.name for p in here + there} == {p.name for p in (tmp_path / "one" / "shards").iterdir()}
    stamps = {path: path.stat().st_mtime_ns for path in here + there}
    moved = here[0].rename(far / here[0].name)  # by hand
    stamps[moved] = stamps.pop(here[0])
    moved_manifest = prepared_in(arrays, tmp_path / "several")  # the folders are those of the call before
    assert load_manifest(moved_manifest).shard_folders == ("shards", str(far))
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert not (tmp_path / "several" / "shards" / here[0].name).exists()
    same_samples(read(one), read(moved_manifest))


def test_shards_move_out_of_a_set_that_has_one_folder(arrays, tmp_path, small_shards):
    "As the guide says it: make the folder, move shards, name it"
    manifest, far = prepared_in(arrays, tmp_path / "set"), tmp_path / "far"
    before = read(manifest)
    far.mkdir()
    shutil.copy(tmp_path / "set" / "prepare.yaml", far)
    for path in sorted((tmp_path / "set" / "shards").iterdir())[::2]:
        path.rename(far / path.name)
    same_samples(before, read(named(manifest, "shards", far)))


def test_prepare_takes_no_folder_of_others(arrays, tmp_path, capsys):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "letter.txt").write_text("mine")
    command = ["data", "prepare", str(arrays), "--out", str(tmp_path / "set"), "--encoder", "raw", "--shard-folders"]
    for folders, words in {
        f"shards,{tmp_path / 'far'}": "expected a new or empty folder",
        "shards,shards": "expected folders of this machine, each once",
        "shards,s3://bucket/b": "expected folders of this machine, each once",
    }.items():
        assert main([*command, folders]) == 2
        captured = capsys.readouterr().err.strip().splitlines()
        assert len(captured) == 1 and words in captured[0]
    assert [path.name for path in (tmp_path / "far").iterdir()] == ["letter.txt"]


def test_a_set_is_prepared_where_the_user_stands(arrays, tmp_path, monkeypatch):
    "Relative folders, of the set and of its shards"
    monkeypatch.chdir(tmp_path)
    how = dict(encoder="raw", jobs=1, progress=False)
    one = read(prepare(arrays, out="one", **how))
    two = read(prepare(arrays, out="two", shard_folders=["a", "b"], **how))
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(np.asarray(array), np.asarray(two.arrays[name]))


@pytest.mark.parametrize("names", [["shards", "./shards"], ["A", "../set/A"], ["shards", "more"], [".work"], ["."]])
def test_a_folder_that_is_named_in_two_ways_is_refused(names, arrays, tmp_path):
    "Nothing of the set is touched; more is a link to shards"
    how = dict(encoder="raw", jobs=1, progress=False)
    manifest = prepare(arrays, out=tmp_path / "set", **how)
    (tmp_path / "set" / "more").symlink_to("shards")
    shards = sorted((tmp_path / "set" / "shards").iterdir())
    with pytest.raises(InputError, match="twice|expected folders of this machine|which the set needs itself"):
        prepare(arrays, out=tmp_path / "set", shard_folders=names, **how)
    assert sorted((tmp_path / "set" / "shards").iterdir()) == shards and len(read(manifest))


def test_an_interrupted_preparation_goes_on_in_its_folders(arrays, tmp_path, monkeypatch):
    how = dict(encoder="raw", jobs=1, progress=False)
    with monkeypatch.context() as patch:
        patch.setattr("mtpkd.features.prepare.index_frame", lambda *rest: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prepare(arrays, out=tmp_path / "set", shard_folders=["a", "b"], **how)
    manifest = load_manifest(prepare(arrays, out=tmp_path / "set", **how))
    assert tuple(manifest.shard_folders) == ("a", "b") and not (tmp_path / "set" / "shards").exists()
    assert not (tmp_path / "set" / ".work").exists()
