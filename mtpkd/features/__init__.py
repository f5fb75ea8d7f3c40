"Features: frozen backbones run once over every recording"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "encoder_choice": [
        "FITS", "PLAIN", "PrepareConfig", "choices_by_name", "choose_for", "known_encoders", "choose_encoder",
        "choose_weights",
    ],
    "extractors": ["HASHED_COLUMNS", "Extractor"],
    "piece_features": ["BLOCK", "is_per_frame", "block_pixels", "run_network", "features_of"],
    "piece_workers": [
        "GROUP", "HELD_BYTES", "piece_path", "save_piece", "load_piece", "do_piece", "in_groups",
        "shared_decoding", "run_pieces",
    ],
    "pieces": [
        "MOST_FRAMES", "Piece", "piece_key", "content_sha256", "window_positions", "view_positions",
        "video_pixels", "sound_samples", "picture", "spectrogram_rate", "standardise",
    ],
    "pipeline": ["known_shards", "collect", "shard_name", "write_features", "prepare_modality"],
    "plan": [
        "SHARD", "FilmWindows", "Modality", "digest_files", "plan_modality", "median_seconds", "media_path",
        "RecordedSet", "set_recipes", "check_tools", "read_recorded", "check_columns", "plan_pieces",
        "plan_set", "share_frames", "piece_fault",
    ],
    "prepare": [
        "SPAN_TABLES", "index_frame", "write_span_tables", "index_entry", "film_recipe", "prepared_manifest",
        "fold_texts", "manifest_digest", "prepare_settings", "describe", "prepared_text",
    ],
    "prepared_folder": [
        "FOLDERS", "earlier_folders", "holds_labels", "holds_features", "check_prepared_folder",
        "claim_prepared_folder",
    ],
    "recipes": [
        "METHOD", "Recipe", "make_recipe", "recipe_facts", "weights_digest", "backbone", "frozen_network",
        "settings_read",
    ],
    "setting_checks": ["check_settings", "check_names", "unread_settings"],
})
