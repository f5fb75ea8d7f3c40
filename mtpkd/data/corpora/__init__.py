"Corpora of the field: scanning a licensed copy, checking it, reading it"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "acted_speech": [
        "RAVDESS", "CREMA_D", "SENTENCES", "parse_ravdess", "parse_crema_d", "unique_files", "as_files",
        "ravdess", "crema_d",
    ],
    "affwild2": ["SETS", "video_of", "read_labels", "edition_of", "window_rows", "windows_of_steps", "sound_range"],
    "biovid": ["BIOVID_CLASSES", "parse_name", "class_of_folder"],
    "ceap": ["CEAP_PARTS", "LIMITS", "read_part", "head_signal", "eye_signal"],
    "scan": [
        "Finding", "show_path", "ScanLog", "require_folder", "option", "as_part", "scan_copy", "corpus",
        "list_folder", "nearest_names", "folders_below", "text_of", "number_of", "whole_number_of",
        "split_rows", "find_columns", "rows_of", "numbers_of", "check_video", "check_sound", "numbered",
        "check_pictures",
    ],
    "stress_predict": ["E4_HZ", "read_e4"],
    "stressid": ["FOLDERS", "find_table", "read_features", "filled"],
    "wesad": ["CHEST_HZ", "WRIST_HZ", "load_arrays_only"],
    "windowing": ["label_windows", "start_name", "cut_windows", "to_rate", "windows_of_sensor", "join_subjects"],
})
