"Foundations: errors, registries, seeds, files, configuration, provenance"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "archives": [
        "INDEX", "FORMAT", "MOST_RATIO", "FREE_BYTES", "MOST_FILES", "MOST_INDEX", "MOST_UNPACKED",
        "write_archive", "read_index", "unpack_archive",
    ],
    "config": [
        "FINITE", "MOST_ROWS", "MOST_STEPS", "Limit", "at_least", "at_most", "above", "below", "require_finite",
        "limited", "one_of", "check_limits", "EncoderConfig", "FusionConfig", "ScheduleConfig",
        "BackbonesConfig", "TeachersConfig", "SelfDistillationConfig", "StudentConfig", "OTConfig",
        "ExperimentConfig", "switch_of", "settings_without_effect", "from_dict", "to_dict", "to_yaml",
    ],
    "delimited": [
        "MISSING_TEXT", "SEPARATORS", "is_missing", "as_number", "table_rows", "header_names", "Dialect",
        "declared_separator", "sniff", "comma_numbers",
    ],
    "errors": [
        "OWN_FAULTS", "printable", "print_notice", "shortened", "one_line", "reason_of", "kind_and_reason",
        "InputError", "RunError", "nearest", "check_shape", "is_own_fault", "parsing",
    ],
    "files": [
        "MAX_NAME", "nearest_existing", "check_output_file", "is_partial", "remove_partial", "atomic_path",
        "write_bytes", "as_utf8", "write_text", "EncodingError", "decode_text", "read_text", "jsonable",
        "write_json", "folder_lock", "lock_holder", "with_sorted_facts", "file_sha256", "FolderKind",
        "claim_output_folder", "scratch_folder",
    ],
    "installation": [
        "WORKBENCH", "is_installed", "missing_modules", "extra_requirements", "distribution_name",
        "required_modules", "serves", "version_faults", "import_faults", "in_clone", "install_command",
        "explain_missing",
    ],
    "plugins": ["is_own", "description", "naming_plugin", "call_plugin"],
    "provenance": ["SHARED_BACKBONES", "FAULTS", "protocol_faults", "provenance_columns", "provenance_text"],
    "registry": [
        "FAMILIES", "Registry", "is_address", "addresses_in", "allow_addresses", "trusting",
        "trusted_addresses", "permissions", "grant", "find_by_address", "import_name",
    ],
    "remote_folders": ["is_remote", "cache_folder", "local_copy"],
    "runtime": [
        "TORCHRUN_VARIABLES", "seed_for", "rng", "torchrun_rank_and_size", "pick_device", "memory_bytes",
        "check_memory", "safe_path", "safe_children", "flushes_denormals", "torch_threads", "in_notebook",
    ],
    "stored_files": ["MOST_BYTES", "MOST_VALUES", "regular_file", "read_json_file", "read_parquet", "arrays_sha256"],
    "yaml_files": [
        "MAX_YAML_BYTES", "with_stand_ins", "parse_yaml", "read_yaml", "exponent_as_number", "apply_set",
        "value_at",
    ],
})
