"Small trees in the exact layout of the data sets that mtpkd reads, with real encoded media; every one can be broken afterwards."

import json, os, pickle, shutil, wave
from pathlib import Path
import av, numpy as np

# media


def picture(level, height=48, width=64, seed=0):
    "A face-like picture `(H, W, 3)` whose brightness is `level`, 0 to 1"
    y, x = np.mgrid[:height, :width]
    oval = ((x - width / 2) / (width / 3)) ** 2 + ((y - height / 2) / (height / 2.5)) ** 2 < 1
    noise = np.random.default_rng(seed).integers(0, 20, (height, width))
    return np.repeat((oval * (60 + 150 * level) + noise).astype("uint8")[..., None], 3, 2)


def write_video(path, frames, fps=25, codec="mpeg4", voice=None, sound_hz=16000, sound_codec="aac", **options):
    "Encode `frames` (and `soft_prediction`, float `(T,)`) as a video; mp4 or avi or flv by suffix"
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options) as box:
        s = box.add_stream(codec, rate=fps)
        s.height, s.width, s.pix_fmt = *frames[0].shape[:2], "yuv420p"
        a = None if voice is None else box.add_stream(sound_codec, rate=sound_hz, layout="mono")
        for f in frames:
            for p in s.encode(av.VideoFrame.from_ndarray(f, format="rgb24")):
                box.mux(p)
        for p in s.encode():
            box.mux(p)
        if a is not None:
            _mux_sound(box, a, voice, sound_hz)
    return path


def _mux_sound(box, stream, voice, hz):
    "Encode sound in the form that the codec wants"
    shape = av.AudioResampler(
        format=stream.codec_context.format, layout="mono", rate=hz, frame_size=stream.codec_context.frame_size or 1024
    )
    whole = av.AudioFrame.from_ndarray(voice[None].astype("float32"), format="flt", layout="mono")
    whole.sample_rate, whole.pts = hz, 0
    for f in [*shape.resample(whole), *shape.resample(None)]:
        for p in stream.encode(f):
            box.mux(p)
    for p in stream.encode():
        box.mux(p)


def write_picture(path, pixels):
    "Encode one picture as .jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as box:
        s = box.add_stream("mjpeg", rate=1)
        s.height, s.width, s.pix_fmt = *pixels.shape[:2], "yuvj420p"
        for p in [*s.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")), *s.encode()]:
            box.mux(p)
    return path


def tone(seconds, hz, rate, seed=0):
    t = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * hz * t) + 0.02 * np.random.default_rng(seed).normal(size=len(t))).astype("float32")


def write_wav(path, x, rate):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes((x * 32000).astype("<i2").tobytes())
    return path


# BioVid

LEVELS = ["BL1", "PA1", "PA2", "PA3", "PA4"]
SUBJECTS = ["071309_w_21", "071313_m_41", "071614_m_20", "080309_m_29"]


