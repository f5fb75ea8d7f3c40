# made from __init__.py by tools/write_stubs.py
from .batching import (
    NOISE_PLACES as NOISE_PLACES,
    draw_batches as draw_batches,
    draw_mixup as draw_mixup,
    mix as mix,
    draw_bag_batches as draw_bag_batches,
    pad_bags as pad_bags,
    draw_views as draw_views,
    draw_noise_table as draw_noise_table,
    draw_noise_places as draw_noise_places,
    read_noise as read_noise,
)
from .checkpoint import (
    SECONDS_BETWEEN_CHECKPOINTS as SECONDS_BETWEEN_CHECKPOINTS,
    SECONDS_BETWEEN_REPORTS as SECONDS_BETWEEN_REPORTS,
    save_checkpoint as save_checkpoint,
    resume_checkpoint as resume_checkpoint,
    agree_on_start as agree_on_start,
    last_means as last_means,
    CheckpointStore as CheckpointStore,
    StageCheckpoint as StageCheckpoint,
)
from .controls import (
    permute_within as permute_within,
    rows_by_presence as rows_by_presence,
    permute_labels as permute_labels,
    shuffle_inputs as shuffle_inputs,
    apply_weak_pairing as apply_weak_pairing,
)
from .distributed import (
    rank_and_world_size as rank_and_world_size,
    row_shares as row_shares,
    local_rows as local_rows,
    gather_batch as gather_batch,
    distributed_forward as distributed_forward,
    average_gradients as average_gradients,
    init_process_group as init_process_group,
    barrier as barrier,
    tensor_from_rank0 as tensor_from_rank0,
    broadcast_from_rank0 as broadcast_from_rank0,
)
from .loop import (
    WARM_UP as WARM_UP,
    TIMED as TIMED,
    StageTime as StageTime,
    first_steps_only as first_steps_only,
    train as train,
)
from .stacked_data import (
    WindowedTensor as WindowedTensor,
    StackedDataset as StackedDataset,
    softmax as softmax,
    make_stacked_dataset as make_stacked_dataset,
    gather_rows as gather_rows,
)
from .stacked_model import (
    run_network as run_network,
    MOST_SHAPES as MOST_SHAPES,
    CompiledRun as CompiledRun,
    run_compiled as run_compiled,
    PRECISIONS as PRECISIONS,
    mixed_dtype as mixed_dtype,
    StackedModel as StackedModel,
    predict_stacked as predict_stacked,
    predict_logits as predict_logits,
)
from .step_graph import (
    StepLoss as StepLoss,
    graph_obstacle as graph_obstacle,
    CudaGraph as CudaGraph,
    ORDINARY_STEPS as ORDINARY_STEPS,
    StepGraph as StepGraph,
)
from .trainer import (
    learning_rate as learning_rate,
    reading_is_free as reading_is_free,
    clip_per_repeat as clip_per_repeat,
    Trainer as Trainer,
    gather_gradients as gather_gradients,
    unscale_gradients as unscale_gradients,
    set_learning_rates as set_learning_rates,
    update_weights as update_weights,
    optimiser_step as optimiser_step,
    keep_excluded_repeats as keep_excluded_repeats,
    keep_best_weights as keep_best_weights,
)
