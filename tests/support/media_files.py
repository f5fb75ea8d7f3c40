"A small set of films: a cartoon face that wanders and whose expression, in time, carries the label; a signal beside it that knows the label better."

from pathlib import Path
import numpy as np, pandas as pd
from mtpkd.core.config import to_yaml
from mtpkd.data.media_files import write_video


def face(mouth, brow, x, y, tone, size=64):
    "A picture `(size, size, 3)`: `mouth` and `brow` in [-1, 1], a middle in pixels, a person's tone in [0, 1]"
    v, u = np.mgrid[:size, :size].astype("float32")
    u, v = (u - x) / (0.3 * size), (v - y) / (0.38 * size)
    grey = np.full((size, size), 40 + 40 * tone, "float32")
    grey[u**2 + v**2 < 1] = 120 + 90 * tone
    for side in (-0.4, 0.4):
        grey[(u - side) ** 2 + (v + 0.25) ** 2 < 0.015] = 15
        grey[(abs(u - side) < 0.22) & (abs(v + 0.5 + 0.35 * brow * (1 - abs(u - side) / 0.22)) < 0.08)] = 20
    grey[(abs(u) < 0.6) & (abs(v - 0.4 - 0.5 * mouth * (0.5 - 2 * u**2)) < 0.12)] = 10
    return np.repeat(np.clip(grey, 0, 255).astype("uint8")[..., None], 3, 2)


def film(label, person, clip, frames=24, size=64):
    "Frames of a clip: the expression comes and goes; its direction is the label"
    r = np.random.default_rng([person, clip])
    x, y, speed = *(size * (0.5 + 0.06 * r.normal(size=2))), 0.3 * r.normal(size=2)
    strength, tone = (1 if label else -1) * r.uniform(0.7, 1.2), np.random.default_rng(person).random()
    for t in range(frames):
        now = strength * np.sin(np.pi * min(1, t / frames * 1.3))
        yield np.clip(
            face(now, 0.6 * now, x + speed[0] * t, y + speed[1] * t, tone, size) + r.integers(-6, 7, (size, size, 1)),
            0,
            255,
        ).astype("uint8")


def film_tree(root, subjects=8, each=12, frames=24, size=64, seconds=1.0, protocol=None):
    "Files, table and manifest; returns the manifest's path"
    root, rows = Path(root), []
    (root / "video").mkdir(parents=True), (root / "emg").mkdir()
    for s in range(subjects):
        for k in range(each):
            label, name = (s + k) % 2, f"s{s:02d}_{k:03d}"
            write_video(root / "video" / f"{name}.mp4", film(label, s, k, frames, size), crf=12)
            np.save(
                root / "emg" / f"{name}.npy",
                ((1 + 1.5 * label) * np.random.default_rng([9, s, k]).normal(size=(1, int(256 * seconds)))).astype(
                    "float32"
                ),
            )
            rows.append(
                dict(
                    sample=name,
                    subject=f"s{s:02d}",
                    label=["calm", "pain"][label],
                    face=f"video/{name}.mp4",
                    emg=f"emg/{name}.npy",
                )
            )
    pd.DataFrame(rows).to_csv(root / "samples.csv", index=False)
    values = dict(
        name="films",
        reader="table",
        files={"table": {"path": "samples.csv"}},
        task=dict(kind="classification", target="label", classes=["calm", "pain"]),
        subject="subject",
        sample="sample",
        protocol=dict(group="subject", folds=4, metric="balanced_accuracy") | (protocol or {}),
        modalities={
            "face": dict(kind="video", role="prevalent"),
            "emg": dict(
                kind="signal", shape=[1, int(256 * seconds)], rate_hz=256, role="privileged", input="window_statistics"
            ),
        },
    )
    (root / "manifest.yaml").write_text(to_yaml(values))
    return root / "manifest.yaml"


def voice(label, person, seconds, rate_hz=16000):
    "A tone with overtones `(T,)`, whose height is the label and the person"
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    height = 110 + 12 * person + 60 * label
    tone = sum(np.sin(2 * np.pi * k * height * times) / k for k in (1, 2, 3))
    return (0.2 * tone * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * times))).astype("float32")


def talking_films(root, subjects=6, windows=4, frames=8, size=32, rate=8):
    "A film with sound a person, in windows of `frames` whose labels change; a signal beside each window; the manifest's path"
    root, rows, second = Path(root), [], frames / rate
    (root / "film").mkdir(parents=True)
    (root / "heart").mkdir()
    for s in range(subjects):
        labels = [(s + k) % 2 for k in range(windows)]
        pictures = (picture for k, label in enumerate(labels) for picture in film(label, s, k, frames, size))
        sound = np.concatenate([voice(label, s, second) for label in labels])
        write_video(root / "film" / f"s{s}.mp4", pictures, rate, sound=sound, crf=12)
        for k, label in enumerate(labels):
            name = f"s{s}_{k}"
            wave = np.sin(2 * np.pi * (1 + label) * np.arange(64) / 64) + 0.2 * np.random.default_rng([s, k]).normal(
                size=64
            )
            np.save(root / "heart" / f"{name}.npy", wave[None].astype("float32"))
            of_film = dict(face=f"film/s{s}.mp4", face_first=k * frames + 1, face_last=(k + 1) * frames)
            samples = round(16000 * second)
            of_sound = dict(voice=f"film/s{s}.mp4", voice_first=k * samples + 1, voice_last=(k + 1) * samples)
            label = ["calm", "pain"][label]
            rows.append(dict(sample=name, subject=f"s{s}", label=label, heart=f"heart/{name}.npy") | of_film | of_sound)
    pd.DataFrame(rows).to_csv(root / "samples.csv", index=False)
    values = dict(
        name="talking",
        reader="table",
        files=dict(table=dict(path="samples.csv")),
        task=dict(kind="classification", target="label", classes=["calm", "pain"]),
        subject="subject",
        sample="sample",
        protocol=dict(group="subject", folds=3, metric="balanced_accuracy"),
        modalities=dict(
            face=dict(kind="video", role="prevalent"),
            voice=dict(kind="audio", rate_hz=16000, role="privileged"),
            heart=dict(kind="signal", shape=[1, 64], rate_hz=64, role="privileged", input="window_statistics"),
        ),
    )
    (root / "manifest.yaml").write_text(to_yaml(values))
    return root / "manifest.yaml"
