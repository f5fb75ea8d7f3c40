"Networks: encoders, backbones, fusion, teachers, student and T-Net"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "backbone_encoders": ["first_trained_part", "Pretrained", "EncoderOfBackbone", "PretrainedEnd"],
    "backbones": [
        "BACKBONE_PARTS", "CHANNELS", "WIDTH", "BACKBONE_KINDS", "HUB_LIBRARIES", "BackboneKind", "is_of_hub",
        "is_backbone", "kind_of", "is_without_weights", "Affine", "freeze_norms", "Backbone", "build_backbone",
        "cell_means", "DifferenceImage", "set_trainable", "trainable_table", "trainable_text", "check_part",
        "build_frozen", "weights_sha256",
    ],
    "encoders": ["AUTO", "build_encoder", "MLP", "Conv1d", "TCN"],
    "fusion": [
        "fusions", "MANY_KEYS", "ACROSS_BATCH", "BATCH_FAULTS", "build_fusion", "Concat", "masked_softmax",
        "Gated", "Attention", "attention_by_products", "Block", "Tokens", "present_mean", "CrossAttention",
        "with_time", "PostNormBlock", "CrossedEncoders", "JointCrossAttention", "AcrossBatch",
        "CrossedEncodersAcrossBatch",
    ],
    "hub_blocks": ["block_number", "HubBeginning", "HubEnd", "build_hub_beginning", "build_hub_end"],
    "hub_kinds": [
        "ARCHITECTURES", "Architecture", "HubKind", "hub_kind", "transformers_config", "vocabulary_digest",
        "timm_settings", "timm_skeleton",
    ],
    "hub_names": [
        "HubName", "parse_hub_name", "need_transformers", "need_timm", "nearest_few", "folder_of", "download",
        "read_json", "require_safetensors",
    ],
    "hub_networks": [
        "POOLINGS", "hub_model", "check_taking", "pool_tokens", "HubNetwork", "TransformersNetwork",
        "TimmNetwork", "build_hub_network", "load_tokenizer",
    ],
    "label_propagation": [
        "NEIGHBOURS", "EXACT_ROWS", "PRIOR_WEIGHT", "ALPHA", "neighbour_graph", "label_seeds",
        "propagate_labels",
    ],
    "networks": ["Output", "StepOutput", "step_output", "MultimodalNet"],
    "sequences": [
        "split_gaps", "StepMLP", "StepTCN", "GRUPass", "StepGRU", "step_positions", "StepTransformer", "GRU",
        "Transformer", "build_step_encoder", "step_tokens", "fold_steps",
    ],
    "stacked_layers": [
        "STACKED_LAYERS", "WITHOUT_WEIGHTS", "CONTAINERS", "StackedLinear", "StackedLayerNorm", "MappedModule",
        "takes_repeats", "stacked_form", "shared_weights", "weight_places", "bind_weights",
    ],
    "student": ["TNet", "Student"],
    "teacher_ensemble": ["teacher_name", "teacher_subsets", "TeacherEnsemble"],
})
