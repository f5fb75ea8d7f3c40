"Experiments: settings, plan, scoring, verdict, run folders, resuming"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "comparison": [
        "PAIRS", "INFLATION", "open_folder", "protocol_of", "check_pairable", "pairs_of", "compare",
        "design_of", "inflation",
    ],
    "damage": [
        "damages", "SHARES", "DECIBELS", "FACTORS", "DamageKind", "Damage", "DamagedDataset", "drawn_by_row",
        "damages_of_recordings", "with_recordings", "damaged_set", "damages_of",
    ],
    "damaged_recordings": ["Recordings", "check_unchanged"],
    "evaluate": ["SCORE_COLUMNS", "Candidate", "students_at", "columns_for", "predictions_for", "scores_of"],
    "fit": [
        "ONE_ERROR", "plan_fit", "members", "claim_fit_folder", "is_better_student", "chosen_method", "fit_text",
    ],
    "frame_scoring": ["smoothing_scores", "frame_rows", "chosen_smoothings", "frame_facts"],
    "label_budgets": ["CURVE", "budgets_of", "budget_name", "plan_budgets", "curve_table", "same_but_labels"],
    "plan": [
        "MAX_STACK", "STACK_BYTES", "ExperimentSpec", "list_methods", "plan_experiment", "cut_folds",
        "stack_size", "stacked_repeats", "precision_text", "trained_backbones_text",
    ],
    "probe": ["Probe", "probe_text"],
    "recipes": ["LENGTHS", "method_of", "overlay", "without_beaten_lengths", "under", "recipe_lines"],
    "resume": [
        "SHOWING", "KEPT_ROWS", "identity", "code_sha256", "first_difference", "check_same_work", "claim_folder",
        "save_part", "keep_in_file", "load_part", "student_file", "teacher_file", "keep_teachers", "keep_students",
        "Journal", "environment",
    ],
    "kept_networks": ["replan", "KeptNetworks", "fitted_networks"],
    "robustness": [
        "CLEAN", "Repeat", "score_stack", "level_of", "difference_of",
        "robustness_text",
    ],
    "run_folder": [
        "FORMAT", "write_tensors", "read_tensors", "write_table", "write_in_groups", "check_columns",
        "check_filled", "check_predictions", "RunFiles", "using_tables", "RunArrays", "RunFolder",
        "transfer_table", "stored_transfer_table", "pairing_table",
    ],
    "run_students": ["find_students", "student_files", "network_files", "stands_for"],
    "runner": [
        "train_all", "stacks_of", "training_folder", "methods_and_upper_bounds", "write_folder", "default_out",
        "run", "run_plan", "forecast", "check_cells",
    ],
    "schedule_choice": [
        "is_clearly_better", "choose_candidate", "choose_schedules", "with_chosen", "fall_back",
        "with_fallbacks",
    ],
    "scoring": [
        "MOST_SHOWN", "score_rows", "predictions_of", "history_rows", "backbone_rows", "teacher_rows",
        "open_context", "run_method", "first_outputs", "plan_of", "embeddings_of",
    ],
    "settings": [
        "allow_parts", "resolve_config", "with_protocol", "with_epochs", "with_bags", "window_step",
        "weak_pairings_of", "with_faults", "draw_folds", "shared_backbone_folds",
    ],
    "study": [
        "COMPARISON", "optuna_module", "stored_choice", "stored_settings", "settings_of", "distributions_of",
        "propose", "finished_trial", "claim_tune_folder", "naming_damage", "TuneFolder", "Study",
        "checked_values", "open_studies", "submit_to", "run_rounds", "chosen_settings",
        "run_comparison", "write_comparison", "tuning_section", "trials_table", "cost_table",
        "importance_table", "write_tables",
    ],
    "tables": ["TABLES", "COLUMNS", "StoredPredictions", "in_memory", "join_stored", "MethodTables"],
    "teacher_stages": ["MARK", "train_teachers", "train_students"],
    "trials": [
        "trial_arguments", "plan_trial", "row_name", "comparison_folds", "trial_folds", "held_out_rows",
        "check_no_test_rows", "without_labels", "PrunedTrial", "TrialStore", "TrialCheckpoint", "median_bars",
        "train_trial", "run_trial", "run_compared", "check_tuning",
    ],
    "tuned_comparison": ["run_tuned"],
    "tuned_settings": ["TUNING", "is_tuned", "TunedSettings", "read_tuned", "tuned_for"],
    "tuning": [
        "ALL", "EXPERIMENT", "COSTS", "COSTLY_PARTS", "KEYS", "MOST_TRIALS", "Dimension", "default_of",
        "is_real", "parse_dimension", "changes_cost", "parse_spaces", "TuneSpec", "read_tune",
    ],
    "unread_settings": [
        "RecordedOptions", "options_of_term", "reads_setting", "unread_dimensions", "unread_text",
    ],
    "verdict": [
        "EFFECT", "paired", "test_design", "compare_methods", "tested_difference", "diverged", "summarise",
        "parts_results", "frozen_parts",
        "named_with_schedule", "anchors_of_batch",
    ],
})
