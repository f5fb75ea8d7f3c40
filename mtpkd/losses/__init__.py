"Losses: task, alignment, and distillation terms by response, feature, relation and structure"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "alignment": [
        "alignments", "align_cosine", "align_mse", "align_kl", "squared_distances", "align_mmd",
        "align_mmd_released",
    ],
    "feature": ["TINY", "mmd", "unit_rows", "project", "fitnets", "cosine_mse", "crd"],
    "relation": [
        "CHUNK_NUMBERS", "CHUNK_ELSEWHERE", "relative_distances", "angles", "rkd_distance", "rkd_angle", "sp",
        "cc", "pkt",
    ],
    "response": ["AGREEMENT", "soften", "logit_kd", "target_class", "tckd", "nckd", "kendall", "prototype_cost", "wkd"],
    "structural": ["STRUCTURES", "euclidean_distances", "centroid", "structural_clouds", "compare_clouds"],
    "task": [
        "cross_entropy", "cumulative_probabilities", "ordinal_cross_entropy", "concordance", "row_losses",
        "task_loss",
    ],
    "terms": [
        "LEVELS", "COMPARED", "OVER_TIME", "loss_terms", "weighted_mean", "TermInputs", "LossTerm", "loss_term",
        "get_term", "term_names",
    ],
})
