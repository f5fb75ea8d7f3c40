"""Manifests, settings, sweeps and run folders from strangers: whatever is in them, the answer is one line, or a run. `FUZZ=5000 pytest tests/robustness/test_fuzz.py` looks longer."""

import copy, json, os, shutil
from pathlib import Path
import numpy as np, pandas as pd, pytest, yaml
from hypothesis import HealthCheck, given, settings, strategies as st
import mtpkd
from mtpkd.core.yaml_files import read_yaml
from mtpkd.core.errors import InputError, RunError
from mtpkd.experiments.plan import plan_experiment
from mtpkd.experiments.run_folder import RunFolder
from mtpkd.data.reading import read
from mtpkd.reporting.report import report
from mtpkd.reporting.sweep_report import sweep_report
from mtpkd.execution.sweep_file import Cell, read_sweep
from mtpkd.execution.sweep_folder import SweepFolder, write_cells
from tiny_runs import make_set, quick


def profile(n):
    return settings(
        max_examples=int(os.environ.get("FUZZ", n)),
        deadline=None,
        derandomize="FUZZ" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )


# values that settings may have been given: of every type, of every size, and what leads out of a folder
EVIL = [
    "",
    "../../etc/passwd",
    "/etc/passwd",
    "a\x00b",
    "<script>alert(1)</script>",
    "x" * 300,
    "..",
    ".",
    "~",
    "os:system",
    "mtpkd.core.errors:InputError",
    "nan",
    "watch+x@/",
    "é\u202e",
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 40),
    st.sampled_from([-(10**12), 10**9, 10**12, 10**30]),
    st.floats(),
    st.sampled_from(EVIL),
    st.text(max_size=8),
    st.dates(),
)
VALUES = st.recursive(
    LEAVES,
    lambda v: st.one_of(
        st.lists(v, max_size=3), st.dictionaries(st.one_of(st.text(max_size=6), st.integers(0, 3)), v, max_size=3)
    ),
    max_leaves=6,
)


def places(x, path=()):
    "Paths to everything in nested values"
    for k, v in x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ():
        yield (*path, k)
        yield from places(v, (*path, k))


@st.composite
def changed(draw, values):
    "`values` with one to three of its parts replaced, removed or added to"
    made = copy.deepcopy(values)
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(made))
        *parents, last = draw(st.sampled_from(found))
        node = made
        for k in parents:
            node = node[k]
        how = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
        if how == "remove":
            del node[last]
        elif how == "add" and isinstance(node, dict):
            node[draw(st.text(min_size=1, max_size=8))] = draw(VALUES)
        else:
            node[last] = draw(VALUES)
        if not made:
            break
    return made


def clean(call, *args, **kw):
    "The result, or None for a mistake that is one line; any other exception is a failure"
    try:
        return call(*args, **kw)
    except (InputError, RunError) as e:
        assert "\n" not in str(e).strip() and str(e), repr(str(e))
        return None


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    make_set(folder / "set", subjects=6, protocol=dict(folds=3, labelled=15, labelled_validation=6))
    return folder


def plan(folder, manifest=None, config=None):
    "Everything that is checked before a run, by way of files"
    (folder / "set" / "fuzz.yaml").write_text(
        manifest
        if isinstance(manifest, str)
        else yaml.safe_dump(
            manifest or yaml.safe_load((folder / "set" / "manifest.yaml").read_text()), allow_unicode=True
        )
    )
    (folder / "config.yaml").write_text(
        config
        if isinstance(config, str)
        else yaml.safe_dump(config if config is not None else quick(), allow_unicode=True)
    )
    return clean(plan_experiment, config=folder / "config.yaml", manifest=str(folder / "set" / "fuzz.yaml"))


def check_manifests(there, n):
    values = yaml.safe_load((there / "set" / "manifest.yaml").read_text())
    assert plan(there, values) is not None

    @profile(n)
    @given(changed(values))
    def look(v):
        plan(there, v)

    look()


CONFIG = quick(
    methods=["kd"],
    seeds=[0],
    labelled=15,
    labelled_validation=6,
    folds=3,
    checkpoint="last",
    pairing="",
    protocol="honest",
    control="",
    options={"kd": {"temperature": 2.0}},
) | dict(inner_validation=0.25, prevalent=["face"], privileged=["physio"], threads=1)


def check_configs(there, n):
    assert plan(there, config=CONFIG) is not None

    @profile(n)
    @given(changed(CONFIG))
    def look(v):
        plan(there, config=v)

    look()


