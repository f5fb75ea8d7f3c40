"Training: stacks of repeats, batches, one loop, checkpoints, several processes"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "batching": ["draw_batches", "draw_mixup", "mix", "draw_bags", "boxes_of", "draw_looks"],
    "checkpoint": ["PAUSE", "SHELF", "save_checkpoint", "resume_checkpoint", "agree", "Shelf", "stage_of", "shelved"],
    "controls": ["permute", "alike", "permute_labels", "shuffle_inputs", "loosen"],
    "distributed": [
        "processes", "shares", "own_rows", "gather_batch", "over_processes", "average", "company", "meet",
        "from_first",
    ],
    "loop": ["fit"],
    "stacked_data": ["Table", "make_table", "look_up"],
    "stacked_model": ["PRECISIONS", "PRECISION", "SCALE", "mixed_dtype", "in_precision", "Stack", "predict"],
    "trainer": [
        "learning_rate", "clip_per_repeat", "Trainer", "gather_gradients", "unscale", "update",
        "left_out_whole", "keep_best",
    ],
})
