"Simulated corpora: people, faces, voices, physiology, the layouts of the corpora of the field, faults"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "acted_speech_layout": ["AFFECT", "ravdess", "crema_d"],
    "affwild2_layout": ["CLIP_S", "WORDS_S", "affwild2_va"],
    "biovid_layout": ["stimulus_pictures", "stimulus_signal", "stimuli", "biovid_a", "biovid_b", "write_session"],
    "ceap_layout": ["VIDEO_S", "ceap"],
    "faces": [
        "UNITS", "EMOTION_UNITS", "PAIN_UNITS", "affect_units", "emotion_units", "shown_units", "Look",
        "look_of", "Pose", "draw_face", "poses", "with_camera_noise", "film_frames",
    ],
    "faults": ["Fault", "faults_for", "choose_broken", "break_recordings"],
    "physiology": [
        "TEMPLATE_POINTS", "RESPONSE_S", "WAVES", "signals", "waves_of", "waves_text", "template", "heart_rate",
        "breath_rate", "simulate_signal",
    ],
    "recordings": [
        "write_film", "film_of", "pictures_of", "picture_grid", "write_wav", "write_picture", "write_crops",
        "write_columns", "write_lines",
    ],
    "simulate": ["simulated_manifest", "forecast"],
    "spec": [
        "DIFFICULTIES", "MOST_CLIPS", "SIZES", "layouts", "Difficulty", "SimulationSpec", "check_spec",
        "named_levels", "Recording", "Layout", "register_layout", "rounds_of",
    ],
    "stressid_layout": ["TABLES", "stressid"],
    "trajectory": [
        "FELT_HZ", "Person", "people", "Course", "at_times", "clock", "drift", "pain_course", "emotion_course",
        "wandering_course", "condition_course", "rated",
    ],
    "voices": ["VOWELS", "pitch_course", "voice"],
    "wearables_layout": ["wesad", "stress_predict"],
    "words": ["MOODS", "spoken_words", "write_transcript"],
})
