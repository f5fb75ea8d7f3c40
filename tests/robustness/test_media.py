"Media of every kind: what is whole is read exactly, upright, at its own time and level, and check and prepare see the same."

import io, os, struct, wave
from fractions import Fraction
import av, numpy as np, pytest
from hypothesis import given, settings, strategies as st
from mtpkd.core.errors import InputError
from mtpkd.data.clips import centre_box, crop
from mtpkd.data.faces import face_clip, track_face
from mtpkd.data.media_files import open_media, read_picture
from mtpkd.data.media_probe import probe_image, probe_sound, probe_video
from mtpkd.data.sound import read_sound
from mtpkd.data.video import open_recording, read_frames

HZ = 16000
few = settings(max_examples=25, deadline=None)


def level(value, height=48, width=64):
    return np.full((height, width, 3), value, "uint8")


def encode(path, frames, codec="libx264", form=None, pixels="yuv420p", stamps=None, voice=None, options=None, **box):
    "A film of `frames`, at 25 a second or at `stamps` in milliseconds, with a voice"
    with av.open(str(path), "w", format=form, options=box) as container:
        stream = container.add_stream(codec, rate=25, options={"g": "10"} | (options or {}))
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], pixels
        if stamps is not None:
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        sound = None if voice is None else container.add_stream("aac", rate=HZ, layout="mono")
        for i, x in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(x, format="rgb24")
            if stamps is not None:
                frame.pts, frame.time_base = int(stamps[i]), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for i in range(0, 0 if voice is None else len(voice), 1024):
            block = av.AudioFrame.from_ndarray(
                voice[None, i : i + 1024].astype("float32"), format="fltp", layout="mono"
            )
            block.sample_rate, block.pts = HZ, i
            container.mux(sound.encode(block))
        if sound:
            container.mux(sound.encode())
    return path


# kinds of film

FILMS = {
    "mp4 h264": ("libx264", "mp4", "yuv420p"),
    "mp4 in fragments": ("libx264", "mp4", "yuv420p"),
    "mp4 h265": ("libx265", "mp4", "yuv420p"),
    "mp4 av1": ("libsvtav1", "mp4", "yuv420p"),
    "mp4 mpeg4": ("mpeg4", "mp4", "yuv420p"),
    "mov mjpeg": ("mjpeg", "mov", "yuvj420p"),
    "mov prores": ("prores_ks", "mov", "yuv422p10le"),
    "mkv h264": ("libx264", "matroska", "yuv420p"),
    "mkv ffv1": ("ffv1", "matroska", "yuv420p"),
    "webm vp8": ("libvpx", "webm", "yuv420p"),
    "webm vp9": ("libvpx-vp9", "webm", "yuv420p"),
    "avi mpeg4": ("mpeg4", "avi", "yuv420p"),
    "avi mjpeg": ("mjpeg", "avi", "yuvj420p"),
    "avi h264": ("libx264", "avi", "yuv420p"),
    "avi raw": ("rawvideo", "avi", "yuv420p"),
    "avi huffyuv": ("huffyuv", "avi", "yuv422p"),
    "ts h264": ("libx264", "mpegts", "yuv420p"),
    "ts mpeg2": ("mpeg2video", "mpegts", "yuv420p"),
    "mpg mpeg1": ("mpeg1video", "mpeg", "yuv420p"),
    "flv": ("flv1", "flv", "yuv420p"),
    "wmv": ("wmv2", "asf", "yuv420p"),
    "gif": ("gif", "gif", "rgb8"),
}


@pytest.mark.parametrize("kind", FILMS)
def test_every_kind_of_film_is_read_exactly(tmp_path, kind):
    codec, form, pixels = FILMS[kind]
    if codec not in av.codecs_available:
        pytest.skip(f"no encoder {codec} here")
    more = {"movflags": "frag_keyframe+empty_moov"} if "fragments" in kind else {}
    path = encode(tmp_path / "film.bin", [level(6 * i) for i in range(40)], codec, form, pixels, **more)
    r = open_recording(path)
    whole = [x.mean() for x in read_frames(r, None)]
    assert len(r) == 40 and np.abs(np.array(whole) - 6 * np.arange(40)).max() < 9
    for positions in ([0], [1], [9], [10], [11], [25], [39], [3, 4, 20, 21, 39]):
        assert [x.mean() for x in read_frames(r, positions)] == [whole[i] for i in positions]
    assert np.allclose(np.diff(r.times), 0.04, atol=0.0011) and probe_video(path, every=True).fault == ""


