"Reporting: sentences, tables, sections and pages about runs"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "answers": [
        "answering_method", "describe_help", "describe_pairing", "describe_transport_gain", "answer_sentences",
        "takeaway",
        "describe_experiment", "describe_names",
    ],
    "companion": [
        "SMALL", "single_teachers", "companion_run", "manifest_of", "set_of", "shown_methods", "best_student",
        "selecting_student", "first_adapted_teacher", "shown",
    ],
    "data_tables": [
        "modality_table", "parts_table", "label_table", "presence_table", "missing_patterns", "protocol_folds",
        "fold_table", "shared_subjects", "divisions", "linear_scores", "scores_by_subject", "signal_figure",
        "subject_recognised", "sample_figure",
    ],
    "embedding_tables": [
        "JOINT", "nearest_rows", "neighbour_table", "common_neighbours", "aligned_teachers", "cosine_to_joint",
        "structure_to_joint", "linear_readout", "directions_used", "adapter_figure",
    ],
    "fault_tables": ["fold_overlap", "runs_with_faults", "chosen_epoch_gain"],
    "findings": [
        "describe_winners", "describe_unclear", "describe_transport", "same_schedule", "describe_ablations",
        "describe_controls", "describe_baselines", "describe_teacher", "describe_selection",
        "describe_validation", "describe_graph", "describe_fallback", "has_no_headroom", "describe_headroom",
        "describe_calibration", "describe_modalities",
    ],
    "folder_states": [
        "PATIENCE", "MOST_SILENT_SECONDS", "journal_events", "is_evaluation", "silence", "lock_is_here", "is_held",
        "FolderState", "RUNNING", "run_state", "sweep_state", "study_state", "folder_state",
    ],
    "glossary": ["method_cost", "method_time", "MethodNote", "named_methods", "method_notes", "glossary_words"],
    "hub_folders": [
        "PART_BYTES", "HUB_LICENCES", "hub_licence", "hub_folder", "as_lists", "write_parquet_files", "tabular",
    ],
    "limits": [
        "describe_multiple_tests", "describe_correction", "describe_marks", "describe_limits", "describe_test",
        "describe_power", "most_hurt",
        "describe_hurt", "describe_diverged", "describe_unfinished", "describe_tuning", "describe_provenance",
        "describe_simulation",
    ],
    "network_tables": ["WIDTH", "sample_shapes", "encoder_sizes", "token_shapes", "masked_change"],
    "outcome_tables": [
        "right_rows", "outcome_names", "outcomes", "outcome_table", "outcome_figure", "changed_table",
        "class_scores", "class_table", "confusion_table", "disagreement_table", "right_counts",
        "teacher_losses", "loss_unit", "teacher_table", "margin_table", "perfect_choice", "score_table",
    ],
    "page": ["Page"],
    "part_figures": ["figure_or_note"],
    "plan_tables": [
        "made_up_batch", "batch_to_explain", "batch_groups", "one_row_a_group", "anchor_groups",
        "similarity_means", "whole_rows", "student_plans",
    ],
    "private_paths": ["PATHS", "without_paths", "last_part", "check_no_paths", "texts_of", "check_content"],
    "ranking": ["fallen_back", "verdict_rows", "best_method"],
    "rehearsal": ["face_thumbnails", "first_film", "film_moments", "value_timeline"],
    "report": ["render", "comparison_page"],
    "result_sections": [
        "budget_section", "teacher_section", "transfer_section", "calibration_section", "frame_section",
        "modality_section", "pairing_section", "describe_unit", "repeat_section",
    ],
    "robustness_section": ["MOST_LINES", "damage_panels", "damage_figure"],
    "row_facts": [
        "EmbeddingSpaces", "embedding_spaces", "first_repeat", "prediction_losses", "chosen_teacher",
        "default_embedding_spaces", "presets", "colourings", "choice_by_group", "chosen_samples",
        "changed_samples",
    ],
    "run_figures": ["choice_figure", "transfer_unit", "ledger_figure", "runs_figure"],
    "run_pairs": [
        "LEAST_COMMON", "run_labels", "paired_spaces", "common_names", "run_neighbours", "second_spaces",
        "run_presets", "default_pair",
    ],
    "run_view": [
        "first_line_of", "reason_of", "value_or_reason", "optional_table", "required_table", "open_run",
        "is_regression", "task_classes", "target_name", "plan_names", "panel_order", "panels_of", "main_rows",
        "Batch", "stored_batch", "drawn_batch", "explain_plan", "anchors_of", "find_runs", "run_line",
        "flatten_settings", "settings_that_differ",
    ],
    "sample_facts": [
        "MOST_SECONDS", "FilmPart", "film_part", "SamplePart", "sample_part", "sample_parts", "shown_networks",
        "sample_outputs", "sample_targets", "recording_rows", "Timeline", "timeline",
    ],
    "sections": ["as_yaml", "run_section"],
    "sentences": ["verdict_sentences", "setting_rows", "markdown_text", "as_markdown"],
    "set_rows": ["StoredPart", "RunSamples", "preparation_settings"],
    "sharing": [
        "SHARED", "CARD_FILE", "NOT_FOR", "kind_of", "shared_files", "numbered",
        "shared_contents", "run_card", "fit_card", "prepared_card", "MOST_LICENCE", "licence_of", "pack", "unpack",
    ],
    "study_report": ["STUDY_PAGE", "describe_protocol", "describe_cost", "best_so_far", "tuning_curves", "study_text"],
    "sweep_ranks": [
        "RANKS", "mean_ranks", "critical_difference", "cliques", "rank_figure", "describe_ranks",
        "describe_counts", "describe_failed",
    ],
    "sweep_report": ["SWEEP_PAGE", "table_cell", "table_rows", "longer_way_down", "curve_figures"],
    "sweep_table": ["SWEEP", "sweep_groups", "pool_results", "is_upper_bound", "group_rows"],
    "tables": [
        "PAIRED_HEAD", "method_extras", "verdict_table", "verdict_frame", "overview", "first_unpaying_budget",
        "describe_budgets", "paired_cells", "protocols_to_name",
    ],
    "teacher_pairs": [
        "THIRDS", "predicted_groups", "compared_networks", "group_predictions", "agreement_table",
        "prediction_table", "rows_of_cell", "teacher_without", "hideable_modalities", "hidden_scores",
    ],
    "template": ["CSS", "MACROS", "RUN", "PAGE", "FOLDING", "PAIRED", "templates"],
    "tracked_runs": [
        "TrackedRun", "flat_settings", "point_name", "result_points", "live_points", "progress_points",
        "unfinished_points", "finished_points", "collect_run", "trial_points", "collect_study", "collect",
        "describe_update",
    ],
    "tracker_stores": ["SOURCE_TAG", "MLflowStore", "WandbStore"],
    "trackers": [
        "EVENT_FILES", "slug", "curves", "lost_repeats", "verdict_numbers", "writer", "claim_log_folder",
        "track_run", "track",
    ],
    "tracking": ["TRACKERS", "Tracker", "parse_tracker", "open_store", "track_to"],
    "training_sections": ["plan_section", "embedding_arguments", "embedding_section", "curve_sections"],
    "training_state": [
        "HISTORY", "journal_history", "TrainingState", "duration_text", "read_training_state",
        "training_figure",
    ],
    "verdict_steps": [
        "repeat_scores", "check_scores", "repeat_differences", "spread_table", "significance_steps", "check_p",
        "holm_table", "power_line", "power_figure",
    ],
})
