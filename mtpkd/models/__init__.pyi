# made from __init__.py by tools/write_stubs.py
from .backbone_encoders import (
    first_trained_part as first_trained_part,
    Pretrained as Pretrained,
    EncoderOfBackbone as EncoderOfBackbone,
    PretrainedEnd as PretrainedEnd,
)
from .backbones import (
    BACKBONE_PARTS as BACKBONE_PARTS,
    CHANNELS as CHANNELS,
    WIDTH as WIDTH,
    BACKBONE_KINDS as BACKBONE_KINDS,
    HUB_LIBRARIES as HUB_LIBRARIES,
    BackboneKind as BackboneKind,
    is_of_hub as is_of_hub,
    is_backbone as is_backbone,
    kind_of as kind_of,
    is_without_weights as is_without_weights,
    Affine as Affine,
    freeze_norms as freeze_norms,
    Backbone as Backbone,
    build_backbone as build_backbone,
    cell_means as cell_means,
    DifferenceImage as DifferenceImage,
    set_trainable as set_trainable,
    trainable_table as trainable_table,
    trainable_text as trainable_text,
    check_part as check_part,
    build_frozen as build_frozen,
    weights_sha256 as weights_sha256,
)
from .encoders import (
    AUTO as AUTO,
    build_encoder as build_encoder,
    MLP as MLP,
    Conv1d as Conv1d,
    TCN as TCN,
)
from .fusion import (
    fusions as fusions,
    MANY_KEYS as MANY_KEYS,
    ACROSS_BATCH as ACROSS_BATCH,
    BATCH_FAULTS as BATCH_FAULTS,
    build_fusion as build_fusion,
    Concat as Concat,
    masked_softmax as masked_softmax,
    Gated as Gated,
    Attention as Attention,
    attention_by_products as attention_by_products,
    Block as Block,
    Tokens as Tokens,
    present_mean as present_mean,
    CrossAttention as CrossAttention,
    with_time as with_time,
    PostNormBlock as PostNormBlock,
    CrossedEncoders as CrossedEncoders,
    JointCrossAttention as JointCrossAttention,
    AcrossBatch as AcrossBatch,
    CrossedEncodersAcrossBatch as CrossedEncodersAcrossBatch,
)
from .hub_blocks import (
    block_number as block_number,
    HubBeginning as HubBeginning,
    HubEnd as HubEnd,
    build_hub_beginning as build_hub_beginning,
    build_hub_end as build_hub_end,
)
from .hub_kinds import (
    ARCHITECTURES as ARCHITECTURES,
    Architecture as Architecture,
    HubKind as HubKind,
    hub_kind as hub_kind,
    transformers_config as transformers_config,
    vocabulary_digest as vocabulary_digest,
    timm_settings as timm_settings,
    timm_skeleton as timm_skeleton,
)
from .hub_names import (
    HubName as HubName,
    parse_hub_name as parse_hub_name,
    need_transformers as need_transformers,
    need_timm as need_timm,
    nearest_few as nearest_few,
    folder_of as folder_of,
    download as download,
    read_json as read_json,
    require_safetensors as require_safetensors,
)
from .hub_networks import (
    POOLINGS as POOLINGS,
    hub_model as hub_model,
    check_taking as check_taking,
    pool_tokens as pool_tokens,
    HubNetwork as HubNetwork,
    TransformersNetwork as TransformersNetwork,
    TimmNetwork as TimmNetwork,
    build_hub_network as build_hub_network,
    load_tokenizer as load_tokenizer,
)
from .label_propagation import (
    NEIGHBOURS as NEIGHBOURS,
    EXACT_ROWS as EXACT_ROWS,
    PRIOR_WEIGHT as PRIOR_WEIGHT,
    ALPHA as ALPHA,
    neighbour_graph as neighbour_graph,
    label_seeds as label_seeds,
    propagate_labels as propagate_labels,
)
from .networks import (
    Output as Output,
    StepOutput as StepOutput,
    step_output as step_output,
    MultimodalNet as MultimodalNet,
)
from .sequences import (
    split_gaps as split_gaps,
    StepMLP as StepMLP,
    StepTCN as StepTCN,
    GRUPass as GRUPass,
    StepGRU as StepGRU,
    step_positions as step_positions,
    StepTransformer as StepTransformer,
    GRU as GRU,
    Transformer as Transformer,
    build_step_encoder as build_step_encoder,
    step_tokens as step_tokens,
    fold_steps as fold_steps,
)
from .stacked_layers import (
    STACKED_LAYERS as STACKED_LAYERS,
    WITHOUT_WEIGHTS as WITHOUT_WEIGHTS,
    CONTAINERS as CONTAINERS,
    StackedLinear as StackedLinear,
    StackedLayerNorm as StackedLayerNorm,
    MappedModule as MappedModule,
    takes_repeats as takes_repeats,
    stacked_form as stacked_form,
    weight_places as weight_places,
    bind_weights as bind_weights,
)
from .student import (
    TNet as TNet,
    Student as Student,
)
from .teacher_ensemble import (
    teacher_name as teacher_name,
    teacher_subsets as teacher_subsets,
    TeacherEnsemble as TeacherEnsemble,
)