@pytest.mark.parametrize("kind", ["mp4 h264", "mkv h264", "avi mjpeg", "flv"])
@pytest.mark.parametrize("share", [0.4, 0.7, 0.9])
def test_a_film_that_ends_early_is_refused_by_check_and_by_prepare(tmp_path, kind, share):
    codec, form, pixels = FILMS[kind]
    frames = list(np.random.default_rng(0).integers(0, 255, (60, 48, 64, 3), "uint8"))
    more = {"movflags": "faststart"} if form == "mp4" else {}
    whole = encode(tmp_path / "whole", frames, codec, form, pixels, **more).read_bytes()
    (tmp_path / "cut").write_bytes(whole[: int(share * len(whole))])
    assert probe_video(tmp_path / "whole").fault == ""
    assert "early" in probe_video(tmp_path / "cut").fault
    with pytest.raises(InputError, match="cut: ends early"):
        open_recording(tmp_path / "cut")


# time


@few
@given(st.lists(st.integers(1, 300), min_size=19, max_size=39), st.integers(0, 900), st.booleans())
def test_frames_have_their_own_times(tmp_path_factory, gaps, start, matroska):
    "Whatever the gaps between frames, and however late the first one comes after the sound"
    path = tmp_path_factory.mktemp("time") / "film"
    stamps = start + np.cumsum([0, *gaps])
    frames = [level(255 * (i >= 10)) for i in range(len(stamps))]
    voice = np.zeros(stamps[-1] * HZ // 1000 + HZ // 5)
    voice[stamps[10] * HZ // 1000 :] = 0.5
    encode(path, frames, "libx264", "matroska" if matroska else "mp4", stamps=stamps, voice=voice, options={"bf": "0"})
    r = open_recording(path)
    assert np.abs(r.times[:-1] - stamps / 1000).max() < 0.0011 and r.times[-1] > r.times[-2]
    white = int(np.argmax([x.mean() > 128 for x in read_frames(r, None)]))
    assert white == 10
    seconds = max(0.1, gaps[9] / 1000)
    before = read_sound(path, HZ, r.times[white] - 0.1, r.times[white] - 0.02)
    after = read_sound(path, HZ, r.times[white] + 0.02, r.times[white] + seconds)
    assert np.abs(before).mean() < 0.1 and np.abs(after[: HZ // 20]).mean() > 0.2


def test_equal_time_stamps_do_not_hide_frames(tmp_path):
    stamps = [0, 40, 40, 80, 120, 120, 160, 200, 200, 240]
    encode(tmp_path / "even", [level(20 * i) for i in range(10)], "mjpeg", "matroska", "yuvj420p")
    with av.open(str(tmp_path / "even")) as even, av.open(str(tmp_path / "film"), "w", format="matroska") as film:
        stream = film.add_stream_from_template(even.streams.video[0])
        for packet, stamp in zip((p for p in even.demux(video=0) if p.size), stamps):
            packet.pts = packet.dts = stamp
            packet.stream = stream
            film.mux(packet)
    r = open_recording(tmp_path / "film")
    assert len(r) == 10 and (np.diff(r.stamps) == 0).any()
    whole = [round(x.mean() / 20) for x in read_frames(r, None)]
    assert whole == list(range(10))
    assert [[round(x.mean() / 20) for x in read_frames(r, [i])] for i in range(10)] == [[i] for i in range(10)]


def _box(data, names, at=0, end=None):
    "Position of a box of an .mp4 within others"
    end = end or len(data)
    while at + 8 <= end:
        size, name = struct.unpack(">I4s", data[at : at + 8])
        if name == names[0]:
            return at if len(names) == 1 else _box(data, names[1:], at + 8, at + size)
        at += size
    return None


@pytest.mark.parametrize("first", [5, 10, 20])
def test_frames_that_an_edit_list_takes_out_are_not_there(tmp_path, first):
    path = encode(tmp_path / "film", [level(6 * i) for i in range(40)], "libx264", "mp4")
    data = bytearray(path.read_bytes())
    at = _box(data, [b"moov", b"trak", b"edts", b"elst"]) + 16
    duration, start = struct.unpack(">Ii", data[at : at + 8])
    data[at : at + 8] = struct.pack(">Ii", duration * (40 - first) // 40, start + 512 * first)
    path.write_bytes(data)
    r = open_recording(path)
    values = [round(x.mean() / 6) for x in read_frames(r, None)]
    assert values == list(range(first, 40)) and abs(r.times[0]) < 1e-6
    for i in (0, 1, 7, len(r) - 1):
        assert [round(x.mean() / 6) for x in read_frames(r, [i])] == [values[i]]
    assert probe_video(path).fault == ""


# orientation

MATRICES = {
    "none": (1, 0, 0, 1),
    "quarter": (0, 1, -1, 0),
    "half": (-1, 0, 0, -1),
    "three quarters": (0, -1, 1, 0),
    "mirror": (-1, 0, 0, 1),
    "upside down mirror": (1, 0, 0, -1),
}


def _seen(stored, matrix):
    "What a player shows: pixel (column p, row q) goes to (ap + cq, bp + dq)"
    a, b, c, d = matrix
    q, p = np.mgrid[: stored.shape[0], : stored.shape[1]]
    x, y = a * p + c * q, b * p + d * q
    out = np.empty((np.ptp(y) + 1, np.ptp(x) + 1, 3), stored.dtype)
    out[y - y.min(), x - x.min()] = stored
    return out


@pytest.mark.parametrize("name", MATRICES)
def test_films_are_turned_as_their_display_matrix_says(tmp_path, name):
    stored = level(30)
    stored[:24, :32], stored[:24, 32:], stored[24:, :32] = 90, 160, 230
    path = encode(tmp_path / "film", [stored] * 5, "libx264", "mp4", options={"crf": "1"})
    data = bytearray(path.read_bytes())
    at = _box(data, [b"moov", b"trak", b"tkhd"]) + 48
    a, b, c, d = (65536 * i for i in MATRICES[name])
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    expected = _seen(stored, MATRICES[name])
    frame = next(read_frames(path, [2]))
    assert frame.shape == expected.shape and np.abs(frame.astype(int) - expected).mean() < 6
    assert probe_video(path).size == expected.shape[:2]
    clip, _ = face_clip(path, [0, 3], 48, detector="whole")
    assert np.abs(clip[0].astype(int) - crop(expected, centre_box(*expected.shape[:2]), 48)).mean() < 6


def picture(path, pixels):
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        is_jpeg = path.suffix == ".jpg"
        stream = container.add_stream("mjpeg" if is_jpeg else "png", rate=1)
        stream.height, stream.width, stream.pix_fmt = *pixels.shape[:2], "yuvj420p" if is_jpeg else "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("byte_order", ["II", "MM"])
def test_pictures_are_turned_as_exif_says(tmp_path, orientation, byte_order):
    from PIL import Image, ImageOps

    stored = level(30, 24, 40)
    stored[:12, :20], stored[:12, 20:] = 120, 220
    data = picture(tmp_path / "0001.jpg", stored)
    order = "<" if byte_order == "II" else ">"
    head = byte_order.encode() + struct.pack(order + "HI", 42, 8)
    body = b"Exif\0\0" + head + struct.pack(order + "HHHIHHI", 1, 0x112, 3, 1, orientation, 0, 0)
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
    (tmp_path / "0001.jpg").write_bytes(data)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)
    for pixels in (read_picture(tmp_path / "0001.jpg"), next(read_frames(tmp_path, [0]))):
        assert pixels.shape == expected.shape and np.abs(pixels - expected).mean() < 4
    assert probe_image(tmp_path / "0001.jpg").size == expected.shape[:2]


@few
@given(st.sampled_from([".jpg", ".png"]), st.binary(max_size=300), st.integers(0, 2000))
def test_check_and_prepare_agree_on_pictures(tmp_path_factory, suffix, trailer, cut):
    "Bytes after the end belong to no picture; one that is cut off anywhere is refused by both"
    path = tmp_path_factory.mktemp("picture") / f"0001{suffix}"
    whole = picture(path, np.random.default_rng(0).integers(0, 255, (24, 40, 3), "uint8"))
    path.write_bytes(whole + trailer)
    assert probe_image(path).fault == "" and read_picture(path).shape == (24, 40, 3)
    path.write_bytes(whole[: min(cut, len(whole) - 1)])
    assert probe_image(path).fault
    with pytest.raises(InputError, match="0001"):
        read_picture(path)


# sound

SINE = 0.5 * np.sin(2 * np.pi * 300 * np.arange(HZ) / HZ)


def wav(path, codec, voice=SINE, channels=1):
    layout = {1: "mono", 2: "stereo"}[channels]
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream(codec, rate=HZ, layout=layout)
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(stream.codec_context.format, layout, HZ, size)
        block = av.AudioFrame.from_ndarray(
            np.repeat(voice[:, None], channels, 1).reshape(1, -1).astype("float32"), format="flt", layout=layout
        )
        block.sample_rate, block.pts = HZ, 0
        for part in [*resampler.resample(block), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode())
    return path


def riff(voice, riff_size=None, data_size=None, tag=b"RIFF", before=b"", between=b"", after=b"", form=None):
    data = (voice * 32767).astype("<i2").tobytes()
    form = form or struct.pack("<HHIIHH", 1, 1, HZ, 2 * HZ, 2, 16)
    data_size = len(data) if data_size is None else data_size
    body = b"WAVE" + before + b"fmt " + struct.pack("<I", len(form)) + form + between
    body += b"data" + struct.pack("<I", data_size) + data + after
    return tag + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


def chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


EXTENSIBLE = struct.pack("<HHIIHHHHI", 0xFFFE, 1, HZ, 2 * HZ, 2, 16, 22, 16, 4)
EXTENSIBLE += b"\1\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
LONG = b"ds64" + struct.pack("<IQQQI", 28, 2 * HZ + 80, 2 * HZ, HZ, 0)
WAVS = {
    "extensible": riff(SINE, form=EXTENSIBLE),
    "list before the format": riff(SINE, before=chunk(b"LIST", b"INFO" + chunk(b"INAM", b"ana"))),
    "odd chunk before the data": riff(SINE, between=chunk(b"fact", b"12345")),
    "chunk after the data": riff(SINE, after=chunk(b"LIST", b"INFO")),
    "rubbish after the data": riff(SINE, after=b"rubbish" * 99),
    "pipe, highest": riff(SINE, 2**32 - 1, 2**32 - 1),
    "pipe, zero": riff(SINE, 0, 0),
    "pipe, sox": riff(SINE, 0x7FFFF024, 0x7FFFF000),
    "pipe, riff only": riff(SINE, 2**32 - 1),
    "rf64": riff(SINE, 2**32 - 1, 2**32 - 1, b"RF64", LONG),
    "bw64": riff(SINE, 2**32 - 1, 2**32 - 1, b"BW64", LONG),
}
CODECS = ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw"]
CODECS += ["adpcm_ms", "adpcm_ima_wav"]


@pytest.mark.parametrize("kind", [*CODECS, *WAVS])
def test_every_kind_of_wav_is_read(tmp_path, kind):
    path = tmp_path / "a.wav"
    if kind in WAVS:
        path.write_bytes(WAVS[kind])
    else:
        wav(path, kind)
    probe, x = probe_sound(path), read_sound(path, HZ)
    assert (probe.fault, probe.rate_hz, probe.channels, probe.constant) == ("", HZ, 1, False)
    assert abs(probe.duration - 1) < 0.13 and len(x) >= HZ
    settled = slice(HZ // 20, HZ)  # an adaptive code needs a moment
    assert np.abs(x[settled] - SINE[settled]).max() < 0.06
    assert np.abs(read_sound(path, HZ, 0.25, 0.75) - SINE[4000:12000]).max() < 0.06


@few
@given(st.integers(0, 3 * HZ), st.sampled_from(["plain", "rf64", "extensible"]))
def test_check_and_prepare_agree_on_a_wav_cut_anywhere(tmp_path_factory, cut, kind):
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    whole = WAVS.get(kind, riff(SINE))
    path.write_bytes(whole[: min(cut, len(whole) - 2)])
    assert probe_sound(path).fault
    with pytest.raises(InputError, match="a.wav"):
        read_sound(path, HZ)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6, 7, 8, 11])
@pytest.mark.parametrize("rate", [HZ, 8000])
def test_the_level_does_not_depend_on_the_number_of_channels(tmp_path, channels, rate):
    with wave.open(str(tmp_path / "a.wav"), "wb") as f:
        f.setnchannels(channels), f.setsampwidth(2), f.setframerate(HZ)
        f.writeframes(np.repeat((SINE * 32767).astype("<i2"), channels).tobytes())
    x = read_sound(tmp_path / "a.wav", rate)
    assert abs(np.sqrt((x[rate // 10 : -rate // 10] ** 2).mean()) - 0.5 / np.sqrt(2)) < 0.003


@pytest.mark.parametrize("form, codec", [("wav", "pcm_s16le"), ("flac", "flac"), ("mp4", "aac"), ("matroska", "aac")])
@pytest.mark.parametrize(
    "form2, codec2", [("mp3", "libmp3lame"), ("ogg", "libvorbis"), ("adts", "aac"), ("ac3", "ac3")]
)
def test_the_level_does_not_depend_on_the_container(tmp_path, form, codec, form2, codec2):
    levels = []
    for form, codec in ((form, codec), (form2, codec2)):
        if codec not in av.codecs_available:
            pytest.skip(f"no encoder {codec} here")
        for channels in (1, 2):
            layout = {1: "mono", 2: "stereo"}[channels]
            path = tmp_path / f"{form}{channels}"
            with av.open(str(path), "w", format=form) as container:
                stream = container.add_stream(codec, rate=48000, layout=layout)
                size = stream.codec_context.frame_size or 1024
                resampler = av.AudioResampler(stream.codec_context.format, layout, 48000, size)
                x = np.repeat(SINE[:, None], channels, 1).reshape(1, -1).astype("float32")
                block = av.AudioFrame.from_ndarray(x, format="flt", layout=layout)
                block.sample_rate, block.pts = HZ, 0
                for part in [*resampler.resample(block), *resampler.resample(None)]:
                    container.mux(stream.encode(part))
                container.mux(stream.encode())
            assert probe_sound(path).fault == ""
            levels.append(np.sqrt((read_sound(path, HZ, 0.2, 0.8) ** 2).mean()))
    assert np.abs(np.array(levels) / (0.5 / np.sqrt(2)) - 1).max() < 0.05, levels


def test_sound_that_was_interrupted_keeps_its_times(tmp_path):
    "A second of tone, a second of nothing, a second of tone"
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=HZ, layout="mono")
        for start in (0, 2 * HZ):
            for i in range(0, HZ, 1000):
                block = av.AudioFrame.from_ndarray(
                    (SINE[None, i : i + 1000] * 32767).astype("int16"), format="s16", layout="mono"
                )
                block.sample_rate, block.pts, block.time_base = HZ, start + i, Fraction(1, HZ)
                container.mux(stream.encode(block))
        container.mux(stream.encode())
    x = read_sound(tmp_path / "a.mkv", HZ)
    loud = [np.abs(x[int(t * HZ) : int((t + 0.1) * HZ)]).mean() > 0.1 for t in (0.5, 1.4, 2.5)]
    assert loud == [True, False, True] and abs(len(x) - 3 * HZ) < 50


def adts(channels, seconds=1.0):
    out = io.BytesIO()
    layout = {1: "mono", 2: "stereo"}[channels]
    with av.open(out, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=HZ, layout=layout)
        x = np.tile(SINE[: int(HZ * seconds)].astype("float32"), (channels, 1))
        for i in range(0, x.shape[1], 1024):
            block = av.AudioFrame.from_ndarray(np.ascontiguousarray(x[:, i : i + 1024]), format="fltp", layout=layout)
            block.sample_rate, block.pts = HZ, i
            container.mux(stream.encode(block))
        container.mux(stream.encode())
    return out.getvalue()


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_glued_recordings_are_refused_by_check_and_by_prepare(tmp_path, order):
    (tmp_path / "glued.aac").write_bytes(adts(order[0]) + adts(order[1]))
    assert "changes from" in probe_sound(tmp_path / "glued.aac").fault
    with pytest.raises(InputError, match="glued.aac: sound cannot be decoded .it changes from . channels"):
        read_sound(tmp_path / "glued.aac", HZ)
    (tmp_path / "twice.aac").write_bytes(adts(1) + adts(1))
    assert probe_sound(tmp_path / "twice.aac").fault == "" and len(read_sound(tmp_path / "twice.aac", HZ)) > 1.9 * HZ


def test_silence_and_one_colour_are_seen(tmp_path):
    (tmp_path / "silent.wav").write_bytes(riff(np.zeros(HZ)))
    (tmp_path / "offset.wav").write_bytes(riff(np.full(HZ, 0.2)))
    (tmp_path / "quiet.wav").write_bytes(riff(SINE * 1e-3))
    assert [probe_sound(tmp_path / f"{n}.wav").constant for n in ("silent", "offset", "quiet")] == [True, True, False]
    one = encode(tmp_path / "one", [level(90)] * 9, "libx264", "mp4")
    fading = encode(tmp_path / "fading", [level(90 + 9 * i) for i in range(9)], "libx264", "mp4")
    assert [probe_video(path).constant for path in (one, fading)] == [True, False]


def test_a_film_that_changes_its_size(tmp_path):
    "Every frame is read; a face cannot be followed from one size to another"
    encode(tmp_path / "small", [level(20 * i) for i in range(6)], "mjpeg", "matroska", "yuvj420p")
    encode(tmp_path / "large", [level(20 * i, 96, 128) for i in range(6)], "mjpeg", "matroska", "yuvj420p")
    with av.open(str(tmp_path / "both"), "w", format="matroska") as film:
        stream, stamp = None, 0
        for name in ("small", "large"):
            with av.open(str(tmp_path / name)) as part:
                stream = stream or film.add_stream_from_template(part.streams.video[0])
                for packet in (p for p in part.demux(video=0) if p.size):
                    packet.pts = packet.dts = stamp
                    packet.stream = stream
                    film.mux(packet)
                    stamp += 40
    assert [x.shape[0] for x in read_frames(tmp_path / "both", None)] == [48] * 6 + [96] * 6
    assert face_clip(tmp_path / "both", [0, 11], 32, detector="whole")[0].shape == (2, 32, 32, 3)
    with pytest.raises(InputError, match="both: frames change from 64 x 48 to 128 x 96 pixels"):
        track_face(tmp_path / "both", [0, 11], detector="whole")


# what is no recording


def test_a_list_of_other_files_is_no_recording(tmp_path):
    "A canary: the pixels of the other file must not come through, whatever the name of the list"
    (tmp_path / "private").mkdir(), (tmp_path / "set").mkdir()
    secret = encode(tmp_path / "private" / "secret.ts", [level(200)] * 5, "libx264", "mpegts")
    lists = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '../private/secret.ts'\nfile '{secret}'\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
    }
    for name, text in lists.items():
        for suffix in ("mp4", "m3u8", "ts", "ffconcat", "sdp"):
            path = tmp_path / "set" / f"{name}.{suffix}"
            path.write_text(text)
            assert probe_video(path).fault
            with pytest.raises(InputError, match="cannot be opened"):
                open_recording(path)
    named = tmp_path / "set" / f"concat:{secret.name}|b.ts"
    os.makedirs(named.parent, exist_ok=True)
    named.write_bytes(secret.read_bytes())
    assert len(open_recording(named)) == 5  # a strange name is a name


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    assert probe_sound(tmp_path / "a.wav").fault == probe_video(tmp_path / "a.wav").fault == "is not a file"
    for read in (open_media, lambda path: read_sound(path, HZ), open_recording, read_picture):
        with pytest.raises(InputError, match="a.wav"):
            read(tmp_path / "a.wav")


@few
@given(
    st.sampled_from(["film", "sound", "picture"]),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8),
)
def test_damage_anywhere_is_one_line_or_the_recording(tmp_path_factory, kind, damage):
    folder = tmp_path_factory.mktemp("damage")
    path = folder / {"film": "a.mp4", "sound": "a.wav", "picture": "0001.jpg"}[kind]
    if kind == "film":
        encode(path, [level(9 * i) for i in range(12)], "libx264", "mp4", voice=SINE)
    elif kind == "sound":
        path.write_bytes(riff(SINE[:800]))
    else:
        picture(path, level(90))
    data = bytearray(path.read_bytes())
    for at, value in damage:
        data[at % len(data)] = value
    path.write_bytes(data)
    for probe in (probe_video, probe_sound, probe_image):
        assert "\n" not in probe(path).fault
    for read in (lambda: list(read_frames(path, None)), lambda: read_sound(path, 8000), lambda: read_picture(path)):
        try:
            read()
        except InputError as e:
            assert "\n" not in str(e) and path.name in str(e)
