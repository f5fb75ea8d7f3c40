"Data sets in buckets: a bucket in memory stands for one far away."

import fsspec
import pytest
from mtpkd.cli.main import main
from mtpkd.core.remote_folders import local_copy
from mtpkd.data.manifest import load_manifest
from mtpkd.data.reading import read
from mtpkd.data.save import save_set
from mtpkd.data.synthetic import synthetic

ADDRESS = "memory://lab/set/manifest.yaml"


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    monkeypatch.setenv("MTPKD_CACHE", str(tmp_path / "cache"))
    samples = synthetic(subjects=4, per_subject=4)
    parts = samples.arrays, samples.target, samples.task, samples.subject, samples.sample
    save_set(tmp_path / "set", "far", *parts, roles=dict(face="prevalent", physio="privileged", voice="unused"))
    system = fsspec.filesystem("memory")
    system.put(str(tmp_path / "set"), "/lab/set", recursive=True)
    local_copy.cache_clear()
    yield system
    system.rm("/lab", recursive=True)
    local_copy.cache_clear()


def test_a_set_in_a_bucket_is_the_set(bucket, tmp_path):
    near, far = read(load_manifest(tmp_path / "set" / "manifest.yaml")), read(load_manifest(ADDRESS))
    assert (near.target == far.target).all()
    assert all((near.arrays[name] == far.arrays[name]).all() for name in near.arrays)


def test_the_command_takes_the_address(bucket, capsys):
    assert main(["data", "check", ADDRESS]) == 0
    assert "nothing is wrong" in capsys.readouterr().out


@pytest.mark.parametrize(
    "address, words",
    [
        ("memory://lab/set/manifesto.yaml", "no such file; in its folder: arrays.npz, manifest.yaml"),
        ("memory://elsewhere/manifest.yaml", "no such file; in its folder: nothing"),
        ("nowhere://lab/manifest.yaml", "cannot be opened (Protocol not known: nowhere)"),
        ("github://lab/manifest.yaml", "github://lab: cannot be opened (TypeError"),
        ("ftp://127.0.0.1:1/lab/manifest.yaml", "ftp://127.0.0.1:1/lab: cannot be opened (ConnectionRefusedError"),
        ("memory://manifest.yaml", "got no folder"),
    ],
)
def test_what_is_not_there_is_one_line(bucket, capsys, address, words):
    assert main(["data", "check", address]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and words in lines[0]


def test_a_copy_that_breaks_off_is_finished_later(bucket, tmp_path, monkeypatch, capsys):
    whole, calls = type(bucket).get_file, []

    def breaks_off(self, path, local, **options):
        calls.append(path)
        if len(calls) == 2:
            open(local, "wb").write(b"half")
            raise ConnectionError("the line was cut")
        return whole(self, path, local, **options)

    monkeypatch.setattr(type(bucket), "get_file", breaks_off)
    assert main(["data", "check", ADDRESS]) == 2
    assert "cannot be read (ConnectionError: the line was cut)" in capsys.readouterr().err
    assert main(["data", "check", ADDRESS]) == 0
    assert len(calls) == 3  # the first file is not copied again


@pytest.mark.parametrize("mark", ["ETag", "blob_id", "last_modified", "updated"])
def test_another_file_of_the_same_size_is_copied_again(bucket, monkeypatch, mark):
    "File systems do not agree on what tells that a file has changed"
    versions = ["first", "second"]

    def find(self, folder, **options):
        return {"/lab/note/a.yaml": {"size": 6, mark: versions[0]}}

    texts = []
    with monkeypatch.context() as patched:
        patched.setattr(type(bucket), "find", find)
        for text in (b"text 1", b"text 2"):
            bucket.pipe("/lab/note/a.yaml", text)
            local_copy.cache_clear()
            texts.append(local_copy("memory://lab/note/a.yaml").read_bytes())
            versions.pop(0)
    assert texts == [b"text 1", b"text 2"]


def test_a_folder_may_become_a_file_and_a_file_a_folder(bucket, tmp_path):
    texts = []
    for name in ("extra", "extra/b", "extra"):
        bucket.pipe(f"/lab/set/{name}", name.encode())
        local_copy.cache_clear()
        texts.append((local_copy(ADDRESS).parent / name).read_text())
        bucket.rm("/lab/set/extra", recursive=True)
    assert texts == ["extra", "extra/b", "extra"]


@pytest.mark.parametrize("index", ["[1", "[1]"])
def test_copies_without_a_readable_index_are_made_again(bucket, index):
    copy = local_copy(ADDRESS)
    whole = copy.read_bytes()
    copy.write_bytes(b"half")
    (copy.parent / "remote.json").write_text(index)
    local_copy.cache_clear()
    assert local_copy(ADDRESS).read_bytes() == whole


def test_a_name_that_leads_out_is_refused(bucket, tmp_path, monkeypatch, capsys):
    def find(self, folder, **options):
        return {f"{folder}/../evil.yaml": dict(size=1), f"{folder}/manifest.yaml": dict(size=1)}

    with monkeypatch.context() as patched:
        patched.setattr(type(bucket), "find", find)
        assert main(["data", "check", ADDRESS]) == 2
    assert "which is no name of a file within it" in capsys.readouterr().err
    assert not (tmp_path / "cache" / "remote" / "evil.yaml").exists()


def test_a_large_copy_is_announced_and_refused_where_there_is_no_room(bucket, monkeypatch, capsys):
    monkeypatch.setattr("mtpkd.core.remote_folders._WORTH_A_LINE", 1)
    with monkeypatch.context() as patched:
        patched.setattr("shutil.disk_usage", lambda folder: type("Usage", (), dict(free=10)))
        assert main(["data", "check", ADDRESS]) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1 and "GB are to be copied; make room" in lines[0]
    assert main(["data", "check", ADDRESS]) == 0
    assert "are copied to" in capsys.readouterr().err
    local_copy.cache_clear()
    assert main(["data", "check", ADDRESS]) == 0 and "are copied" not in capsys.readouterr().err
