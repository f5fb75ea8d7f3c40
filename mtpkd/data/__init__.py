"Data: manifests, samples, folds, weak pairing, signals, video, readers"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "check": ["Check", "check_text"],
    "clips": ["NORMALISATIONS", "clip_segments", "strided", "draw_views", "crop", "centre_box", "normalise"],
    "copies": ["END_BYTES", "FEWEST_VALUES", "Repeated", "same_files", "same_rows"],
    "face_detectors": ["detectors", "LONGEST", "SMALLEST", "detect_no_faces", "no_faces", "mtcnn", "cascade", "check_detectors"],
    "face_tables": [
        "GROUPS", "STATISTICS_OF_FACES", "FaceTable", "columns_of", "read_track", "frames_within", "face_window",
        "face_statistics", "face_series", "CONFIDENT", "face_fault", "face_doubts",
    ],
    "face_tracks": ["overlap", "follow", "Track", "running_mean", "fill"],
    "faces": ["crop_upright", "track_face", "face_clip"],
    "feature_store": [
        "MOST_SHARD_BYTES", "MOST_ROWS", "write_shard", "open_shard", "shard_path",
        "read_shard", "gather", "map_features", "rows_text", "parse_rows", "keys_digest", "gather_windows",
        "stored_features", "prepared", "shards_of",
    ],
    "folds": [
        "Fold", "check_fold", "strata", "draw_parts", "draw_stratified", "fold_folder", "fold_lists", "pinned_folds",
        "outer_folds", "annotated", "nested_folds", "whole_fold",
    ],
    "frame_spans": ["FrameSpans", "make_spans", "windows_table", "annotations_table", "read_spans"],
    "large_sets": ["random_places", "cut_fold", "take_rows", "fold_in"],
    "manifest": [
        "RECORDED", "SMOOTHING", "SIMULATION_MARK", "FileSpec", "PreparedSpec", "ModalitySpec", "TaskSpec",
        "ProtocolSpec", "PairingSpec", "PublishedSpec", "FramesSpec", "DatasetManifest", "parse_manifest",
        "split_address", "changed", "manifests_folder", "list_manifests", "with_variants", "with_root",
        "load_manifest", "resolve_inside", "is_shipped", "came_with_data", "audit", "require_files",
    ],
    "media_files": [
        "UPRIGHT", "need_av", "error_reason", "empty_file", "nearest_file", "open_media", "first_stream",
        "recording_start", "can_seek", "turn_upright", "turn_size", "matrix_orientation", "frame_orientation",
        "picture_kind", "picture_structure", "picture_orientation", "read_picture", "jpeg_bytes", "write_video",
    ],
    "media_probe": ["Probe", "probe_video", "probe_image", "probe_wav", "probe_sound"],
    "missing": ["LARGE_SHARE", "missing_notes", "require_recordings"],
    "npz_files": ["load_arrays", "npz"],
    "originals": ["RECORDINGS", "Original", "original_columns", "write_recordings", "read_recordings", "find_original"],
    "physiology": ["PHYSIOLOGY", "neurokit_version", "parse_physiology", "physiology_features"],
    "readers": [
        "naming_source", "as_numbers", "as_booleans", "as_target", "as_modality", "transform", "unprepared",
        "to_samples",
    ],
    "reading": ["without_labels", "row_manifest", "takes_steps_from_frames", "read"],
    "sample_files": ["load_sample", "AbsentWarning", "warn_absent", "load_paths"],
    "samples": [
        "MEDIA", "WORDS", "MOST_LOST", "SILENT", "UNLABELLED", "as_media", "is_media", "as_words", "is_words",
        "is_unprepared", "lost_by_rounding", "rounding_doubt", "as_float32", "Samples", "present_rows",
        "without_mask", "as_text", "as_ids", "make_samples", "has_label", "label_names", "Normaliser",
        "fit_normaliser", "fit_target_unit",
    ],
    "save": ["npz_bytes", "write_unless_same", "save_set"],
    "shard_folders": [
        "SHARDS", "ShardFolders", "as_folders", "MARK", "WORK", "RESERVED", "folder_fault", "checked_folders",
        "check_folder_names", "free_folders", "claim_folders",
    ],
    "signal_cleaning": [
        "SIGNAL_KINDS", "Cleaning", "cleaning_for", "trend", "detrend", "clean", "split_eda", "bad_points",
        "good_windows", "eda_parts", "eda_parts_statistics",
    ],
    "signals": [
        "inputs", "STATISTICS", "RANGE", "check_rate", "check_below_nyquist", "resample", "bandpass", "notch",
        "window_starts", "windows", "raw", "apply_input", "band_edges", "log_power", "log_band_power",
        "window_statistics", "check_windows", "spectrogram", "power_spectrogram", "hz_to_mel", "mel_to_hz",
        "mel_filters", "log_mel",
    ],
    "smoothing": ["smoothings", "parse_smoothing", "smooth_frames", "check_smoothings"],
    "sound": ["WavHeader", "wav_header", "decode_stretches", "noisy_sound", "read_sound", "encode_wav"],
    "sound_descriptors": ["LEVELS", "parse_descriptors", "opensmile_version"],
    "step_targets": ["count_steps", "steps_first", "require_whole_steps", "StepNames", "window_targets"],
    "steps_as_rows": [
        "observed_steps", "annotated_steps", "step_spans", "step_rows", "step_names", "parse_step_names",
        "scored_pairs", "scored_units", "require_covered_frames", "with_step_targets",
    ],
    "table_files": [
        "parse_text", "require_no_gap", "DialectWarning", "first_lines", "load_table", "table_columns", "text_column",
        "as_floats", "number_columns",
    ],
    "tables": ["TRANSCRIPTS", "feature_columns", "named_files", "table"],
    "transcripts": ["Segment", "read_transcript", "words_between"],
    "video": [
        "Recording", "scan_film", "open_recording", "is_picture_file", "coarse_films", "read_frames",
        "held_frames", "frames_in_memory", "decoding_forward",
    ],
    "weak_pairing": [
        "Pairing", "parse_pairing", "pairing_groups", "cut_into_bags", "random_bags", "lag_in_rows",
        "shift_by_lag", "bag_ids", "widest_bag", "form_bags", "WeakPairing", "simulate_weak_pairing",
        "check_pairing",
    ],
    "unpacked_arrays": ["StoredNumbers", "stored_numbers", "row_chunks", "copy_path", "unpacked_rows"],
    "windowed_array": [
        "MAPPED_BYTES", "MOST_READ", "CHUNK_BYTES", "WindowedArray", "release", "in_chunks", "stored_chunks",
        "occurrences", "zero_where",
    ],
})
