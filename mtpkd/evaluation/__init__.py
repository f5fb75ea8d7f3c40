"Evaluation: metrics, statistics of repeats, sample by sample, Shapley values"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "bootstrap": [
        "subject_sums", "metric_of_sums", "BootstrapTest", "TestSet", "bootstrap_test", "BootstrapScore",
        "bootstrap_score", "bootstrap_scores",
    ],
    "frames": [
        "frames_from_windows", "fill_uncovered", "check_frame_folds", "frame_predictions", "scored_frames",
        "frame_scores", "validation_scores", "choose_smoothing",
    ],
    "metrics": [
        "HARDLY", "CLASS_METRICS", "metric", "metric_for", "score", "smallest_gain", "direction", "confusion",
        "balanced_accuracy", "accuracy", "macro_f1", "quadratic_kappa", "mae_levels", "nll",
        "calibration_error", "ccc_per_dimension", "ccc", "rmse", "score_all", "chance_level", "gap_closed",
    ],
    "per_sample": [
        "KEYS", "TRANSFER", "CALIBRATION", "per_sample_score", "with_scores", "transfer", "join_transfers",
        "transfer_of_method", "calibration", "expected_error", "target_groups", "class_order",
    ],
    "shapley": [
        "shapley_orders", "shapley_sampled", "shapley_subsets", "teachers_to_set", "teacher_scores",
        "modality_values",
    ],
    "statistics": [
        "PairedTest", "rho_for", "corrected_t", "holm", "wilcoxon_p", "sign_test", "scores_by_subject",
        "bootstrap_subjects", "expanded_tail", "p_of_tail", "FEWEST_DRAWS", "p_of_resamples",
        "expanded_interval",
        "detection_power", "detectable", "subjects_needed",
    ],
    "summary": [
        "FORMAT", "GROUPS", "Record", "Difference", "MethodRow", "FrameRow", "Comparison", "CalibrationRow",
        "ModalityValue", "Headroom", "MethodPower", "Power", "Modalities", "Fallback", "DivergedRepeat",
        "RunTest", "RunTask", "Summary", "parse_summary", "example_summary", "schedule_differences",
        "forest_rows",
    ],
    "wording": [
        "METRICS", "with_minus_sign", "format_points", "is_missing", "format_number", "format_signed",
        "format_percent", "metric_label", "format_p", "format_p_value", "format_interval",
        "difference_with_interval", "format_difference", "format_corrected", "join_words",
    ],
})
