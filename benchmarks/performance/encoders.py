"""What the encoders of a preparation cost: width of the features and seconds of processor time a clip, on one core.

    python benchmarks/performance/encoders.py --out results/bench_encoders.csv    all that are installed, some minutes
    python benchmarks/performance/encoders.py --only sound                        one group: sound, pictures, words, signals
    python benchmarks/performance/encoders.py --quick                             small networks, to see that it works

A clip is 3 seconds of sound, 10 frames (16 for VideoMAE) of the size that a network expects, a sentence of ten words, or ten seconds of a signal at 256 Hz. Decoding is not measured. Networks of transformers have the library's
default configuration, which is that of the base network of each paper (DINOv2: with patches of 14 pixels), and random weights: speed and width do not depend on the weights, which are not on every machine. What is not installed is left out with a word.
"""

import os, sys

if __name__ == "__main__":  # before torch is imported: one core, one thread
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR"):
        os.environ.setdefault(f"{name}_NUM_THREADS", "1")
import argparse, functools, json, tempfile, time
from importlib.util import find_spec
from pathlib import Path
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what the benchmarks share
from bench_tables import write_csv
from mtpkd.core.errors import InputError
from mtpkd.models.encoders import encoders
from mtpkd.features.encoder_choice import PrepareConfig
from mtpkd.features.piece_features import run_network
from mtpkd.features.recipes import frozen_network, make_recipe

COLUMNS = ["encoder", "group", "clip", "width", "seconds", "weights", "licence", "get"]
CARD = "see its page in the hub"
HUB = "a folder, or `--set offline=false`"
# encoder, configuration of transformers, names in the hub, licence as its page or its package states it
TRANSFORMERS = {
    "wav2vec 2.0": ("Wav2Vec2", "facebook/wav2vec2-base", "apache-2.0"),
    "HuBERT": ("Hubert", "facebook/hubert-base-ls960", CARD),
    "WavLM": ("WavLM", "microsoft/wavlm-base", CARD),
    "CLIP": ("CLIP", "openai/clip-vit-base-patch32", CARD),
    "DINOv2": ("Dinov2", "facebook/dinov2-base", CARD),
    "VideoMAE": ("VideoMAE", "MCG-NJU/videomae-base", CARD),
    "BERT": ("Bert", "google-bert/bert-base-uncased", CARD),
}
CHANGES = {"Dinov2": dict(image_size=224, patch_size=14)}
SMALL = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24)
TIMM = ("vit_small_patch16_224", "resnet50", "convnext_tiny", "mobilenetv3_small_100")
EXTRACTORS = {
    "opensmile:eGeMAPSv02": ("sound", "non-commercial, that of openSMILE", 'pip install -e ".[opensmile]"'),
    "opensmile:eGeMAPSv02/lld": ("sound", "non-commercial, that of openSMILE", 'pip install -e ".[opensmile]"'),
    "neurokit:ecg": ("signals", "MIT, that of NeuroKit2", 'pip install -e ".[signals]"'),
    "neurokit:eda": ("signals", "MIT, that of NeuroKit2", 'pip install -e ".[signals]"'),
}
GROUP_OF = {"sound": "sound", "frames": "pictures", "clip": "pictures", "text": "words"}


def seconds_of(function, calls: int = 3) -> float:
    "Seconds of the processor, on which other processes may run as well: the median of some calls, after one that warms up"
    function()
    times = []
    for _ in range(calls):
        began = time.process_time()
        function()
        times.append(time.process_time() - began)
    return float(np.median(times))


def saved_configuration(folder, kind: str, quick: bool) -> Path:
    "A folder with the configuration of a network, and the settings of its input"
    import transformers

    settings = dict(SMALL) if quick else {}
    if kind == "CLIP":
        config = transformers.CLIPConfig(vision_config=settings, text_config=settings)
    else:
        config = getattr(transformers, f"{kind}Config")(**settings, **CHANGES.get(kind, {}))
    path = Path(folder) / kind
    config.save_pretrained(path)
    pixels = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3, do_center_crop=True, crop_size=dict(height=224, width=224))
    sound = dict(sampling_rate=16000, do_normalize=True)
    (path / "preprocessor_config.json").write_text(json.dumps(pixels | sound))
    return path


