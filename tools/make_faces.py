"""The embedded set `faces`: prepared features and thumbnails of a simulated BioVid, the lowest level against the highest.

    python tools/make_faces.py            # draw, prepare, write embedded/faces.npz, print its checksum
    python tools/make_faces.py --check    # does the committed file hold what its first people are drawn as today?

The stimuli are those of `mtpkd data simulate biovid_a --subjects 48 --clips 50 --seed 8 --size 48`. Of each film the frames are
drawn that `mtpkd data prepare --encoder difference_image --set faces=whole --set size=48` takes, without a codec in between; skin
conductance is averaged to 32 Hz.

Encoder, number of people and of labels were chosen on other seeds (101 and 7) before anything was trained on this one.
"""

import argparse, sys
from pathlib import Path
import numpy as np
import torch
from PIL import Image
from make_embedded import HERE, npz_bytes, sha256
from mtpkd.data.clips import draw_views, normalise
from mtpkd.models.backbones import build_frozen
from mtpkd.simulation.biovid_layout import stimuli, stimulus_pictures, stimulus_signal
from mtpkd.simulation.spec import SimulationSpec

SPEC = SimulationSpec("biovid_a", subjects=48, clips=50, seed=8, size=48, waves="plain")
FILE = HERE / "embedded" / "faces.npz"
LEVELS = ("BL1", "PA4")
FRAMES, SEEN = 138, 10  # of a film; of a film that the encoder sees
THUMBNAIL = 32  # pixels
TOGETHER = 16  # values of 512 Hz in one of 32 Hz
CHECKED = 2  # people


def features(
    pictures,  # `(P, H, W, 3)` uint8
):  # `(144,)` float32
    "What the encoder makes of a film"
    clip = normalise(pictures, "imagenet").swapaxes(0, 1)[None]
    return build_frozen("difference_image")(torch.from_numpy(clip))[0].numpy()


def thumbnail(picture):  # `(H, W, 3)` -> `(32, 32, 3)` uint8
    return np.asarray(Image.fromarray(picture).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX))


def rows(people):
    "Features, signals and thumbnails of some people: of each stimulus the frames that are seen"
    positions = draw_views(FRAMES, SEEN)[0]
    found = dict(video=[], eda=[], label=[], subject=[], sample=[], thumbnails=[])
    for person, sample in stimuli(SPEC):
        subject, label, _ = sample.split("-")
        if person.index >= people or label not in LEVELS:
            continue
        pictures = stimulus_pictures(SPEC, person, sample, positions)
        conductance = stimulus_signal(SPEC, person, sample).reshape(1, -1, TOGETHER).mean(2)
        values = (features(pictures), conductance, label, subject, sample, thumbnail(pictures[-3]))
        for name, value in zip(found, values):
            found[name].append(value)
    arrays = {name: np.array(values) for name, values in found.items()}
    return arrays | {name: arrays[name].astype("float32") for name in ("video", "eda")}


def faults():
    "What differs between the committed file and its first people as they are drawn now"
    expected = rows(CHECKED)
    with np.load(FILE) as archive:
        stored = {name: archive[name][: len(expected[name])] for name in expected}
    same = [name for name in ("label", "subject", "sample") if np.array_equal(stored[name], expected[name])]
    close = [name for name in ("video", "eda") if np.allclose(stored[name], expected[name], atol=1e-3)]
    difference = np.abs(stored["thumbnails"].astype(int) - expected["thumbnails"])
    alike = ["thumbnails"] if difference.max() <= 2 else []
    return sorted({*expected} - {*same, *close, *alike})


def main():
    parser = argparse.ArgumentParser(description="Make the embedded set of simulated faces")
    parser.add_argument("--check", action="store_true", help="compare the first people; write nothing")
    if parser.parse_args().check:
        different = faults()
        if different:
            sys.exit(f"{FILE.name}: {', '.join(different)} differ; run tools/make_faces.py and look at the difference")
        print(f"{FILE.name} holds what is drawn today")
        return
    content = npz_bytes(rows(SPEC.subjects))
    FILE.write_bytes(content)
    print(f"{FILE.name} {len(content) / 1e6:.1f} MB, sha256 {sha256(content)}")


if __name__ == "__main__":
    main()
