"Reporting: sentences, tables, sections and pages about runs"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "report": ["render", "comparison_page"],
    "row_facts": [
        "Spaces", "spaces_of", "first_repeat", "row_losses", "chosen_teacher", "default_spaces", "presets",
        "colourings", "choice_by_group", "changed_samples",
    ],
    "run_figures": ["choice_figure", "ledger_figure", "runs_figure"],
    "run_view": [
        "ABSENT", "PREFERRED", "first_line", "part", "need", "open_run", "task_classes", "plan_names",
        "panel_order", "panels_of", "main_rows", "Batch", "kept_batch", "drawn_batch", "explain_plan",
        "anchors_of", "find_runs", "run_line", "flat", "settings_that_differ",
    ],
    "sections": [
        "Page", "budget_section", "teacher_section", "transfer_section", "calibration_section",
        "modality_section", "pairing_section", "plan_section", "embedding_section", "curve_sections",
        "unit_words", "repeat_section", "as_yaml", "run_section", "figure_or_note",
    ],
    "sentences": [
        "TRANSPORT", "missing", "num", "p_text", "listing", "diff_text", "significant", "fallen",
        "verdict_rows", "words_winners", "example_summary", "words_unclear", "words_transport", "same_schedule",
        "words_controls", "words_rivals", "best_method", "words_teacher", "words_fallback", "words_headroom",
        "words_multiple", "words_limits", "words_power", "words_calibration", "words_modalities", "most_hurt",
        "words_hurt", "words_diverged", "words_unfinished", "words_made", "verdict_words", "setting_rows",
    ],
    "sweep_report": [
        "SWEEP", "UPPER", "RANKS", "PAGE", "groups_of", "pool_results", "group_rows", "sweep_table",
        "mean_ranks", "critical_difference", "cliques", "rank_figure", "rank_words", "count_words",
        "table_cell", "table_rows", "curve_figures", "lost_words",
    ],
    "tables": [
        "PAIRED_HEAD", "method_extras", "verdict_table", "overview", "stops_paying", "words_budgets",
        "paired_cells", "protocols_to_name",
    ],
    "template": ["CSS", "MACROS", "RUN", "PAGE", "PAIRED", "templates"],
    "trackers": ["OURS", "slug", "curves", "lost_repeats", "verdict_numbers", "writer", "claim", "log_run", "log"],
})
