"Distillation: methods, the four stages, soft targets"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "context": ["DistillationContext", "with_control", "teacher_context", "get_teacher", "build_students"],
    "method_resolution": ["get_method", "method_options"],
    "methods": [
        "SHUFFLE_CONTROLS", "SCHEDULES", "CONTROLS", "TEACHER_SOURCES", "add_schedule", "schedules", "Method",
        "add_method", "privileged_teachers", "privileged_only_teachers",
    ],
    "objective": [
        "make_batch", "assign_batch_targets", "gradient_shares", "stage_objective", "fit_stage", "label_rows",
    ],
    "outputs": [
        "TeacherOutputs", "to_prediction", "FittedStack", "predict_all_rows", "has_any_modality",
        "gather_teacher_outputs",
    ],
    "pair_recovery": ["pool_bags", "pairing_weights"],
    "self_distillation": ["SelfDistillation", "distillation_loss", "adapter_inputs", "adapted_outputs", "self_distil"],
    "soft_targets": [
        "target_rules", "soft_prediction", "collect_predictions", "mean_target", "single_teacher_target",
        "barycentre_target", "best_teacher_index", "confidence_weights", "validation_errors", "best_target",
        "confidence_target", "balance_target",
    ],
    "stage": ["StageSpec", "init_projections", "draw_stage_batches", "draw_pool_bags", "draw_modality_dropout"],
    "students": [
        "ensemble_members", "privileged_only_members", "candidate_teachers", "candidate_teacher_names",
        "teacher_trainer", "matches_ensemble", "student_members", "soft_targets_of", "fit_refined_teacher",
        "target_shares", "stage_spec", "fit_student", "get_student",
    ],
    "teacher_selection": ["selection_rules", "select_teachers"],
    "teachers": ["fit_teacher", "CrossFitted", "inner_folds", "cross_fit"],
    "tnet": ["get_adapted_teachers", "get_teacher_outputs", "class_ground_cost", "init_student_from_teacher"],
    "weak_pairs": ["PoolBags", "pairing_cost", "assign_soft_targets"],
})
