"Which sound belongs to which frame, and which frames to which seconds, in films whose frames are not evenly spaced."

import warnings
import numpy as np, pytest
import corpus_trees as trees
from mtpkd.data.corpora.ceap import eye_signal
from mtpkd.data.manifest import load_manifest
from mtpkd.data.reading import read
from mtpkd.data.sound import read_sound
from mtpkd.data.video import open_recording
from test_media import encode, HZ, level

STAMPS = {  # milliseconds
    "constant": np.round(1000 * np.arange(30) / 30),
    "slow in the dark": np.r_[np.round(1000 * np.arange(15) / 30), 500 + 100 * np.arange(15)],
    "late": 400 + np.round(1000 * np.arange(30) / 30),
    "late and slow": 700 + np.cumsum(np.r_[0, np.tile([20, 20, 90], 10)[:29]]),
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return trees.affwild2(tmp_path_factory.mktemp("films") / "copy", crops=False)


@pytest.mark.parametrize("form", ["mp4", "matroska", "mpegts"])
@pytest.mark.parametrize("name", STAMPS)
def test_sound_of_affwild2_follows_its_frames(videos, name, form):
    "The picture turns white with frame 16, and a tone begins"
    stamps = STAMPS[name]
    (videos / "batch2" / "video7.avi").unlink(missing_ok=True)
    path = videos / "batch2" / "video7.mp4"
    voice = np.zeros(int((stamps[-1] / 1000 + 0.3) * HZ))
    start = int(stamps[15] / 1000 * HZ)
    voice[start:] = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(voice) - start) / HZ)
    frames = [level(255 * (i >= 15)) for i in range(30)]
    encode(path, frames, "libx264", form, stamps=stamps, voice=voice, options={"bf": "0"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = read("affwild2_va+per_frame", root=videos, files=True)
    loud = []
    for name, medium in zip(samples.sample, samples.arrays["audio"]):
        if name.startswith("Train_Set/video7/"):
            sound = read_sound(path, HZ, (medium["first"] - 1) / HZ, medium["last"] / HZ)
            loud.append((int(name[-5:]), np.sqrt((sound**2).mean()) > 0.1))
    assert [is_loud for _, is_loud in loud] == [number >= 16 for number, _ in loud]


def test_window_of_biovid_follows_the_frames(tmp_path):
    "Half of the clip has 25 frames a second, half of it 10"
    trees.biovid(tmp_path, trees.SUBJECTS[:1], ["BL1", "PA4"], frames=30)
    stamps = np.r_[40 * np.arange(50), 2000 + 100 * np.arange(88)]
    clip = next((tmp_path / "video").rglob("*.mp4"))
    encode(clip, [level(i) for i in range(138)], "libx264", "mp4", stamps=stamps, options={"bf": "0"})
    m = load_manifest(f"biovid_a@{tmp_path}")
    m = m.model_copy(update={"options": m.options | {"window_s": [1, 4]}})
    video = read(m, ["video"], files=True).arrays["video"]
    row = video[[clip.name in path for path in video["path"]]][0]
    times = open_recording(clip).times
    assert times[row["first"] - 1] == 1 and times[row["last"]] == 4


def test_fixations_of_ceap_follow_the_time_stamps():
    times = np.r_[np.arange(50) / 25, 2 + np.arange(50) / 10]
    seen = eye_signal(np.array([[50, 59, 0, 0.0]]), times, 40)
    assert np.flatnonzero(seen[3]).tolist() == list(range(10, 15)) and seen[4, 10] == pytest.approx(1)
