"""Encoders of other libraries: what they give is what the library gives; nothing is downloaded, no code is run; every fault is one line.

Networks of transformers and timm are built from tiny configurations, saved, and loaded from their folder. Where a library is not installed its tests skip, and the
test of its absence runs in earnest."""

import json
import shutil
import socket
import re
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np
import pandas as pd
import pytest
import torch
from media_files import film, film_tree
from mtpkd import run
from mtpkd.api import export
from mtpkd.cli.main import main
from mtpkd.core.config import to_yaml
from mtpkd.core.errors import InputError
from mtpkd.core.installation import install_command
from mtpkd.core.yaml_files import read_yaml
from mtpkd.data.manifest import parse_manifest
from mtpkd.data.media_files import write_video
from mtpkd.data.reading import read
from mtpkd.data.sound import read_sound
from mtpkd.experiments.run_students import find_students
from mtpkd.features.prepare import prepare
from mtpkd.features.encoder_choice import PrepareConfig
from mtpkd.features.piece_features import features_of
from mtpkd.features.pieces import Piece, piece_key, video_pixels
from mtpkd.features.recipes import make_recipe
from mtpkd.models.backbones import build_frozen
from mtpkd.models.encoders import build_encoder, encoders
from mtpkd.models.hub_blocks import build_hub_beginning, build_hub_end
from mtpkd.models.hub_networks import build_hub_network
from tiny_runs import quick

EXTRAS = {
    "transformers": ("transformers:nobody/nothing", "video"),
    "timm": ("timm:resnet18", "video"),
    "opensmile": ("opensmile:eGeMAPSv02", "audio"),
    "neurokit2": ("neurokit:ecg", "signal"),
}
EXTRA_OF = {"transformers": "transformers", "timm": "timm", "opensmile": "opensmile", "neurokit2": "signals"}
WIDTHS = dict(hidden_size=16, num_hidden_layers=3, num_attention_heads=2)
SOUND = dict(
    intermediate_size=24,
    conv_dim=(8, 8),
    conv_kernel=(10, 8),
    conv_stride=(5, 4),
    num_feat_extract_layers=2,
    num_conv_pos_embeddings=16,
    num_conv_pos_embedding_groups=2,
    vocab_size=8,
)
PICTURE = dict(image_size=32, patch_size=16)
PIXELS = dict(do_normalize=True, image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.3, 0.4])
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "it", "hurts", "now", "no"]


@pytest.mark.parametrize("library", EXTRAS)
def test_an_absent_library_is_one_line_that_names_the_extra(library, monkeypatch):
    "In earnest where it is not installed, and as if it were not where it is"
    monkeypatch.setitem(sys.modules, library, None)
    name, kind = EXTRAS[library]
    with pytest.raises(InputError, match=re.escape(install_command(EXTRA_OF[library]))):
        make_recipe(PrepareConfig(encoder=name), "x", kind, 100.0)


# transformers


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    "Folders with a tiny network of every type, by type"
    library = pytest.importorskip(
        "transformers", reason='transformers is not installed: pip install -e ".[transformers]"'
    )
    root = tmp_path_factory.mktemp("networks")
    wide = WIDTHS | dict(intermediate_size=24)
    made = {
        "wav2vec2": library.Wav2Vec2Model(library.Wav2Vec2Config(**WIDTHS, **SOUND)),
        "hubert": library.HubertModel(library.HubertConfig(**WIDTHS, **SOUND, do_stable_layer_norm=True)),
        "wavlm": library.WavLMModel(library.WavLMConfig(**WIDTHS, **SOUND)),
        "clip": library.CLIPModel(
            library.CLIPConfig(vision_config=wide | PICTURE, text_config=wide | dict(vocab_size=64))
        ),
        "dinov2": library.Dinov2Model(library.Dinov2Config(**WIDTHS, **PICTURE)),
        "vit": library.ViTModel(library.ViTConfig(**wide, **PICTURE)),
        "videomae": library.VideoMAEModel(library.VideoMAEConfig(**wide, **PICTURE, num_frames=4)),
        "bert": library.BertModel(library.BertConfig(**wide, vocab_size=len(WORDS), max_position_embeddings=12)),
        "gpt2": library.GPT2Model(library.GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=9)),
    }
    for name, net in made.items():
        torch.manual_seed(0)
        net.apply(lambda part: part.reset_parameters() if hasattr(part, "reset_parameters") else None)
        net.save_pretrained(root / name)
        settings = dict(sampling_rate=16000, do_normalize=True)
        if name in ("clip", "dinov2", "vit", "videomae"):
            settings = PIXELS | dict(do_center_crop=True, crop_size=dict(height=32, width=32))
        (root / name / "preprocessor_config.json").write_text(json.dumps(settings))
    (root / "vocab.txt").write_text("\n".join(WORDS))
    library.BertTokenizer(vocab=str(root / "vocab.txt"), model_max_length=12).save_pretrained(root / "bert")
    return {name: root / name for name in made}


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    "A film with sound"
    path = tmp_path_factory.mktemp("recording") / "film.mp4"
    sound = np.sin(np.arange(16000) ** 1.2 / 50).astype("float32") * np.linspace(0, 0.5, 16000, dtype="float32")
    return write_video(path, film(1, 0, 0, 12, 32), crf=12, sound=sound)


