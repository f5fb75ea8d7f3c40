"Training: stacks of repeats, batches, one loop, checkpoints, several processes"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "batching": [
        "NOISE_PLACES", "draw_batches", "draw_mixup", "mix", "draw_bag_batches", "pad_bags", "draw_views",
        "draw_noise_table", "draw_noise_places", "read_noise",
    ],
    "checkpoint": [
        "SECONDS_BETWEEN_CHECKPOINTS", "SECONDS_BETWEEN_REPORTS", "save_checkpoint", "resume_checkpoint",
        "agree_on_start", "last_means", "CheckpointStore", "StageCheckpoint",
    ],
    "controls": ["permute_within", "rows_by_presence", "permute_labels", "shuffle_inputs", "apply_weak_pairing"],
    "distributed": [
        "rank_and_world_size", "row_shares", "local_rows", "gather_batch", "distributed_forward",
        "average_gradients", "init_process_group", "barrier", "tensor_from_rank0", "broadcast_from_rank0",
    ],
    "loop": ["WARM_UP", "TIMED", "StageTime", "first_steps_only", "train"],
    "stacked_data": ["WindowedTensor", "StackedDataset", "softmax", "make_stacked_dataset", "gather_rows"],
    "stacked_model": [
        "run_network", "MOST_SHAPES", "CompiledRun", "run_compiled", "PRECISIONS", "mixed_dtype", "StackedModel",
        "predict_stacked", "predict_logits",
    ],
    "step_graph": ["StepLoss", "graph_obstacle", "CudaGraph", "ORDINARY_STEPS", "StepGraph"],
    "trainer": [
        "learning_rate", "reading_is_free", "clip_per_repeat", "Trainer", "gather_gradients",
        "unscale_gradients", "set_learning_rates", "update_weights", "optimiser_step", "keep_excluded_repeats",
        "keep_best_weights",
    ],
})
