"Foundations: errors, registries, seeds, files, configuration, provenance"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "config": [
        "FINITE", "MOST_ROWS", "MOST_STEPS", "Limit", "at_least", "at_most", "above", "below", "require_finite",
        "limited", "check_limits", "EncoderConfig", "FusionConfig", "ScheduleConfig", "TeachersConfig",
        "SelfDistillationConfig", "StudentConfig", "OTConfig", "ExperimentConfig", "from_dict", "to_dict",
        "to_yaml",
    ],
    "delimited": [
        "MISSING_TEXT", "SEPARATORS", "is_missing", "as_number", "table_rows", "header_names", "Dialect",
        "sniff",
    ],
    "errors": ["InputError", "RunError", "nearest", "check_shape", "parsing"],
    "files": [
        "atomic_path", "write_bytes", "write_text", "EncodingError", "decode_text", "read_text", "jsonable",
        "write_json", "folder_lock", "file_sha256", "FolderKind", "claim_output_folder",
    ],
    "provenance": ["FAULTS", "protocol_faults", "provenance_columns", "provenance_text"],
    "registry": ["Registry", "import_name"],
    "runtime": [
        "TORCHRUN_VARIABLES", "seed_for", "rng", "torchrun_rank_and_size", "pick_device", "memory_bytes",
        "check_memory", "flushes_denormals", "torch_threads",
    ],
    "yaml_files": ["MAX_YAML_BYTES", "parse_yaml", "read_yaml", "apply_set"],
})