def _bio(path, level, seed, rows=2816, emg=True, columns=None):
    "A signal file: tab-separated, the clock in microseconds"
    r, t = np.random.default_rng(seed), np.arange(rows) / 512
    x = {
        "time": np.round(t * 1e6),
        "gsr": 5 + level * t / 5 + 0.01 * r.normal(size=rows),
        "ecg": np.sin(2 * np.pi * 1.2 * t) + 0.05 * r.normal(size=rows),
    }
    for c in ["emg_trapezius"] + ["emg_corrugator", "emg_zygomaticus"] * emg:
        x[c] = (1 + 3 * level) * r.normal(size=rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(
        path, np.stack([x[c] for c in columns or x], 1), "%.6g", "\t", header="\t".join(columns or x), comments=""
    )


def biovid(root, subjects=SUBJECTS, levels=LEVELS, each=1, emg=True, frames=138):
    "The distribution's layout"
    rows = ["subject_id\tsubject_name\tclass_id\tclass_name\tsample_id\tsample_name"]
    for i, who in enumerate(subjects):
        for level in levels:
            for k in range(1, each + 1):
                name, strength = f"{who}-{level}-{k:03d}", LEVELS.index(level) / 4
                rows.append(f"{i + 1}\t{who}\t{LEVELS.index(level)}\t{level}\t{len(rows)}\t{name}")
                film = [picture(strength * min(1, f / 70), seed=i) for f in range(frames)]
                write_video(root / "video" / who / f"{name}.mp4", film, movflags="faststart")
                _bio(root / "biosignals_filtered" / who / f"{name}_bio.csv", strength, len(rows), emg=emg)
    (root / "starting_point").mkdir(parents=True, exist_ok=True)
    (root / "starting_point" / "samples.csv").write_text("\n".join(rows) + "\n")
    return root


def biovid_frames(root, subjects=SUBJECTS, levels=("BL1", "PA4"), each=1, last=75):
    "The frame folders of the released code"
    lists = {"train.txt": [], "test.txt": []}
    for i, who in enumerate(subjects):
        for level in levels:
            for k in range(1, each + 1):
                name, strength = f"{who}-{level}-{k:03d}", LEVELS.index(level) / 4
                for f in range(1, last + 1):
                    write_picture(root / level / name / f"img_{f:05d}.jpg", picture(strength, seed=i))
                _bio(root / "physio" / level / f"{name}_bio.csv", strength, i)
                lists["test.txt" if i == len(subjects) - 1 else "train.txt"].append(
                    f"{level}/{name} 1 {last} {list(levels).index(level)}"
                )
    for n, lines in lists.items():
        (root / n).write_text("\n".join(lines) + "\n")
    return root


def biovid_released(root, subjects=SUBJECTS, each=2, last=75):
    "What users of the released code have: class folders 0 and 4, and folds that deal out clips"
    lines = []
    for i, who in enumerate(subjects):
        for level, folder, label in (("BL1", "0", 0), ("PA4", "4", 1)):
            for k in range(1, each + 1):
                name, strength = f"{who}-{level}-{k:03d}", LEVELS.index(level) / 4
                for f in range(1, last + 1):
                    pixels = np.full((24, 32, 3), 3 * f + label, "uint8")  # says which frame it is
                    pixels[:8, :8] += 2 * i + k  # and of which clip
                    write_picture(root / folder / name / f"img_{f:05d}.jpg", pixels)
                _bio(root / "physio" / folder / f"{name}_bio.csv", strength, 10 * i + k)
                lines.append(f"{folder}/{name} 50 70 {label}")
    for fold in (1, 2):
        test = lines[fold - 1 :: 2]
        (root / f"fold_{fold}_test.txt").write_text("\n".join(test) + "\n")
        (root / f"fold_{fold}_train.txt").write_text("\n".join(line for line in lines if line not in test) + "\n")
    return root


# Aff-Wild2


AFFWILD2_LAYOUTS = {  # annotations, the two sets, faces, videos
    "third": ("Third ABAW Annotations/VA_Estimation_Challenge", "Train_Set", "cropped_aligned_new_50_vids", "new_vids"),
    "sixth": ("6th_ABAW_Annotations/VA_Estimation_Challenge", "Train_Set", "cropped_aligned/batch1", "videos/batch1"),
    "va_set": ("annotations/VA_Set", "Training_Set", "cropped_aligned/batch2/cropped_aligned", "batch1"),
    "nested": ("data/ABAW Annotations/VA_Set", "Train_Set", "data/cropped_aligned/new_vids", "data/videos"),
}


def affwild2_in(root, layout, **how):
    "The tree of `affwild2` in another layout"
    labels, training, faces, videos = AFFWILD2_LAYOUTS[layout]
    plain = affwild2(root / "plain", **how)
    (root / labels).parent.mkdir(parents=True, exist_ok=True)
    (plain / "5th ABAW Annotations" / "VA_Estimation_Challenge").rename(root / labels)
    (root / labels / "Train_Set").rename(root / labels / training)
    (root / faces).parent.mkdir(parents=True, exist_ok=True)
    (plain / "cropped_aligned").rename(root / faces)
    (root / videos).mkdir(parents=True, exist_ok=True)
    for path in sorted(plain.glob("batch*/*")):
        path.rename(root / videos / path.name)
    shutil.rmtree(plain)
    return root


def affwild2(
    root, videos=("10-60-1280x720", "video7", "video9"), frames=30, fps=(30, 25, 20), crops=True, annotated="5th"
):
    "Two training videos, the first with two people, and a validation one; gaps in the faces, -5 in the labels"
    base = root / f"{annotated} ABAW Annotations" / "VA_Estimation_Challenge"
    for i, (video, rate) in enumerate(zip(videos, fps)):
        suffix, part = ("_left", "_right") if i == 0 else ("",), "Validation_Set" if i == 2 else "Train_Set"
        t = np.arange(frames) / rate
        write_video(
            root / f"batch{i + 1}" / f"{video}.{'avi' if i == 1 else 'mp4'}",
            [picture(0.5 + 0.4 * np.sin(3 * x), seed=i) for x in t],
            rate,
            voice=tone(frames / rate, 200 + 50 * i, 16000),
            sound_codec="mp3" if i == 1 else "aac",
        )
        for s in suffix:
            v = np.stack([np.sin(3 * t), np.cos(3 * t)], 1) * 0.9 * (-1 if s == "_right" else 1)
            lines = ["valence,arousal"] + ["-5,-5" if j == 4 else f"{a:.4f},{b:.4f}" for j, (a, b) in enumerate(v)]
            (base / part).mkdir(parents=True, exist_ok=True)
            (base / part / f"{video}{s}.txt").write_text("\n".join(lines) + "\n")
            for j in range(1, frames + 1) if crops else ():
                if j not in (11, 12):
                    write_picture(
                        root / "cropped_aligned" / f"{video}{s}" / f"{j:05d}.jpg",
                        picture(0.5 + 0.5 * v[j - 1, 0], 56, 56, i),
                    )
    return root


# WESAD

SENSORS = dict(chest=dict(ACC=3, ECG=1, EMG=1, EDA=1, Temp=1, Resp=1), wrist=dict(ACC=3, BVP=1, EDA=1, TEMP=1))
WRIST = dict(ACC=32, BVP=64, EDA=4, TEMP=4)


def wesad_subject(name, seed=0, seconds=(10, 60, 20, 60, 60)):
    "The content of a subject's pickle: transient, baseline, transient, stress, amusement"
    r, label = np.random.default_rng(seed), np.repeat([0, 1, 0, 2, 3], [700 * s for s in seconds]).astype("int32")

    def sensor(place, key, width):
        n = len(label) * (700 if place == "chest" else WRIST[key]) // 700
        t, y = np.arange(n) / n * sum(seconds), label[np.arange(n) * len(label) // n]
        return (
            np.sin(2 * np.pi * (1 + 0.3 * y) * t)[:, None]
            + 0.1 * r.normal(size=(n, width))
            + dict(EDA=4, TEMP=33, Temp=33).get(key, 0)
        ).astype("float32" if key == "Temp" else "float64")

    return {
        "signal": {p: {k: sensor(p, k, w) for k, w in s.items()} for p, s in SENSORS.items()},
        "label": label,
        "subject": name,
    }


def save_pickle(path, d):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(d, 2))


def wesad(root, names=("S2", "S3", "S4")):
    for i, n in enumerate(names):
        save_pickle(root / n / f"{n}.pkl", wesad_subject(n, i))
    return root


# Stress-Predict

E4 = dict(BVP=64, EDA=4, TEMP=4, ACC=32, HR=1)
LABELS = "Processed_data/Improved_All_Combined_hr_rsp_binary.csv"


def stress_predict(root, people=(2, 3, 5), seconds=200):
    rows = ["Participant,HR,respr,Time(sec),Label"]
    for p in people:
        r, start = np.random.default_rng(p), 1644227573 + 100000 * p
        for sensor, hz in E4.items():
            t = np.arange(seconds * hz) / hz
            x = np.sin(2 * np.pi * t * (1 + (t > 100))) + 0.1 * r.normal(size=len(t))
            lines = (
                [
                    ", ".join([f"{start}.000000"] * 3),
                    ", ".join([f"{hz}.000000"] * 3),
                    *(f"{int(40 * v)},{int(9 * v)},50" for v in x),
                ]
                if sensor == "ACC"
                else [f"{start}.000000", f"{hz}.000000", *(f"{v:.4f}" for v in x)]
            )
            write_text(root / "Raw_data" / f"S{p:02d}" / f"{sensor}.csv", "\n".join(lines) + "\n")
        rows += [f"{p},70.{i % 10},12.1,{start + 10 + i},{int(i >= 90)}" for i in range(180)]
    write_text(root / LABELS, "\n".join(rows) + "\n")
    return root


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# CEAP-360VR


def ceap(root, people=(1, 2, 10), videos=("V1", "V2"), seconds=21):
    from mtpkd.data.corpora.ceap import CEAP_PARTS

    for p in people:
        series = {k: [] for k in CEAP_PARTS}
        for j, v in enumerate(videos):
            fps, mood = (25, 30)[j % 2], np.sin(p + j)
            series["annotation"].append(
                (
                    v,
                    [
                        (round(i / fps, 3), round(5 + 3 * mood * i / fps / seconds, 3), round(5 - 2 * mood, 3))
                        for i in range(seconds * fps)
                    ],
                )
            )
            series["head"].append(
                (v, [(i + 1, round(20 * mood, 3), round(170 * np.sin(i / 9 + j), 3)) for i in range(seconds * 5 - 1)])
            )
            series["eye"].append(
                (v, [(a, a + 20, round(10 * mood, 3), -30.5) for a in range(5, seconds * fps - 30, 40)])
            )
        for k, (file, outer, inner, name, fields) in CEAP_PARTS.items():
            d = {
                outer: [
                    {
                        "ParticipantID": str(p) if k == "annotation" else f"P{p}",
                        inner: [{"VideoID": v, name: [dict(zip(fields, e)) for e in x]} for v, x in series[k]],
                    }
                ]
            }
            write_text(root / file.format(p), json.dumps(d, indent=4))
    return root


# StressID

TABLES = {
    "video11tasks_aus_gaze_mean_std.csv": 84,
    "ecg_features.csv": 45,
    "eda_features.csv": 20,
    "resp_features.csv": 61,
    "HCfeatures.csv": 140,
}
TASKS = "Baseline Breathing Counting1 Counting2 Counting3 Math Reading Relax Speaking Stroop Video1 Video2".split()


def stressid(root, people=("2ea4", "2hpu", "45lx", "8g4y")):
    speech = ("Counting1", "Counting2", "Counting3", "Math", "Reading", "Speaking", "Stroop")
    for k, (file, width) in enumerate(TABLES.items()):
        voice, r, lines = file == "HCfeatures.csv", np.random.default_rng(k), []
        for who in people:
            for i, task in enumerate(TASKS):
                if voice and task not in speech:
                    continue
                lines.append(
                    ",".join(
                        [f"{who}_{task}{'.wav' if voice else ''}", *(f"{v:.4f}" for v in r.normal(i / 4, 1, width))]
                    )
                )
        head = [] if voice else [",".join(["", *(f"f{i}" for i in range(width))])]
        write_text(root / "Feature Extraction" / "Features" / file, "\n".join(head + lines) + "\n")
    write_text(
        root / "labels.csv",
        "subject/task,binary-stress,affect3-class\n"
        + "".join(f"{p}_{t},{int(t in speech)},{i % 3}\n" for p in people for i, t in enumerate(TASKS)),
    )
    return root


# RAVDESS and CREMA-D


def ravdess(root, actors=(1, 2, 3), emotions=(1, 3, 5)):
    for a in actors:
        for e in emotions:
            name, voice = f"01-{e:02d}-01-01-01-{a:02d}", tone(0.4, 100 * e, 48000, a)
            film = [picture(e / 8, seed=a)] * 12
            write_video(
                root / f"Video_Speech_Actor_{a:02d}" / f"Actor_{a:02d}" / f"01-{name}.mp4",
                film,
                30,
                voice=voice,
                sound_hz=48000,
            )
            write_video(root / f"Video_Speech_Actor_{a:02d}" / f"Actor_{a:02d}" / f"02-{name}.mp4", film, 30)
            write_wav(root / "Audio_Speech_Actors_01-24" / f"Actor_{a:02d}" / f"03-{name}.wav", voice, 48000)
    return root


def crema_d(root, actors=(1001, 1002, 1003), emotions=("ANG", "HAP", "NEU")):
    for a in actors:
        for i, e in enumerate(emotions):
            name, voice = f"{a}_IEO_{e}_{'XX' if e == 'NEU' else 'LO'}", tone(0.5, 150 + 100 * i, 16000, a)
            write_wav(root / "AudioWAV" / f"{name}.wav", voice, 16000)
            write_video(
                root / "VideoFlash" / f"{name}.flv",
                [picture(i / 3, seed=a % 100)] * 12,
                30,
                codec="flv1",
                voice=tone(0.5, 200, 44100),
                sound_hz=44100,
                sound_codec="mp3",
            )
    return root