SWEEP = dict(
    out="x",
    minutes=3,
    fixed=dict(manifest="watch", config={"schedule": {"steps": 3}}, set={"ot.k": 3}),
    grid={"seeds": [0, 1], "schedule.lr": [0.1, 0.2]},
    list=[dict(methods=["kd"]), dict(methods="sp")],
)


def check_sweeps(there, n):
    @profile(n)
    @given(changed(SWEEP))
    def look(v):
        (there / "sweep.yaml").write_text(yaml.safe_dump(v, allow_unicode=True))
        made = clean(read_sweep, there / "sweep.yaml")
        if made:
            assert all(c.key.isalnum() and len(c.key) == 12 for c in made.cells)

    look()


def check_text(there, n):
    @profile(n)
    @given(
        st.one_of(
            st.text(max_size=60), st.text(alphabet="{}[]&*!|>-: \nax0'\"#%@,?", max_size=60), st.binary(max_size=40)
        )
    )
    def look(text):
        (there / "text.yaml").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        clean(read_yaml, there / "text.yaml")
        clean(read, there / "text.yaml")
        clean(read_sweep, there / "text.yaml")

    look()


def test_manifests(there):
    check_manifests(there, 20)


def test_configs(there):
    check_configs(there, 20)


def test_sweep_files(there):
    check_sweeps(there, 20)


def test_texts(there):
    check_text(there, 60)


@pytest.mark.slow
@pytest.mark.parametrize("check", [check_manifests, check_configs, check_sweeps, check_text])
def test_longer(check, there):
    check(there, 1500)


# run folders


@pytest.fixture(scope="module")
def run(there):
    return mtpkd.run(
        there / "set" / "manifest.yaml",
        methods=["mtpkdot"],
        seeds=[0],
        config=quick(),
        out=there / "run",
        progress=False,
    )


