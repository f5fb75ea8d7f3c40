"mtpkd data prepare refuses what is wrong before it opens a recording, names it, and leaves its output folder as it was."

import dataclasses

import pytest
from mtpkd.core.errors import InputError
from mtpkd.features.encoder_choice import PrepareConfig
from mtpkd.features.prepare import prepare_settings

LIMITED = [setting.name for setting in dataclasses.fields(PrepareConfig) if "limits" in setting.metadata]
NUMBERS = [setting.name for setting in dataclasses.fields(PrepareConfig) if isinstance(setting.default, int | float)]
WORDS = dict(
    gaps="closed", signal_spectrogram="log10", columns="au+aus", faces="", pooling="face=max", layer="face=-1",
    finetune="face=block0",
)  # fmt: skip


# ranges


def test_every_number_has_limits():
    assert set(NUMBERS) - set(LIMITED) == {"face_align", "offline"}


@pytest.mark.parametrize("name", LIMITED)
def test_a_number_beyond_its_limits_is_named(name):
    kind = type(getattr(PrepareConfig(), name))
    for value in (-7, 10**12, *((float("nan"), float("inf")) if kind is float else ())):
        with pytest.raises(InputError, match=f"prepare.{name} is"):
            prepare_settings(**{name: kind(value)})


@pytest.mark.parametrize("name", WORDS)
def test_a_word_that_a_setting_does_not_know_is_named(name):
    with pytest.raises(InputError, match=name):
        prepare_settings(set=[f"{name}={WORDS[name]}"])


@pytest.mark.parametrize("name", ["frames", "size", "n_mels", "views", "face_every", "mel_step", "signal_window"])
def test_nothing_is_no_number_of_frames_or_pixels(name):
    with pytest.raises(InputError, match=f"prepare.{name} is 0"):
        prepare_settings(dict(prepare={name: 0}))


def test_a_setting_has_one_value_for_all_and_one_for_each():
    for line in ("pooling=mean,first", "layer=1,last", "weights=random,default", "layer=face=1,face=2", "layer=face="):
        with pytest.raises(InputError, match="two values|expected a name"):
            prepare_settings(set=[line])
    prepare_settings(set=["layer=face=1,voice=2,last", "weights=r3d18=random,default", "finetune=face=layer4"])
