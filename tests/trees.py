"Small trees in the exact layout of the data sets that mtpkd reads, with real encoded media; every one can be broken afterwards."
import json, os, pickle, wave
from pathlib import Path
import av, numpy as np

# media

def picture(level, height=48, width=64, seed=0):
    "A face-like picture `(H, W, 3)` whose brightness is `level`, 0 to 1"
    y, x = np.mgrid[:height, :width]
    oval = ((x - width/2)/(width/3))**2 + ((y - height/2)/(height/2.5))**2 < 1
    noise = np.random.default_rng(seed).integers(0, 20, (height, width))
    return np.repeat((oval*(60 + 150*level) + noise).astype("uint8")[..., None], 3, 2)

def write_video(path, frames, fps=25, codec="mpeg4", voice=None, sound_hz=16000, sound_codec="aac", **options):
    "Encode `frames` (and `voice`, float `(T,)`) as a video; mp4 or avi or flv by suffix"
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options) as box:
        s = box.add_stream(codec, rate=fps); s.height, s.width, s.pix_fmt = *frames[0].shape[:2], "yuv420p"
        a = None if voice is None else box.add_stream(sound_codec, rate=sound_hz, layout="mono")
        for f in frames:
            for p in s.encode(av.VideoFrame.from_ndarray(f, format="rgb24")): box.mux(p)
        for p in s.encode(): box.mux(p)
        if a is not None: _mux_sound(box, a, voice, sound_hz)
    return path

def _mux_sound(box, stream, voice, hz):
    "Encode sound in the form that the codec wants"
    shape = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=hz, frame_size=stream.codec_context.frame_size or 1024)
    whole = av.AudioFrame.from_ndarray(voice[None].astype("float32"), format="flt", layout="mono")
    whole.sample_rate, whole.pts = hz, 0
    for f in [*shape.resample(whole), *shape.resample(None)]:
        for p in stream.encode(f): box.mux(p)
    for p in stream.encode(): box.mux(p)

def write_picture(path, pixels):
    "Encode one picture as .jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as box:
        s = box.add_stream("mjpeg", rate=1); s.height, s.width, s.pix_fmt = *pixels.shape[:2], "yuvj420p"
        for p in [*s.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")), *s.encode()]: box.mux(p)
    return path

def tone(seconds, hz, rate, seed=0):
    t = np.arange(round(seconds*rate))/rate
    return (.3*np.sin(2*np.pi*hz*t) + .02*np.random.default_rng(seed).normal(size=len(t))).astype("float32")

def write_wav(path, x, rate):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as w:
        w.setnchannels(1); w.setsampwidth(2); w.setframerate(rate)
        w.writeframes((x*32000).astype("<i2").tobytes())
    return path

# BioVid

LEVELS = ["BL1", "PA1", "PA2", "PA3", "PA4"]
SUBJECTS = ["071309_w_21", "071313_m_41", "071614_m_20", "080309_m_29"]

def _bio(path, level, seed, rows=2816, emg=True, columns=None):
    "A signal file: tab-separated, the clock in microseconds"
    r, t = np.random.default_rng(seed), np.arange(rows)/512
    x = {"time": np.round(t*1e6), "gsr": 5 + level*t/5 + .01*r.normal(size=rows), "ecg": np.sin(2*np.pi*1.2*t) + .05*r.normal(size=rows)}
    for c in ["emg_trapezius"] + ["emg_corrugator", "emg_zygomaticus"]*emg: x[c] = (1 + 3*level)*r.normal(size=rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, np.stack([x[c] for c in columns or x], 1), "%.6g", "\t", header="\t".join(columns or x), comments="")

def biovid(root, subjects=SUBJECTS, levels=LEVELS, each=1, emg=True, frames=138):
    "The distribution's layout"
    rows = ["subject_id\tsubject_name\tclass_id\tclass_name\tsample_id\tsample_name"]
    for i, who in enumerate(subjects):
        for level in levels:
            for k in range(1, each + 1):
                name, strength = f"{who}-{level}-{k:03d}", LEVELS.index(level)/4
                rows.append(f"{i + 1}\t{who}\t{LEVELS.index(level)}\t{level}\t{len(rows)}\t{name}")
                film = [picture(strength*min(1, f/70), seed=i) for f in range(frames)]
                write_video(root/"video"/who/f"{name}.mp4", film, movflags="faststart")
                _bio(root/"biosignals_filtered"/who/f"{name}_bio.csv", strength, len(rows), emg=emg)
    (root/"starting_point").mkdir(parents=True, exist_ok=True)
    (root/"starting_point"/"samples.csv").write_text("\n".join(rows) + "\n")
    return root

def biovid_frames(root, subjects=SUBJECTS, levels=("BL1", "PA4"), each=1, last=75):
    "The frame folders of the released code"
    lists = {"train.txt": [], "test.txt": []}
    for i, who in enumerate(subjects):
        for level in levels:
            for k in range(1, each + 1):
                name, strength = f"{who}-{level}-{k:03d}", LEVELS.index(level)/4
                for f in range(1, last + 1): write_picture(root/level/name/f"img_{f:05d}.jpg", picture(strength, seed=i))
                _bio(root/"physio"/level/f"{name}_bio.csv", strength, i)
                lists["test.txt" if i == len(subjects) - 1 else "train.txt"].append(f"{level}/{name} 1 {last} {list(levels).index(level)}")
    for n, lines in lists.items(): (root/n).write_text("\n".join(lines) + "\n")
    return root

# Aff-Wild2

def affwild2(root, videos=("10-60-1280x720", "video7", "video9"), frames=30, fps=(30, 25, 20), crops=True, annotated="5th"):
    "Two training videos, the first with two people, and a validation one; gaps in the faces, -5 in the labels"
    base = root/f"{annotated} ABAW Annotations"/"VA_Estimation_Challenge"
    for i, (video, rate) in enumerate(zip(videos, fps)):
        suffix, part = ("_left", "_right") if i == 0 else ("",), "Validation_Set" if i == 2 else "Train_Set"
        t = np.arange(frames)/rate
        write_video(root/f"batch{i + 1}"/f"{video}.{'avi' if i == 1 else 'mp4'}", [picture(.5 + .4*np.sin(3*x), seed=i) for x in t], rate, voice=tone(frames/rate, 200 + 50*i, 16000), sound_codec="mp3" if i == 1 else "aac")
        for s in suffix:
            v = np.stack([np.sin(3*t), np.cos(3*t)], 1)*.9*(-1 if s == "_right" else 1)
            lines = ["valence,arousal"] + ["-5,-5" if j == 4 else f"{a:.4f},{b:.4f}" for j, (a, b) in enumerate(v)]
            (base/part).mkdir(parents=True, exist_ok=True)
            (base/part/f"{video}{s}.txt").write_text("\n".join(lines) + "\n")
            for j in range(1, frames + 1) if crops else ():
                if j not in (11, 12): write_picture(root/"cropped_aligned"/f"{video}{s}"/f"{j:05d}.jpg", picture(.5 + .5*v[j - 1, 0], 56, 56, i))
    return root