def spoil(data, path, folder):
    "Do something to a file"
    how, old = (
        data.draw(st.sampled_from(["cut", "flip", "empty", "remove", "junk", "json", "folder"])),
        path.read_bytes(),
    )
    if how == "cut":
        path.write_bytes(old[: data.draw(st.integers(0, max(0, len(old) - 1)))])
    if how == "flip" and old:
        new = bytearray(old)
        for _ in range(data.draw(st.integers(1, 4))):
            new[data.draw(st.integers(0, len(old) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(new)
    if how == "empty":
        path.write_bytes(b"")
    if how in ("remove", "folder"):
        path.unlink()
    if how == "folder":
        path.mkdir()
    if how == "junk":
        path.write_bytes(data.draw(st.binary(max_size=60)))
    if how == "json":
        path.write_text(
            data.draw(
                st.sampled_from(
                    [
                        "{}",
                        "[]",
                        "null",
                        "3",
                        '{"methods": {}}',
                        '{"methods": {"kd": 3}}',
                        '{"methods": {"kd": {}}, "task": {}}',
                        "NaN",
                    ]
                )
            )
        )


READ = [
    "config",
    "summary",
    "environment",
    "results",
    "metrics",
    "history",
    "teachers",
    "predictions",
    "transfer",
    "calibration",
    "pairing",
    "embeddings",
    "plans",
]


def check_folders(there, run, n):
    files = sorted(p.relative_to(run.path) for p in run.path.rglob("*") if p.is_file())

    @profile(n)
    @given(st.data())
    def look(data):
        shutil.rmtree(there / "spoilt", ignore_errors=True)
        shutil.copytree(run.path, there / "spoilt")
        file = data.draw(st.sampled_from(files))
        spoil(data, there / "spoilt" / file, there / "spoilt")
        opened = clean(RunFolder, there / "spoilt")
        for name in READ if opened else ():

            def get():
                found = getattr(opened, name)
                return found() if callable(found) else found

            clean(get)
        clean(report, there / "spoilt", there / "page.html")
        if file.parts[0] == "checkpoints" or file.name == "experiment.yaml":
            clean(
                mtpkd.run,
                there / "set" / "manifest.yaml",
                methods=["mtpkdot"],
                seeds=[0],
                config=quick(),
                out=there / "spoilt",
                resume=True,
                progress=False,
            )

    look()


def test_run_folders(there, run):
    check_folders(there, run, 4)


@pytest.mark.slow
def test_run_folders_longer(there, run):
    check_folders(there, run, 600)


def check_sweep_folders(there, run, n):
    "The folder of a sweep whose description and journal were spoilt"
    folder = there / "swept"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(run.path, folder / "0123456789ab")
    (folder / "0123456789ab" / "run.ipynb").write_text("{}")
    said = [dict(key="0123456789ab", label="a", asked=dict(manifest="x"), parameters=dict(manifest="x"))]
    as_lines = lambda cells: "".join(json.dumps(c, default=str) + "\n" for c in cells)
    (folder / "journal.jsonl").write_text('{"event": "done", "cell": "0123456789ab"}\n')
    (folder / "sweep.yaml").write_text("name: s\n")
    (folder / "cells.jsonl").write_text(as_lines(said))
    sweep_report(folder)
    assert "1 of 1 runs" in (folder / "report.html").read_text()

    @profile(n)
    @given(changed(said), st.binary(max_size=30))
    def look(v, more):
        (folder / "cells.jsonl").write_text(as_lines(v), encoding="utf-8", errors="surrogatepass")
        with open(folder / "journal.jsonl", "ab") as f:
            f.write(more + b"\n")
        if opened := clean(SweepFolder, folder):
            opened.done, opened.failed

    look()


def test_sweep_folders(there, run):
    check_sweep_folders(there, run, 20)


# what fuzzing cannot find by chance


def test_paths_stay_below_their_root(there, tmp_path):
    values = yaml.safe_load((there / "set" / "manifest.yaml").read_text())
    (tmp_path / "arrays.npz").write_bytes((there / "set" / values["files"]["arrays"]["path"]).read_bytes())
    (tmp_path / "in").mkdir()
    for path in ("../arrays.npz", str(tmp_path / "arrays.npz"), "x/../../arrays.npz"):
        values["files"]["arrays"] = dict(path=path)
        (tmp_path / "in" / "manifest.yaml").write_text(yaml.safe_dump(values))
        with pytest.raises(InputError):
            read(tmp_path / "in" / "manifest.yaml")


def test_an_archive_that_is_larger_than_it_seems(there, tmp_path, monkeypatch):
    "The size that the archive declares is compared with the memory before anything is unpacked"
    shutil.copytree(there / "set", tmp_path / "set")
    monkeypatch.setattr("mtpkd.core.runtime.memory_bytes", lambda: 1000)
    with pytest.raises(InputError, match="array .* would take .* GiB, and this machine has"):
        read(tmp_path / "set" / "manifest.yaml")


@pytest.mark.parametrize(
    "setting, said",
    [
        ("encoder.width=10000000000", "at most 16384"),
        ("encoder.depth=100000", "at most 64"),
        ("schedule.steps=1000000000", "row numbers of all batches"),
        ("encoder.width=16384", "networks of encoder.width 16384"),
        ("schedule.lr=.inf", "schedule.lr is inf, expected a finite number"),
    ],
)
def test_settings_that_would_not_fit(setting, said, there):
    with pytest.raises(InputError, match=said):
        plan_experiment(
            manifest=str(there / "set" / "manifest.yaml"), config=quick(encoder=dict(depth=8)), seeds=[0], set=[setting]
        )


@pytest.mark.parametrize("folds", [{}, dict(train=["s00"]), dict(train=["s00"], val=[], test=3)])
def test_fixed_folds_are_three_lists(there, folds):
    with pytest.raises(InputError, match="lists named train, val and test"):
        plan_experiment(manifest=str(there / "set" / "manifest.yaml"), config=quick(folds=folds), seeds=[0])


def test_a_table_without_its_columns_is_damaged(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "run")
    for name in ("results", "metrics", "history", "teachers"):
        (tmp_path / "run" / f"{name}.csv").write_text("m")
        with pytest.raises(InputError, match=rf"{name}.csv is damaged \(no column method\)"):
            getattr(RunFolder(tmp_path / "run"), name)


def test_a_kind_that_nobody_knows_is_damage(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "run")
    text = (run.path / "transfer.csv").read_text()
    (tmp_path / "run" / "transfer.csv").write_text(text.replace(",class,", ",cl,"))
    with pytest.raises(InputError, match=r"transfer.csv is damaged \(kind is cl, expected subject or class\)"):
        RunFolder(tmp_path / "run").transfer
    assert "expected subject or class" in report(tmp_path / "run", tmp_path / "page.html").read_text()


NUMBERS = dict(
    results=["fold", "seed", "value", "n_train", "n_pool", "n_val", "n_test", "steps", "seconds"],
    metrics=["fold", "seed", "value"],
    history=["fold", "seed", "step", "value"],
    teachers=["fold", "seed", "epoch", "count", "share"],
    transfer=["samples", "n", "alone", "value", "diff", "turned_right", "turned_wrong", "seeds", "seeds_worse"],
    calibration=["bin", "low", "high", "n", "confidence", "right"],
)


@pytest.mark.parametrize("name", NUMBERS)
def test_words_where_numbers_should_be_are_damage(name, run, tmp_path):
    table = pd.read_csv(run.path / f"{name}.csv")
    assert len(table)
    shutil.copytree(run.path, tmp_path / "run")
    for column in NUMBERS[name]:
        table.assign(**{column: "many"}).to_csv(tmp_path / "run" / f"{name}.csv", index=False)
        with pytest.raises(
            InputError, match=rf"{name}.csv is damaged \(column {column} holds something else than numbers\)"
        ):
            getattr(RunFolder(tmp_path / "run"), name)
    clean(report, tmp_path / "run", tmp_path / "page.html")
    table.iloc[:0].to_csv(tmp_path / "run" / f"{name}.csv", index=False)  # nothing to say is no damage
    assert len(getattr(RunFolder(tmp_path / "run"), name)) == 0


def test_predictions_of_other_columns_are_damage(run, tmp_path):
    "As read, and from what is made of them: `transfer`, where the folder is too old to hold it, and a comparison"
    shutil.copytree(run.path, tmp_path / "run")
    (tmp_path / "run" / "transfer.csv").unlink()
    path, whole = tmp_path / "run" / "predictions.parquet", run.predictions

    def refused(said):
        for look in (
            lambda: RunFolder(tmp_path / "run").predictions,
            lambda: RunFolder(tmp_path / "run").transfer,
            lambda: mtpkd.compare(run.path, tmp_path / "run"),
            lambda: mtpkd.compare(tmp_path / "run", run.path),
        ):
            with pytest.raises(InputError, match=rf"predictions.parquet is damaged \({said}\)"):
                look()

    classes = run.summary["task"]["classes"]
    for column in ("method", "fold", "seed", "sample", "subject", "target", *classes):
        whole.rename(columns={column: "x"}).to_parquet(path)
        refused(f"no column {column}")
    for column in ("fold", "seed", classes[-1]):
        whole.assign(**{column: "much"}).to_parquet(path)
        refused(f"column {column} holds something else than numbers")
    whole.to_parquet(path)
    assert len(RunFolder(tmp_path / "run").transfer) == len(run.transfer)


def test_a_summary_without_a_task_is_damage(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "run")
    (tmp_path / "run" / "transfer.csv").unlink()
    for task in (None, 3, dict(kind="x"), dict(kind="classification", classes=[])):
        (tmp_path / "run" / "summary.json").write_text(json.dumps(run.summary.to_dict() | dict(task=task)))
        with pytest.raises(InputError, match="summary.json is damaged"):
            RunFolder(tmp_path / "run").transfer


def test_names_from_data_stay_text(tmp_path):
    "A class, a modality and a data set that are called <script>: in the report of a run and of a sweep"
    evil = "<script>alert(1)</script>"
    folder = make_set(tmp_path / "set", subjects=6, protocol=dict(folds=2, labelled=15, labelled_validation=6)).parent
    values = yaml.safe_load((folder / "manifest.yaml").read_text())
    values["title"] = values["citation"] = values["licence"] = evil
    values["task"]["classes"] = [evil, *values["task"]["classes"][1:]]
    from mtpkd.data.save import npz_bytes

    path = folder / values["files"]["arrays"]["path"]
    with np.load(path) as f:
        arrays = {k: f[k] for k in f.files}
    target = values["task"]["target"]
    first = yaml.safe_load((folder / "manifest.yaml").read_text())["task"]["classes"][0]
    arrays[target] = np.where(arrays[target] == first, evil, arrays[target].astype(object)).astype(str)
    path.write_bytes(npz_bytes(arrays))
    values["files"]["arrays"].pop("sha256", None)
    (folder / "manifest.yaml").write_text(yaml.safe_dump(values))
    run = mtpkd.run(
        folder / "manifest.yaml",
        methods=["mtpkdot"],
        seeds=[0],
        config=quick(),
        out=tmp_path / "sweep" / "0123456789ab",
        progress=False,
    )
    page = run.report().read_text()
    (run.path / "run.ipynb").write_text("{}")
    (tmp_path / "sweep" / "sweep.yaml").write_text("name: s\n")
    write_cells(
        tmp_path / "sweep" / "cells.jsonl",
        [Cell("0123456789ab", evil, dict(manifest=evil), {}), Cell("0", evil, dict(manifest="b"), {})],
    )
    (tmp_path / "sweep" / "journal.jsonl").write_text(
        '{"event": "done", "cell": "0123456789ab"}\n{"event": "failed", "cell": "0", "error": "<script>alert(1)</script>"}\n'
    )
    swept = Path(sweep_report(tmp_path / "sweep")).read_text()
    for text in (page, swept):
        body = text[text.rindex("</style>") :]
        assert "script&gt;alert(1)" in body or "\\u003cscript" in body.lower()
        assert "<script>alert(1)" not in body
