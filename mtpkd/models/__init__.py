"Networks: encoders, backbones, fusion, teachers, student and T-Net"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "backbones": [
        "PARTS", "CHANNELS", "WIDTH", "KINDS", "Kind", "kind_of", "Affine", "still_norms", "Backbone",
        "build_backbone", "set_learning", "learning_table", "learning_text", "weights_sha256", "begins_at",
        "Pretrained",
    ],
    "encoders": ["AUTO", "build_encoder", "MLP", "Conv1d", "TCN"],
    "fusion": [
        "fusions", "MANY", "ACROSS_BATCH", "build_fusion", "Concat", "masked_softmax", "Gated", "Attention",
        "by_products", "Block", "Tokens", "present_mean", "CrossAttention", "AcrossBatch",
    ],
    "networks": ["Output", "MultimodalNet"],
    "student": ["TNet", "Student"],
    "teacher_ensemble": ["teacher_name", "teacher_subsets", "TeacherEnsemble"],
})
