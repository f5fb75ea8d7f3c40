"Distillation: methods, the four stages, soft targets"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "context": ["Classroom", "beside", "home", "teacher", "student_stack"],
    "method_resolution": ["get_method", "method_options"],
    "methods": [
        "SHUFFLES", "SCHEDULES", "CONTROLS", "TAUGHT_BY", "add_schedule", "schedules", "Method", "add_method",
        "singles_of", "unpaired_of",
    ],
    "objective": ["make_batch", "tell_batch", "gradient_shares", "course_loss", "take_course", "labelled_by"],
    "outputs": ["Knowledge", "as_prediction", "Learner", "tabulate", "sees", "gather_knowledge"],
    "pair_recovery": ["bags_of", "shares_in_bags", "recovery"],
    "self_distillation": ["SelfDistillation", "distillation_loss", "frozen_inputs", "adapted_knowledge", "self_distil"],
    "soft_targets": [
        "targets", "voice", "said_by", "mean_target", "as_target", "barycentre_target", "best_of", "sureness",
        "validation_errors", "best_target", "confidence_target", "balanced",
    ],
    "stage": ["Course", "make_helpers", "draw_course", "draw_boxes", "draw_hidden"],
    "students": [
        "privileged_members", "unpaired_members", "candidates", "candidate_names", "made_by", "ensembles",
        "own_members", "distilled_target", "refined", "target_shares", "course_of", "learn", "student",
    ],
    "teacher_selection": ["selection_rules", "select_teachers"],
    "teachers": ["train_teacher", "CrossFitted", "inner_parts", "cross_fit"],
    "tnet": ["adapted", "knowledge_of", "ground_cost", "start_as_teacher"],
    "weak_pairs": ["Bags", "pair_cost", "tell"],
})
