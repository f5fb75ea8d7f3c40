"Experiments: settings, plan, scoring, verdict, run folders, resuming"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "comparison": [
        "PAIRS", "INFLATION", "open_folder", "protocol_of", "check_pairable", "pairs_of", "compare",
        "design_of", "inflation",
    ],
    "fit": ["plan_fit", "members", "claim_fit_folder", "chosen_method", "fit_text"],
    "label_budgets": ["CURVE", "budgets_of", "budget_name", "plan_budgets", "curve_table", "same_but_labels"],
    "plan": [
        "MAX_STACK", "ExperimentSpec", "list_methods", "plan_experiment", "stack_size", "precision_text",
        "trained_backbones_text",
    ],
    "probe": ["Probe", "probe_text"],
    "recipes": ["LENGTHS", "method_of", "overlay", "without_beaten_lengths", "under", "recipe_lines"],
    "resume": [
        "SHOWING", "identity", "code_sha256", "check_same_work", "claim_folder", "save_part", "load_part",
        "student_file", "keep_students", "Journal", "environment",
    ],
    "run_folder": [
        "FORMAT", "write_tensors", "read_tensors", "write_table", "check_columns", "check_filled",
        "check_predictions", "RunFiles", "using_tables", "RunFolder", "transfer_table", "pairing_table",
    ],
    "run_students": ["find_students", "stands_for"],
    "runner": [
        "train_all", "stacks_of", "training_folder", "methods_and_upper_bounds", "write_folder", "default_out",
        "run", "run_plan", "forecast", "check_cells",
    ],
    "scoring": [
        "score_rows", "predictions_of", "history_rows", "backbone_rows", "teacher_rows", "open_context",
        "run_method", "first_outputs", "plan_of", "embeddings_of",
    ],
    "settings": [
        "allow_parts", "resolve_config", "with_protocol", "with_epochs", "with_bags", "window_step",
        "weak_pairings_of", "with_faults", "draw_folds", "shared_backbone_folds",
    ],
    "tables": ["TABLES", "COLUMNS", "MethodTables"],
    "teacher_stages": ["MARK", "train_teachers", "train_students"],
    "verdict": [
        "EFFECT", "is_clearly_better", "choose_candidate", "choose_schedules", "with_chosen", "paired",
        "fall_back", "with_fallbacks", "test_design", "compare_methods", "diverged", "summarise",
        "parts_results", "named_with_schedule", "anchors_of_batch",
    ],
})