def settings_for(folder, **more):
    sizes = dict(faces="whole", size=32, frames=4, sound_seconds=0.5)
    return PrepareConfig(encoder=f"transformers:{folder}", **sizes | more)


def of_library(folder, kind="AutoModel"):
    import transformers

    return getattr(transformers, kind).from_pretrained(folder, local_files_only=True).eval()


def pixels_of(recording, c, mean, sd):  # `(T, 3, H, W)`
    "The pixels that our crop shows, as an image processor of the library scales them"
    frames, _ = video_pixels(c, Piece(recording))
    scaled = (frames[0].astype("float32") / 255 - np.float32(mean)) / np.float32(sd)
    return torch.from_numpy(scaled.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "wavlm"])
def test_voices_are_those_of_the_library(networks, recording, kind):
    from transformers import Wav2Vec2FeatureExtractor

    sound = read_sound(recording, 16000)
    middle = (len(sound) - 8000) // 2
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(networks[kind])
    c = settings_for(networks[kind])
    ours, _ = features_of(make_recipe(c, "voice", "audio"), Piece(recording))
    values = extractor(sound[middle:][:8000], sampling_rate=16000, return_tensors="pt").input_values
    with torch.no_grad():
        out = of_library(networks[kind])(values, output_hidden_states=True)
    np.testing.assert_allclose(ours, out.last_hidden_state.mean(1).numpy(), atol=1e-5)
    for layer, pooling, expected in (
        ("2", "mean", out.hidden_states[2].mean(1)),
        ("mean", "mean", torch.stack(tuple(out.hidden_states)).mean((0, 2))),
        ("last", "none", out.last_hidden_state.transpose(1, 2)),
    ):
        recipe = make_recipe(settings_for(networks[kind], layer=layer, pooling=pooling), "voice", "audio")
        np.testing.assert_allclose(features_of(recipe, Piece(recording))[0], expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("kind, part", [("clip", "CLIPVisionModel"), ("dinov2", "AutoModel"), ("vit", "AutoModel")])
def test_pictures_are_those_of_the_library(networks, recording, kind, part):
    c = settings_for(networks[kind])
    pixels = pixels_of(recording, c, PIXELS["image_mean"], PIXELS["image_std"])
    with torch.no_grad():
        out = of_library(networks[kind], part)(pixels, output_hidden_states=True)
    expected = {
        ("last", "mean"): out.last_hidden_state.mean(1),
        ("last", "first"): out.last_hidden_state[:, 0],
        ("last", "pooler"): out.pooler_output,
        ("1", "mean"): out.hidden_states[1].mean(1),
    }
    for (layer, pooling), value in expected.items():
        recipe = make_recipe(settings_for(networks[kind], layer=layer, pooling=pooling), "face", "video")
        ours, _ = features_of(recipe, Piece(recording))
        np.testing.assert_allclose(ours, value.T[None].numpy(), atol=1e-5)


def test_a_pooling_without_weights_is_never_random(networks, recording, tmp_path):
    "A folder whose network lacks the pooling of its own: the same key every time, and no features by random weights"
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "vit"
    shutil.copytree(networks["vit"], folder)
    state = load_file(folder / "model.safetensors")
    kept = {key: value for key, value in state.items() if not key.startswith("pooler.")}
    assert len(kept) < len(state)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    shutil.copytree(folder, tmp_path / "again")
    digests = {make_recipe(settings_for(where), "face", "video").digest for where in (folder, tmp_path / "again")}
    assert len(digests) == 1
    with pytest.raises(InputError, match="has no weights of a pooling of its own; use mean or first"):
        features_of(make_recipe(settings_for(folder, pooling="pooler"), "face", "video"), Piece(recording))


def test_clips_are_those_of_the_library(networks, recording):
    c = settings_for(networks["videomae"])
    pixels = pixels_of(recording, c, PIXELS["image_mean"], PIXELS["image_std"])
    with torch.no_grad():
        out = of_library(networks["videomae"])(pixels[None])
    ours, _ = features_of(make_recipe(c, "face", "video"), Piece(recording))
    np.testing.assert_allclose(ours, out.last_hidden_state.mean(1).numpy(), atol=1e-5)


def test_words_are_those_of_the_library(networks, tmp_path):
    from transformers import AutoTokenizer

    recipe = make_recipe(settings_for(networks["bert"]), "words", "text", 1000.0)
    tokenizer = AutoTokenizer.from_pretrained(networks["bert"])
    net = of_library(networks["bert"])
    for words in ("it hurts", "no " * 40):
        with torch.no_grad():
            out = net(**tokenizer(words, truncation=True, max_length=12, return_tensors="pt"))
        ours, _ = features_of(recipe, Piece(text=words))
        np.testing.assert_allclose(ours, out.last_hidden_state.mean(1).numpy(), atol=1e-5)
    (tmp_path / "a.csv").write_text("start,end,text\n0,1,it hurts\n1,2,no\n")
    from_file, _ = features_of(recipe, Piece(tmp_path / "a.csv", 1, 1000, sha="0"))
    np.testing.assert_array_equal(from_file, features_of(recipe, Piece(text="it hurts"))[0])
    with pytest.raises(InputError, match="holds no words in its window"):
        features_of(recipe, Piece(tmp_path / "a.csv", 5000, 6000, sha="0"))


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "clip", "dinov2", "vit", "videomae"])
def test_the_halves_of_a_network_are_the_whole(networks, kind):
    "The frozen beginning and the end that learns, one after the other; no dropout in either, whatever the mode"
    name = f"transformers:{networks[kind]}"
    x = torch.randn(2, 1600) if kind in ("wav2vec2", "hubert") else torch.randn(2, 3, 4, 32, 32)
    with torch.no_grad():
        maps = build_frozen(name, finetune="block2")(x)
        ours = build_hub_end(name, "block2").train()(maps)
        expected = build_hub_network(name)(x)
        alone = build_hub_beginning(name, "block2")(x[:1])
    assert maps.ndim == 4 and len([p for p in build_hub_end(name, "block2").parts]) == 3
    np.testing.assert_allclose(ours.numpy(), expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(alone.numpy(), maps[:1].numpy(), atol=1e-5)


def test_a_recipe_pins_what_lies_in_the_folder(networks, tmp_path):
    "A moved folder has the same keys; other weights, layers and poolings have others"
    base = make_recipe(settings_for(networks["dinov2"]), "face", "video").digest
    moved = tmp_path / "elsewhere"
    shutil.copytree(networks["dinov2"], moved)
    assert make_recipe(settings_for(moved), "face", "video").digest == base
    others = [
        make_recipe(settings_for(networks["dinov2"], **change), "face", "video").digest
        for change in (dict(layer="1"), dict(pooling="first"), dict(weights="random"), dict(finetune="block2"))
    ]
    scale = json.loads((moved / "preprocessor_config.json").read_text()) | dict(image_mean=[0, 0, 0.1])
    shutil.copytree(moved, tmp_path / "scaled")
    (tmp_path / "scaled" / "preprocessor_config.json").write_text(json.dumps(scale))
    others.append(make_recipe(settings_for(tmp_path / "scaled"), "face", "video").digest)
    assert len({base, *others}) == 6
    named = settings_for(networks["dinov2"], layer="1,face=2", pooling="face=first,mean")
    assert [make_recipe(named, "face", "video").choice(word) for word in ("layer", "pooling")] == ["2", "first"]


@pytest.fixture
def hub(networks, tmp_path, monkeypatch):
    "A cache of the hub with two revisions of a network, on a machine without a network"
    from huggingface_hub import constants

    repository = tmp_path / "hub" / "models--someone--faces"
    for commit in ("a" * 40, "b" * 40):
        shutil.copytree(networks["dinov2"], repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("b" * 40)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def refuse(*arguments, **named):
        raise AssertionError("something asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_a_name_is_found_in_the_cache_and_its_revision_is_in_the_key(hub):
    of_name = {
        name: make_recipe(replace(settings_for("x"), encoder=f"transformers:{name}"), "face", "video").digest
        for name in ("someone/faces", f"someone/faces@{'a' * 40}", f"someone/faces@{'b' * 40}")
    }
    newest, first, second = of_name.values()
    assert newest == second != first
    for missing in ("someone/faces@v9", "nobody/nothing"):
        with pytest.raises(InputError, match="is not on this machine, and nothing is downloaded unless you say so"):
            make_recipe(replace(settings_for("x"), encoder=f"transformers:{missing}"), "face", "video")


# faults


def broken(folder, tmp_path, *, without=(), **changes):
    "A copy of a folder without some files, and with other entries in its config.json"
    shutil.copytree(folder, tmp_path / "broken", ignore=shutil.ignore_patterns(*without))
    path = tmp_path / "broken" / "config.json"
    if changes and path.exists():
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return tmp_path / "broken"


FAULTS = [
    ("dinov2", dict(without=["*.safetensors"]), {}, "no .safetensors in"),
    ("dinov2", dict(without=["config.json"]), {}, "no readable config.json in"),
    ("dinov2", dict(without=["preprocessor*"]), {}, "no readable preprocessor_config.json in"),
    ("dinov2", dict(model_type="mine", auto_map={"AutoModel": "code.Mine"}), {}, "code of its own, which is never run"),
    ("dinov2", dict(num_hidden_layers=4), {}, "its folder holds no weights"),
    ("gpt2", {}, {}, "is a network of type 'gpt2'; expected one of wav2vec2"),
    ("wav2vec2", {}, {}, "none of 'transformers:"),
    ("dinov2", {}, dict(layer="7"), "has no layer '7'; expected last, mean or a number from 0 to 3"),
    ("dinov2", {}, dict(pooling="max"), "pooling: expected mean, first, pooler, none, got 'max'"),
    ("videomae", {}, dict(pooling="first"), "has no token of the class"),
    ("videomae", {}, dict(frames=8), "was made for 4, got 8; use --set frames=4"),
    ("dinov2", {}, dict(size=112), "was made for 32, got 112; use --set size=32"),
    ("dinov2", {}, dict(finetune="layer4"), "has no part 'layer4'; expected none, or block1 to block3"),
    ("dinov2", {}, dict(weights="mine.pth"), "the weights of transformers:"),
]


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return film_tree(tmp_path_factory.mktemp("films"), subjects=4, each=4, frames=6, size=32)


@pytest.mark.parametrize("kind, damage, settings, message", FAULTS)
def test_a_fault_is_one_line(networks, films, tmp_path, capsys, kind, damage, settings, message):
    folder = broken(networks[kind], tmp_path, **damage)
    words = [f"--set={name}={value}" for name, value in (dict(faces="whole", size=32, frames=4) | settings).items()]
    command = ["data", "prepare", str(films), "--out", str(tmp_path / "out"), "--encoder", f"transformers:{folder}"]
    assert main([*command, "--jobs", "1", *words]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and message in said[0], said


def test_a_name_of_neither_library_is_one_line(films, tmp_path, capsys):
    for i, (name, message) in enumerate(
        (
            ("transformer:x", "unknown name 'transformer:x'; did you mean transformers:NAME?"),
            ("transformers:/nowhere/x", "no such folder"),
            ("r3d18,emg=neurokit:ekg", "unknown kind of signal 'ekg'"),
        )
    ):
        command = ["data", "prepare", str(films), "--out", str(tmp_path / f"out{i}"), "--encoder", name]
        command += ["--weights", "random"]
        assert main(command) == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert len(said) == 1 and message in said[0], said


# prepared, learnt from, exported


def test_a_student_of_such_features_is_exported(networks, films, tmp_path):
    "Frames shared by windows or not, the features are those of one recording; the student leaves as ONNX"
    how = dict(faces="whole", size=32, frames=3, jobs=1, progress=False)
    m = prepare(films, out=tmp_path / "out", encoder=f"transformers:{networks['dinov2']}", layer="2", **how)
    samples = read(m)
    assert samples.arrays["face"].shape == (16, 16, 3)
    c = PrepareConfig(encoder=f"transformers:{networks['dinov2']}", layer="2", faces="whole", size=32, frames=3)
    first, _ = features_of(make_recipe(c, "face", "video"), Piece(films.parent / "video" / f"{samples.sample[0]}.mp4"))
    np.testing.assert_allclose(samples.arrays["face"][0], first[0], atol=1e-5)
    run(m, methods="student_only,kd", config=quick(), labelled=4, folds=2, seeds="0", out=tmp_path / "run")
    assert export(tmp_path / "run", tmp_path / "student.onnx", "kd")["difference"] < 1e-5


def test_the_last_blocks_learn(networks, films, tmp_path):
    "Maps before the last block are stored; the student goes on from the library's weights, and they move"
    name = f"transformers:{networks['dinov2']}"
    how = dict(faces="whole", size=32, frames=2, jobs=1, progress=False)
    m = prepare(films, out=tmp_path / "out", encoder=name, finetune="block3", **how)
    assert read(m).arrays["face"].shape == (16, 16, 2, 5)
    settings = quick(encoder=dict(name=name, finetune="block3"))
    run(m, methods="student_only", config=settings, labelled=4, folds=2, seeds="0", out=tmp_path / "run")
    kept = find_students(tmp_path / "run", "student_only")
    pretrained = dict(build_hub_end(name, "block3").named_parameters())
    ours = {k.partition("backbone.")[2]: v for k, v in kept.params.items() if "backbone." in k}
    assert set(ours) == set(pretrained)
    moved = [k for k in ours if not np.allclose(ours[k][0], pretrained[k].detach().numpy(), atol=1e-7)]
    near = [k for k in ours if np.abs(ours[k][0] - pretrained[k].detach().numpy()).max() < 0.1]
    assert len(moved) > len(ours) / 2 and len(near) == len(ours)


# timm


@pytest.fixture(scope="module")
def timm_folder(tmp_path_factory):
    timm = pytest.importorskip("timm", reason='timm is not installed: pip install -e ".[timm]"')
    import timm.models

    folder = tmp_path_factory.mktemp("timm") / "vit"
    arguments = dict(img_size=32, embed_dim=16, depth=3, num_heads=2)
    torch.manual_seed(1)
    net = timm.create_model("vit_tiny_patch16_224", num_classes=2, **arguments)
    timm.models.save_for_hf(net, folder, model_args=arguments, safe_serialization=True)
    return folder


def test_pictures_of_timm_are_those_of_the_library(timm_folder, recording):
    import timm

    net = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=32, embed_dim=16, depth=3, num_heads=2)
    from safetensors.torch import load_file

    state = load_file(timm_folder / "model.safetensors")
    net.load_state_dict({key: value for key, value in state.items() if not key.startswith("head.")})
    net.eval()
    how = dict(encoder=f"timm:{timm_folder}", faces="whole", size=32, frames=4)
    pixels = pixels_of(recording, PrepareConfig(**how), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    with torch.no_grad():
        last = net.forward_features(pixels)
        expected = {
            ("last", "mean"): last.mean(1),
            ("last", "pooler"): net(pixels),
            ("last", "first"): last[:, 0],
            ("1", "mean"): net.forward_intermediates(pixels, indices=[1], intermediates_only=True)[0].mean((2, 3)),
        }
        maps = build_frozen(f"timm:{timm_folder}", finetune="block3")(pixels.transpose(0, 1)[None])
        halves = build_hub_end(f"timm:{timm_folder}", "block3")(maps)
    np.testing.assert_allclose(halves[0].T.numpy(), last.mean(1).numpy(), atol=1e-5)
    for (layer, pooling), value in expected.items():
        recipe = make_recipe(PrepareConfig(**how, layer=layer, pooling=pooling), "face", "video")
        ours, _ = features_of(recipe, Piece(recording))
        np.testing.assert_allclose(ours, value.T[None].numpy(), atol=1e-5)


def test_a_convolutional_network_of_timm_is_averaged_over_its_picture(recording):
    timm = pytest.importorskip("timm")
    c = PrepareConfig(encoder="timm:resnet18", weights="random", faces="whole", size=224, frames=1, pooling="pooler")
    ours, _ = features_of(make_recipe(c, "face", "video"), Piece(recording))
    average, _ = features_of(make_recipe(replace(c, pooling="mean"), "face", "video"), Piece(recording))
    assert ours.shape == (1, 512, 1)
    np.testing.assert_allclose(ours, average, atol=1e-5)
    with pytest.raises(InputError, match="is not on this machine, and nothing is downloaded"):
        make_recipe(replace(c, weights="default"), "face", "video")
    with pytest.raises(InputError, match="timm has no network 'resnet19'; did you mean"):
        make_recipe(replace(c, encoder="timm:resnet19"), "face", "video")


def test_names_stand_in_the_one_registry(networks):
    "As the encoder of a network, one of them is that of auto for pooled features; an extractor has nothing to learn"
    for name in (f"transformers:{networks['dinov2']}", "face_statistics"):
        assert type(build_encoder(name, (16,), 8)).__name__ == "MLP"
    assert encoders.family_of("timm:resnet18") == "timm" and "face_series" in encoders.names()
    with pytest.raises(InputError, match="takes maps of 16 values a token"):
        build_encoder(f"transformers:{networks['dinov2']}", (8, 1, 5), 8, finetune="block3")


# voices, physiology, tables of faces, words: one set


def corpus(root, kinds=("voice", "heart", "face", "words")):
    "Six recordings of two people with a voice, a heart, a table of their face and words"
    rows, random = [], np.random.default_rng(0)
    for folder in ("sound", "ecg", "face"):
        (root / folder).mkdir(parents=True)
    times = np.arange(0, 12, 1 / 64)
    for i in range(6):
        name = f"r{i}"
        tone = np.sin(2 * np.pi * (150 + 20 * i) * np.arange(16000) / 16000).astype("float32")
        write_video(root / "sound" / f"{name}.mp4", film(i % 2, 0, i, 4, 32), sound=0.3 * tone)
        beats = np.exp(-(((times * (1 + 0.05 * i)) % 1 - 0.5) ** 2) / 0.0008)
        np.save(root / "ecg" / f"{name}.npy", (beats + 0.01 * random.normal(size=len(times)))[None].astype("float32"))
        good = np.arange(10) < (3 if i == 5 else 10)
        lines = ["frame,timestamp,confidence,success,AU01_r,AU12_r"]
        lines += [f"{t + 1},{t / 25},{0.95 if good[t] else 0.1},{int(good[t])},{i + t},{i}" for t in range(10)]
        (root / "face" / f"{name}.csv").write_text("\n".join(lines))
        words = ["it hurts", "no"][i % 2] if i < 5 else ""
        rows.append(
            dict(
                sample=name,
                subject=f"s{i // 3}",
                label=["calm", "pain"][i % 2],
                voice=f"sound/{name}.mp4",
                heart=f"ecg/{name}.npy",
                face=f"face/{name}.csv",
                face_first=1,
                face_last=5,
                words=words,
            )
        )
    pd.DataFrame(rows).to_csv(root / "samples.csv", index=False)
    values = dict(
        name="mixed",
        reader="table",
        files={"table": {"path": "samples.csv"}},
        task=dict(kind="classification", target="label", classes=["calm", "pain"]),
        subject="subject",
        sample="sample",
        modalities={
            "voice": dict(kind="audio", role="prevalent"),
            "heart": dict(kind="signal", shape=[1, len(times)], rate_hz=64, role="privileged"),
            "face": dict(kind="track", rate_hz=25, role="prevalent"),
            "words": dict(kind="text", role="prevalent"),
        },
    )
    values["modalities"] = {name: spec for name, spec in values["modalities"].items() if name in kinds}
    (root / "manifest.yaml").write_text(to_yaml(values))
    return root / "manifest.yaml"


def test_a_table_of_a_face_is_a_modality_whose_bad_frames_are_missing(tmp_path):
    m = corpus(tmp_path / "mixed", ["face"])
    with pytest.raises(InputError, match=re.escape(f"run mtpkd data prepare {m} --root {m.parent} --out DIR")):
        read(m)
    with pytest.raises(InputError, match=re.escape(f"run mtpkd data prepare own --root {m.parent} --out DIR")):
        read(parse_manifest(read_yaml(m) | dict(name="own"), m.parent))
    elsewhere = shutil.copytree(m.parent, tmp_path / "elsewhere")
    with pytest.raises(InputError, match=re.escape(f"run mtpkd data prepare {m} --root {elsewhere} --out DIR")):
        read(m, root=elsewhere)
    out = prepare(m, out=tmp_path / "out", encoder="face_statistics", jobs=1, progress=False)
    samples = read(out)
    assert samples.arrays["face"].shape == (6, 8)
    np.testing.assert_allclose(samples.arrays["face"][0, :2], [2, 0])  # frames 1 to 5 of a course 0, 1, 2, ...
    index = pd.read_parquet(tmp_path / "out" / "index.parquet").set_index("sample")
    assert index.loc["r5", "face:good"] == 0.6 and index.loc["r0", "face:good"] == 1
    np.testing.assert_allclose(samples.arrays["face"][5, 0], 6)  # of the three good frames 5, 6, 7
    strict = prepare(m, out=tmp_path / "strict", encoder="face_series", frames=4, min_good=0.7, jobs=1, progress=False)
    samples = read(strict)
    assert samples.arrays["face"].shape == (6, 2, 4) and samples.presence[:, 0].tolist() == [True] * 5 + [False]
    status = pd.read_parquet(tmp_path / "strict" / "index.parquet").set_index("sample").loc["r5", "face:status"]
    assert "the face was found in 60% of 5 frames of the window, expected at least 70%" in status
    assert main(["data", "check", str(m)]) == 0


def test_one_set_of_four_kinds(networks, tmp_path, capsys):
    "Voices by openSMILE, a heart by NeuroKit2, a face by OpenFace, words by BERT: prepared, with their quality, and learnt from"
    opensmile = pytest.importorskip("opensmile", reason='opensmile is not installed: pip install -e ".[opensmile]"')
    neurokit = pytest.importorskip("neurokit2", reason='neurokit2 is not installed: pip install -e ".[signals]"')
    m = corpus(tmp_path / "mixed")
    assert main(["data", "check", str(m)]) == 0
    with pytest.raises(InputError, match="modality voice is audio that is not encoded yet"):
        read(m)
    names = f"opensmile:eGeMAPSv02,neurokit:ecg,face_statistics,transformers:{networks['bert']}"
    out = prepare(m, out=tmp_path / "out", encoder=names, jobs=1, progress=False)
    samples = read(out)
    shapes = {name: x.shape[1:] for name, x in samples.arrays.items()}
    assert shapes == {"voice": (88,), "heart": (5,), "face": (8,), "words": (16,)}
    index = pd.read_parquet(tmp_path / "out" / "index.parquet").set_index("sample")
    assert (index["heart:quality"] > 0.9).all() and index.loc["r5", "words:status"] == "not recorded"
    sound = read_sound(tmp_path / "mixed" / "sound" / "r1.mp4", 16000)
    padded = np.pad(sound, ((48000 - len(sound)) // 2, (48000 - len(sound) + 1) // 2))[:48000]
    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.Functionals
    )
    np.testing.assert_allclose(samples.arrays["voice"][1], smile.process_signal(padded, 16000).to_numpy()[0], rtol=1e-4)
    ecg = np.load(tmp_path / "mixed" / "ecg" / "r1.npy")[0].astype(float)
    _, found = neurokit.ecg_peaks(neurokit.ecg_clean(ecg, sampling_rate=64), sampling_rate=64)
    hrv = neurokit.hrv_time(found["ECG_R_Peaks"], sampling_rate=64)
    np.testing.assert_allclose(samples.arrays["heart"][1, 3], hrv["HRV_RMSSD"].iloc[0], rtol=1e-5)


# face detectors


def test_the_cascade_of_opencv_finds_no_face_where_there_is_none_and_says_so(films, tmp_path):
    "Where a film shows no face its middle is taken, and the index says how every face was obtained"
    cv2 = pytest.importorskip("cv2", reason='OpenCV is not installed: pip install -e ".[faces]"')
    if not hasattr(cv2, "CascadeClassifier"):
        pytest.skip("this OpenCV has no cascade, as from version 5 on")
    c = PrepareConfig(weights="random", faces="cascade", face_align=True, size=32, frames=3)
    _, facts = features_of(make_recipe(c, "face", "video"), Piece(films.parent / "video" / "s00_000.mp4"))
    assert set(facts) == {"found", "between", "held", "centre"} and sum(facts.values()) == pytest.approx(1)


def test_an_upright_face_has_keys_of_its_own_and_an_upright_setting_keeps_those_of_before():
    base = PrepareConfig(weights="random", faces="whole")
    digests = [make_recipe(replace(base, face_align=value), "face", "video").digest for value in (False, True)]
    assert digests[0] != digests[1]
    assert "face_align" not in json.dumps(recipe_settings(base))


def recipe_settings(c):
    from mtpkd.features import recipes

    return recipes._relevant_settings(recipes.Recipe("face", "video", "r3d18", "random", None, c, ""))


@pytest.mark.parametrize("name, extra", [("cascade", "faces"), ("yunet:x.onnx", "faces"), ("mediapipe:x", "mediapipe")])
def test_an_absent_detector_is_one_line(films, tmp_path, capsys, monkeypatch, name, extra):
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    from mtpkd.data import face_detectors

    face_detectors._cascade.cache_clear()
    weights = tmp_path / "x"
    weights.write_bytes(b"no network")
    name = name.replace("mediapipe:x", f"mediapipe:{weights}")
    command = ["data", "prepare", str(films), "--out", str(tmp_path / "out"), "--weights", "random", "--jobs", "1"]
    assert main([*command, "--set", f"faces={name}", "--set", "size=16", "--set", "frames=2"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert install_command(extra) in said[-1], said


# from films to values


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dinov2", "videomae"])
def test_the_network_leaves_with_the_student(networks, films, tmp_path, kind):
    "The frozen network as an ONNX file beside the student: a film gives the values of its prepared features"
    from mtpkd.data.manifest import load_manifest
    from mtpkd.deployment.film import predict_film
    from mtpkd.experiments.fit import fit

    how = dict(faces="whole", size=32, frames=4, jobs=1, progress=False, layer="2")
    m = prepare(films, out=tmp_path / "set", encoder=f"transformers:{networks[kind]}", **how)
    said = load_manifest(m).modalities["face"].prepared
    assert (said.layer, said.pooling, said.pixels) == ("2", "mean", (tuple([0.5, 0.4, 0.3]), tuple([0.2, 0.3, 0.4])))
    fit(str(m), "student_only", tmp_path / "fit", config=quick(), prevalent=["face"])
    out = export(tmp_path / "fit", tmp_path / "student.onnx", encoders=True)
    assert (tmp_path / "student.face.onnx").is_file() and out["difference"] < 1e-5
    predict_film(tmp_path / "student.onnx", films.parent / "video" / "s00_000.mp4", tmp_path / "timeline.csv")
    assert len(pd.read_csv(tmp_path / "timeline.csv"))
