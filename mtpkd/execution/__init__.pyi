# made from __init__.py by tools/write_stubs.py
from .notebook_parameters import (
    batch_folder as batch_folder,
    companion_folder as companion_folder,
    find_notebook as find_notebook,
    batch_names as batch_names,
    read_notebook as read_notebook,
    assigned_names as assigned_names,
    check_parameters as check_parameters,
    plain_parameter as plain_parameter,
)
from .notebooks import (
    ONE_THREAD as ONE_THREAD,
    KERNEL_OPTIONS as KERNEL_OPTIONS,
    kernel_env as kernel_env,
    own_kernel as own_kernel,
    Follow as Follow,
    following_journal as following_journal,
    execute as execute,
    execute_many as execute_many,
    raise_first as raise_first,
)
from .parameters import (
    unknown_parameters as unknown_parameters,
    refuse_unknown_parameters as refuse_unknown_parameters,
    standing_folders as standing_folders,
    find_here as find_here,
    find_manifest as find_manifest,
)
from .ray_cluster import (
    node_pool as node_pool,
    run_on_node as run_on_node,
    check_reachable as check_reachable,
    join_cluster as join_cluster,
    RayPool as RayPool,
)
from .sweep import (
    GRACE as GRACE,
    threads_of as threads_of,
    fitting_jobs as fitting_jobs,
    run_cell as run_cell,
    submit_cell as submit_cell,
    SweepJournal as SweepJournal,
    run_cells as run_cells,
    claim_sweep_folder as claim_sweep_folder,
)
from .sweep_file import (
    KEYS as KEYS,
    MOST as MOST,
    Cell as Cell,
    Sweep as Sweep,
    read_sweep as read_sweep,
    single_cell as single_cell,
)
from .sweep_folder import (
    MAX_CELL_BYTES as MAX_CELL_BYTES,
    SweepFolder as SweepFolder,
    write_cells as write_cells,
    read_cells as read_cells,
    last_events as last_events,
)
from .workers import (
    KERNEL as KERNEL,
    MACHINE as MACHINE,
    PRELOAD as PRELOAD,
    CAN_FORK as CAN_FORK,
    Forked as Forked,
    fork_kernel as fork_kernel,
    ForkedProvisioner as ForkedProvisioner,
    warm_kernel as warm_kernel,
    job_answer as job_answer,
    run_job as run_job,
    execute_warm as execute_warm,
    serve_jobs as serve_jobs,
    preload_module as preload_module,
    Pool as Pool,
    value_of as value_of,
)
