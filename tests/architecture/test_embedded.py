"The embedded sets: what the manifests promise is in the files; rebuilding them from their sources gives the same arrays (slow: downloads)."

import subprocess, sys
import numpy as np, pytest, yaml
from mtpkd.core.files import file_sha256
from project_layout import ROOT

FOLDER = ROOT / "data_manifests"
EMBEDDED = {"watch": (2448, 10), "mfeat": (2000, None), "faces": (960, 48)}


@pytest.mark.parametrize("name", EMBEDDED)
def test_files_hold_what_the_manifest_says(name):
    manifest = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    spec = manifest["files"]["arrays"]
    assert file_sha256(FOLDER / spec["path"]) == spec["sha256"]
    with np.load(FOLDER / spec["path"], allow_pickle=False) as z:
        arrays = {k: z[k] for k in z.files}
    n, subjects = EMBEDDED[name]
    for modality, m in manifest["modalities"].items():
        assert (
            arrays[modality].shape == (n, *m["shape"])
            and arrays[modality].dtype == np.float32
            and np.isfinite(arrays[modality]).all()
        )
    assert set(arrays["label"]) == set(manifest["task"]["classes"]) and len(set(arrays["sample"])) == n
    if subjects:
        assert len(set(arrays["subject"])) == subjects


def test_every_window_is_another():
    "Windows are cut two seconds apart: none starts where another does"
    with np.load(FOLDER / "embedded" / "watch.npz") as z:
        first = z["accel"][:, :, 0], z["gyro"][:, :, 0]
    assert len(np.unique(np.concatenate(first, 1), axis=0)) == len(first[0])


def test_simulated_faces_are_small_marked_and_have_pictures():
    manifest = yaml.safe_load((FOLDER / "faces.yaml").read_text())
    file = FOLDER / manifest["files"]["arrays"]["path"]
    assert file.stat().st_size < 4e6 and manifest["simulated"]
    with np.load(file) as archive:
        thumbnails, subject = archive["thumbnails"], archive["subject"]
    assert thumbnails.shape == (960, 32, 32, 3) and thumbnails.dtype == np.uint8
    people = [thumbnails[subject == name].mean((0, 1, 2)) for name in np.unique(subject)[:4]]
    assert np.std(people, 0).min() > 3, "people differ"


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["make_embedded.py", "make_faces.py"])
def test_rebuilding_gives_the_same_arrays(tool):
    done = subprocess.run([sys.executable, str(ROOT / "tools" / tool), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