def network_row(label: str, name: str, licence: str, get: str) -> dict:
    "Width and seconds of a network"
    import torch
    from mtpkd.models.backbones import kind_of

    kind = kind_of(name)
    pooling = "pooler" if name.startswith("timm:") else "mean"
    frames = getattr(kind, "frames", 0) or 10
    size = getattr(kind, "size", 0) or 112
    modality = {"sound": "audio", "text": "text"}.get(kind.takes, "video")
    c = PrepareConfig(encoder=name, weights="random", size=size, frames=frames, pooling=pooling)
    net = frozen_network(make_recipe(c, "x", modality, 16000.0))
    if kind.takes == "sound":
        x, clip = np.random.default_rng(0).normal(size=(1, 48000)), "3 s of sound"
    elif kind.takes == "text":
        numbers = torch.arange(1, 13)[None]
        x, clip = None, "12 word pieces"
    else:
        x, clip = np.zeros((1, 3, frames, size, size)), f"{frames} frames of {size} pixels"
    with torch.inference_mode():
        call = (lambda: net(numbers).numpy()) if x is None else (lambda: run_network(net, x))
        width = call().shape[1]
        seconds = seconds_of(call)
    group = GROUP_OF[kind.takes]
    return dict(
        encoder=label, group=group, clip=clip, width=width, seconds=seconds, weights="random", licence=licence, get=get
    )


def extractor_row(name: str) -> dict:
    "Width and seconds of an extractor"
    group, licence, get = EXTRACTORS[name]
    extractor, c = encoders.get(name), PrepareConfig()
    if group == "sound":
        x, rate, clip = np.random.default_rng(0).normal(size=48000).astype("float32") * 0.1, 16000.0, "3 s of sound"
    else:
        t = np.arange(0, 10, 1 / 256)
        x = (
            np.exp(-(((t * 1.1) % 1 - 0.5) ** 2) / 0.0008)[None]
            + np.random.default_rng(0).normal(size=(1, len(t))) / 100
        )
        rate, clip = 256.0, "10 s at 256 Hz"
    width = extractor.function(x, rate, c)[0].shape[0]
    seconds = seconds_of(lambda: extractor.function(x, rate, c))
    return dict(
        encoder=name, group=group, clip=clip, width=width, seconds=seconds, weights="none", licence=licence, get=get
    )


def networks(folder, quick: bool):
    "Label, name, licence and origin of the networks that can be measured here"
    for name in ("r3d18", "frames_tcn"):
        yield name, name, "see torchvision", "torchvision's cache"
    if find_spec("transformers"):
        for kind, hub, licence in TRANSFORMERS.values():
            folder_of_kind = saved_configuration(folder, kind, quick)
            yield f"transformers:{hub}", f"transformers:{folder_of_kind}", licence, HUB
    if find_spec("timm"):
        import timm

        for name in TIMM[-1:] if quick else TIMM:
            licence = timm.get_pretrained_cfg(name).license or CARD
            yield f"timm:{name}", f"timm:{name}", licence, HUB


def measured(folder, quick: bool):
    "One row an encoder; what is not installed, or fails, is named and left out"
    jobs = [(label, functools.partial(network_row, label, *rest)) for label, *rest in networks(folder, quick)]
    jobs += [(name, functools.partial(extractor_row, name)) for name in EXTRACTORS]
    for label, measure in jobs:
        try:
            yield measure()
        except InputError as e:
            print(f"{label} is left out: {e}", file=sys.stderr)


def rows_of(folder, only, quick: bool):
    "The rows of the groups `only`, or of all, as they are measured"
    for row in measured(folder, quick):
        if not only or row["group"] in only:
            print(f"{row['encoder']:<44}{row['clip']:<26}{row['width']:>6}{row['seconds']:>9.3f} s", flush=True)
            yield row


def main(arguments=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", default="", help="groups by comma: sound, pictures, words, signals")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--out")
    o = p.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows = list(rows_of(folder, [part for part in o.only.split(",") if part], o.quick))
    if o.out:
        write_csv(rows, o.out, COLUMNS, ["torch", "transformers", "timm", "opensmile", "neurokit2"])


if __name__ == "__main__":
    main()
