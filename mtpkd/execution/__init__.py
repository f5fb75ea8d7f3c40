"Execution: notebooks as jobs, workers, sweeps, clusters"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "notebook_parameters": [
        "batch_folder", "companion_folder", "find_notebook", "batch_names", "read_notebook", "assigned_names",
        "check_parameters", "plain_parameter",
    ],
    "notebooks": [
        "ONE_THREAD", "KERNEL_OPTIONS", "kernel_env", "own_kernel", "Follow", "following_journal", "execute",
        "execute_many", "raise_first",
    ],
    "parameters": ["unknown_parameters", "refuse_unknown_parameters", "standing_folders", "find_here", "find_manifest"],
    "ray_cluster": ["node_pool", "run_on_node", "check_reachable", "join_cluster", "RayPool"],
    "sweep": [
        "GRACE", "threads_of", "fitting_jobs", "run_cell", "submit_cell", "SweepJournal", "run_cells",
        "claim_sweep_folder",
    ],
    "sweep_file": ["KEYS", "MOST", "Cell", "Sweep", "read_sweep", "single_cell"],
    "sweep_folder": ["MAX_CELL_BYTES", "SweepFolder", "write_cells", "read_cells", "last_events"],
    "workers": [
        "KERNEL", "MACHINE", "PRELOAD", "CAN_FORK", "Forked", "fork_kernel", "ForkedProvisioner", "warm_kernel",
        "job_answer", "run_job", "execute_warm", "serve_jobs", "preload_module", "Pool", "value_of",
    ],
})
