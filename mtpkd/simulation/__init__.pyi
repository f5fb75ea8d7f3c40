# made from __init__.py by tools/write_stubs.py
from .acted_speech_layout import (
    AFFECT as AFFECT,
    ravdess as ravdess,
    crema_d as crema_d,
)
from .affwild2_layout import (
    CLIP_S as CLIP_S,
    WORDS_S as WORDS_S,
    affwild2_va as affwild2_va,
)
from .biovid_layout import (
    stimulus_pictures as stimulus_pictures,
    stimulus_signal as stimulus_signal,
    stimuli as stimuli,
    biovid_a as biovid_a,
    biovid_b as biovid_b,
    write_session as write_session,
)
from .ceap_layout import (
    VIDEO_S as VIDEO_S,
    ceap as ceap,
)
from .faces import (
    UNITS as UNITS,
    EMOTION_UNITS as EMOTION_UNITS,
    PAIN_UNITS as PAIN_UNITS,
    affect_units as affect_units,
    emotion_units as emotion_units,
    shown_units as shown_units,
    Look as Look,
    look_of as look_of,
    Pose as Pose,
    draw_face as draw_face,
    poses as poses,
    with_camera_noise as with_camera_noise,
    film_frames as film_frames,
)
from .faults import (
    Fault as Fault,
    faults_for as faults_for,
    choose_broken as choose_broken,
    break_recordings as break_recordings,
)
from .physiology import (
    TEMPLATE_POINTS as TEMPLATE_POINTS,
    RESPONSE_S as RESPONSE_S,
    WAVES as WAVES,
    signals as signals,
    waves_of as waves_of,
    waves_text as waves_text,
    template as template,
    heart_rate as heart_rate,
    breath_rate as breath_rate,
    simulate_signal as simulate_signal,
)
from .recordings import (
    write_film as write_film,
    film_of as film_of,
    pictures_of as pictures_of,
    picture_grid as picture_grid,
    write_wav as write_wav,
    write_picture as write_picture,
    write_crops as write_crops,
    write_columns as write_columns,
    write_lines as write_lines,
)
from .simulate import (
    simulated_manifest as simulated_manifest,
    forecast as forecast,
)
from .spec import (
    DIFFICULTIES as DIFFICULTIES,
    MOST_CLIPS as MOST_CLIPS,
    SIZES as SIZES,
    layouts as layouts,
    Difficulty as Difficulty,
    SimulationSpec as SimulationSpec,
    check_spec as check_spec,
    named_levels as named_levels,
    Recording as Recording,
    Layout as Layout,
    register_layout as register_layout,
    rounds_of as rounds_of,
)
from .stressid_layout import (
    TABLES as TABLES,
    stressid as stressid,
)
from .trajectory import (
    FELT_HZ as FELT_HZ,
    Person as Person,
    people as people,
    Course as Course,
    at_times as at_times,
    clock as clock,
    drift as drift,
    pain_course as pain_course,
    emotion_course as emotion_course,
    wandering_course as wandering_course,
    condition_course as condition_course,
    rated as rated,
)
from .voices import (
    VOWELS as VOWELS,
    pitch_course as pitch_course,
    voice as voice,
)
from .wearables_layout import (
    wesad as wesad,
    stress_predict as stress_predict,
)
from .words import (
    MOODS as MOODS,
    spoken_words as spoken_words,
    write_transcript as write_transcript,
)
