"Reporting: sentences, tables, sections and pages about runs"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "findings": [
        "describe_winners", "describe_unclear", "describe_transport", "same_schedule", "describe_ablations",
        "describe_controls", "describe_baselines", "describe_teacher", "describe_selection",
        "describe_validation", "describe_graph", "describe_fallback", "describe_headroom",
        "describe_calibration", "describe_modalities",
    ],
    "limits": [
        "describe_multiple_tests", "describe_limits", "describe_test", "describe_power", "most_hurt",
        "describe_hurt", "describe_diverged", "describe_unfinished", "describe_provenance",
        "describe_simulation",
    ],
    "page": ["Page"],
    "part_figures": ["figure_or_note"],
    "ranking": ["fallen_back", "verdict_rows", "best_method"],
    "report": ["render", "comparison_page"],
    "result_sections": [
        "budget_section", "teacher_section", "transfer_section", "calibration_section", "modality_section",
        "pairing_section", "describe_unit", "repeat_section",
    ],
    "row_facts": [
        "EmbeddingSpaces", "embedding_spaces", "first_repeat", "prediction_losses", "chosen_teacher",
        "default_embedding_spaces", "presets", "colourings", "choice_by_group", "changed_samples",
    ],
    "run_figures": ["choice_figure", "transfer_unit", "ledger_figure", "runs_figure"],
    "run_view": [
        "first_line_of", "reason_of", "value_or_reason", "optional_table", "required_table", "open_run",
        "is_regression", "task_classes", "target_name", "plan_names", "panel_order", "panels_of", "main_rows",
        "Batch", "stored_batch", "drawn_batch", "explain_plan", "anchors_of", "find_runs", "run_line",
        "flatten_settings", "settings_that_differ",
    ],
    "sections": ["as_yaml", "run_section"],
    "sentences": ["verdict_sentences", "setting_rows", "markdown_text", "as_markdown"],
    "sweep_ranks": [
        "RANKS", "mean_ranks", "critical_difference", "cliques", "rank_figure", "describe_ranks",
        "describe_counts", "describe_failed",
    ],
    "sweep_report": ["SWEEP_PAGE", "table_cell", "table_rows", "curve_figures"],
    "sweep_table": ["SWEEP", "sweep_groups", "pool_results", "is_upper_bound", "group_rows"],
    "tables": [
        "PAIRED_HEAD", "method_extras", "verdict_table", "overview", "first_unpaying_budget",
        "describe_budgets", "paired_cells", "protocols_to_name",
    ],
    "template": ["CSS", "MACROS", "RUN", "PAGE", "PAIRED", "templates"],
    "trackers": [
        "EVENT_FILES", "slug", "curves", "lost_repeats", "verdict_numbers", "writer", "claim_log_folder",
        "track_run", "track",
    ],
    "training_sections": ["plan_section", "embedding_arguments", "embedding_section", "curve_sections"],
})
