"Experiments: settings, plan, scoring, verdict, run folders, resuming"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "comparison": [
        "PAIRS", "INFLATION", "open_folder", "protocol_of", "check_pairable", "pairs_of", "compare", "inflation",
    ],
    "fit": ["plan_fit", "members", "chosen", "fit_text"],
    "label_budgets": ["CURVE", "budgets_of", "budget_name", "plan_budgets", "curve_table", "same_but_labels"],
    "plan": [
        "WEAK", "BASES", "RANGES", "STACK", "Plan", "default_methods", "list_methods", "plan_run", "stack_size",
        "precision_text", "learns_text",
    ],
    "resume": [
        "SHOWING", "identity", "code_sha256", "claim_folder", "save_part", "load_part", "student_file",
        "keep_students", "Journal", "environment",
    ],
    "run_folder": [
        "FORMAT", "write_tensors", "read_tensors", "write_table", "check_columns", "check_predictions",
        "RunFiles", "RunFolder", "pairing_table", "task_of",
    ],
    "run_students": ["find_students", "stands_for"],
    "runner": ["train_all", "write_folder", "default_out", "run", "forecast", "check_cells"],
    "scoring": [
        "score_rows", "predictions_of", "history_rows", "teacher_rows", "open_classroom", "run_method",
        "first_outputs", "plan_of", "embeddings_of",
    ],
    "settings": ["resolve_config", "with_protocol", "with_bags", "hop_of", "loose_of", "with_faults", "draw_folds"],
    "tables": ["TABLES", "COLUMNS", "Part"],
    "verdict": [
        "FALLS_BACK", "EFFECT", "choose", "paired", "fall_back", "with_fallbacks", "compare", "diverged",
        "summarise", "parts_results", "anchors_used",
    ],
})
