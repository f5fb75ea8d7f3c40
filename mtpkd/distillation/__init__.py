"Distillation: methods, the four stages, soft targets"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "artifacts": [
        "BackboneKey", "TeacherKey", "SelfDistilledKey", "TNetKey", "StudentKey", "RefinedTeacherKey",
        "GraphTargetKey", "TeacherOutputsKey", "PredictionsKey", "ControlKey", "ReportedKey", "ArtifactStore",
    ],
    "batch_schedule": [
        "draw_stage_batches", "draw_pool_bags", "draw_modality_dropout", "mixup_partners", "BatchDraw",
        "BatchSchedule",
    ],
    "context": [
        "WholeSet", "DistillationContext", "with_control", "teacher_context", "get_teacher", "get_backbone",
        "backbone_weights", "build_students",
    ],
    "graph_targets": ["graph_features", "graph_rows", "GraphTarget", "graph_target"],
    "method_resolution": ["get_method", "check_over_time", "method_options", "method_schedules"],
    "methods": [
        "SHUFFLED_TEACHER", "SHUFFLED_PRIVILEGED", "LABEL_PERMUTATION", "SHUFFLE_CONTROLS", "CONTROLS",
        "SCHEDULES", "WITHOUT", "CANDIDATES", "CANDIDATES_FOR_VALUES", "TEACHER_SOURCES", "GRAPH",
        "REFINED_MEAN", "TARGETS_OF_STEPS", "ROLES", "DEFAULTS", "BASELINE", "CEILING", "RECIPE", "PAPER",
        "KD_TERMS", "add_schedule", "schedules", "candidate_schedules", "is_noisy", "differ_by_more_than_pool",
        "privileged_teachers", "privileged_only_teachers", "joint_teacher", "joint_and_privileged_teachers",
        "TeacherSource", "Method", "add_method", "method_names", "RowName", "parse_row", "row_schedule", "declared",
        "without_term", "method_role", "default_methods",
    ],
    "objective": [
        "WeakTargets", "Batch", "make_batch", "assign_batch_targets", "fold_term_inputs", "ObjectiveStep",
        "DistillationObjective", "gradient_shares", "note_gradient_shares", "note_violation", "count_teachers",
        "label_rows", "fit_stage",
    ],
    "outputs": ["TeacherOutputs", "FittedStack", "predict_all_rows", "has_any_modality", "gather_teacher_outputs"],
    "pair_recovery": ["pool_bags", "pairing_weights"],
    "self_distillation": [
        "SelfDistillation", "distillation_loss", "adapter_inputs", "adapted_outputs", "AdaptedTeachers",
        "fit_adapters",
    ],
    "soft_targets": [
        "target_rules", "ROUTER_STEPS", "ROUTER_LR", "ROUTER_PENALTY", "combine_targets", "outputs_on_all_rows",
        "soft_prediction", "collect_predictions", "mean_target", "single_teacher_target", "barycentre_target",
        "best_teacher_index", "confidence_weights", "validation_errors", "best_target", "confidence_target",
        "router_weights", "router_target", "balance_target",
    ],
    "stage": ["StageSpec", "init_projections"],
    "stages": [
        "RequiredArtifacts", "required_artifacts", "fit_backbones", "fit_teachers", "self_distil",
        "fit_all_tnets", "fit_first_stages", "fit_teacher_stages", "teacher_checkpoints", "run_stages",
        "count_steps",
    ],
    "students": [
        "MEMBER_SCHEDULE", "ensemble_keys", "get_teachers", "candidate_teacher_names", "candidate_keys",
        "candidate_teachers", "member_count", "student_members", "soft_targets_of", "members_rule",
        "get_graph_target", "refined_schedule", "refined_teacher_key", "get_refined_teacher",
        "fit_refined_teacher", "target_shares", "stage_spec", "fit_student", "get_student",
    ],
    "teacher_selection": ["selection_rules", "select_teachers"],
    "teachers": [
        "ENCODERS", "TNETS", "TeacherTraining", "fit_teacher", "fit_backbone", "encoder_weights",
        "copy_weights", "freeze", "CrossFitted", "inner_folds", "cross_fit",
    ],
    "tnet": [
        "tnet_losses", "get_adapted_teachers", "get_teacher_outputs", "embedding_teacher", "class_ground_cost",
        "tnet_mse", "tnet_discrepancy", "FittedTNets", "get_tnets", "fit_tnets", "init_student_from_teacher",
        "start_teachers", "needs_tnets",
    ],
    "weak_pairs": ["PoolBags", "pairing_cost", "assign_soft_targets"],
    "working_rows": ["drawn_rows", "kept_bytes"],
})
