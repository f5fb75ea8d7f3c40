# made from __init__.py by tools/write_stubs.py
from .comparison import (
    PAIRS as PAIRS,
    INFLATION as INFLATION,
    open_folder as open_folder,
    protocol_of as protocol_of,
    check_pairable as check_pairable,
    pairs_of as pairs_of,
    compare as compare,
    design_of as design_of,
    inflation as inflation,
)
from .damage import (
    damages as damages,
    SHARES as SHARES,
    DECIBELS as DECIBELS,
    FACTORS as FACTORS,
    DamageKind as DamageKind,
    Damage as Damage,
    DamagedDataset as DamagedDataset,
    drawn_by_row as drawn_by_row,
    damages_of_recordings as damages_of_recordings,
    with_recordings as with_recordings,
    damaged_set as damaged_set,
    damages_of as damages_of,
)
from .damaged_recordings import (
    Recordings as Recordings,
    check_unchanged as check_unchanged,
)
from .evaluate import (
    SCORE_COLUMNS as SCORE_COLUMNS,
    Candidate as Candidate,
    students_at as students_at,
    columns_for as columns_for,
    predictions_for as predictions_for,
    scores_of as scores_of,
)
from .fit import (
    ONE_ERROR as ONE_ERROR,
    plan_fit as plan_fit,
    members as members,
    claim_fit_folder as claim_fit_folder,
    is_better_student as is_better_student,
    chosen_method as chosen_method,
    fit_text as fit_text,
)
from .frame_scoring import (
    smoothing_scores as smoothing_scores,
    frame_rows as frame_rows,
    chosen_smoothings as chosen_smoothings,
    frame_facts as frame_facts,
)
from .label_budgets import (
    CURVE as CURVE,
    budgets_of as budgets_of,
    budget_name as budget_name,
    plan_budgets as plan_budgets,
    curve_table as curve_table,
    same_but_labels as same_but_labels,
)
from .plan import (
    MAX_STACK as MAX_STACK,
    STACK_BYTES as STACK_BYTES,
    ExperimentSpec as ExperimentSpec,
    list_methods as list_methods,
    plan_experiment as plan_experiment,
    cut_folds as cut_folds,
    stack_size as stack_size,
    stacked_repeats as stacked_repeats,
    precision_text as precision_text,
    trained_backbones_text as trained_backbones_text,
)
from .probe import (
    Probe as Probe,
    probe_text as probe_text,
)
from .recipes import (
    LENGTHS as LENGTHS,
    method_of as method_of,
    overlay as overlay,
    without_beaten_lengths as without_beaten_lengths,
    under as under,
    recipe_lines as recipe_lines,
)
from .resume import (
    SHOWING as SHOWING,
    KEPT_ROWS as KEPT_ROWS,
    identity as identity,
    code_sha256 as code_sha256,
    first_difference as first_difference,
    check_same_work as check_same_work,
    claim_folder as claim_folder,
    save_part as save_part,
    keep_in_file as keep_in_file,
    load_part as load_part,
    student_file as student_file,
    teacher_file as teacher_file,
    keep_teachers as keep_teachers,
    keep_students as keep_students,
    Journal as Journal,
    environment as environment,
)
from .kept_networks import (
    replan as replan,
    KeptNetworks as KeptNetworks,
    fitted_networks as fitted_networks,
)
from .robustness import (
    CLEAN as CLEAN,
    Repeat as Repeat,
    score_stack as score_stack,
    level_of as level_of,
    difference_of as difference_of,
    robustness_text as robustness_text,
)
from .run_folder import (
    FORMAT as FORMAT,
    write_tensors as write_tensors,
    read_tensors as read_tensors,
    write_table as write_table,
    write_in_groups as write_in_groups,
    check_columns as check_columns,
    check_filled as check_filled,
    check_predictions as check_predictions,
    RunFiles as RunFiles,
    using_tables as using_tables,
    RunArrays as RunArrays,
    RunFolder as RunFolder,
    transfer_table as transfer_table,
    stored_transfer_table as stored_transfer_table,
    pairing_table as pairing_table,
)
from .run_students import (
    find_students as find_students,
    student_files as student_files,
    network_files as network_files,
    stands_for as stands_for,
)
from .runner import (
    train_all as train_all,
    stacks_of as stacks_of,
    training_folder as training_folder,
    methods_and_upper_bounds as methods_and_upper_bounds,
    write_folder as write_folder,
    default_out as default_out,
    run as run,
    run_plan as run_plan,
    forecast as forecast,
    check_cells as check_cells,
)
from .schedule_choice import (
    is_clearly_better as is_clearly_better,
    choose_candidate as choose_candidate,
    choose_schedules as choose_schedules,
    with_chosen as with_chosen,
    fall_back as fall_back,
    with_fallbacks as with_fallbacks,
)
from .scoring import (
    MOST_SHOWN as MOST_SHOWN,
    score_rows as score_rows,
    predictions_of as predictions_of,
    history_rows as history_rows,
    backbone_rows as backbone_rows,
    teacher_rows as teacher_rows,
    open_context as open_context,
    run_method as run_method,
    first_outputs as first_outputs,
    plan_of as plan_of,
    embeddings_of as embeddings_of,
)
from .settings import (
    allow_parts as allow_parts,
    resolve_config as resolve_config,
    with_protocol as with_protocol,
    with_epochs as with_epochs,
    with_bags as with_bags,
    window_step as window_step,
    weak_pairings_of as weak_pairings_of,
    with_faults as with_faults,
    draw_folds as draw_folds,
    shared_backbone_folds as shared_backbone_folds,
)
from .study import (
    COMPARISON as COMPARISON,
    optuna_module as optuna_module,
    stored_choice as stored_choice,
    stored_settings as stored_settings,
    settings_of as settings_of,
    distributions_of as distributions_of,
    propose as propose,
    finished_trial as finished_trial,
    claim_tune_folder as claim_tune_folder,
    naming_damage as naming_damage,
    TuneFolder as TuneFolder,
    Study as Study,
    checked_values as checked_values,
    open_studies as open_studies,
    submit_to as submit_to,
    run_rounds as run_rounds,
    chosen_settings as chosen_settings,
    run_comparison as run_comparison,
    write_comparison as write_comparison,
    tuning_section as tuning_section,
    trials_table as trials_table,
    cost_table as cost_table,
    importance_table as importance_table,
    write_tables as write_tables,
)
from .tables import (
    TABLES as TABLES,
    COLUMNS as COLUMNS,
    StoredPredictions as StoredPredictions,
    in_memory as in_memory,
    join_stored as join_stored,
    MethodTables as MethodTables,
)
from .teacher_stages import (
    MARK as MARK,
    train_teachers as train_teachers,
    train_students as train_students,
)
from .trials import (
    trial_arguments as trial_arguments,
    plan_trial as plan_trial,
    row_name as row_name,
    comparison_folds as comparison_folds,
    trial_folds as trial_folds,
    held_out_rows as held_out_rows,
    check_no_test_rows as check_no_test_rows,
    without_labels as without_labels,
    PrunedTrial as PrunedTrial,
    TrialStore as TrialStore,
    TrialCheckpoint as TrialCheckpoint,
    median_bars as median_bars,
    train_trial as train_trial,
    run_trial as run_trial,
    run_compared as run_compared,
    check_tuning as check_tuning,
)
from .tuned_comparison import (
    run_tuned as run_tuned,
)
from .tuned_settings import (
    TUNING as TUNING,
    is_tuned as is_tuned,
    TunedSettings as TunedSettings,
    read_tuned as read_tuned,
    tuned_for as tuned_for,
)
from .tuning import (
    ALL as ALL,
    EXPERIMENT as EXPERIMENT,
    COSTS as COSTS,
    COSTLY_PARTS as COSTLY_PARTS,
    KEYS as KEYS,
    MOST_TRIALS as MOST_TRIALS,
    Dimension as Dimension,
    default_of as default_of,
    is_real as is_real,
    parse_dimension as parse_dimension,
    changes_cost as changes_cost,
    parse_spaces as parse_spaces,
    TuneSpec as TuneSpec,
    read_tune as read_tune,
)
from .unread_settings import (
    RecordedOptions as RecordedOptions,
    options_of_term as options_of_term,
    reads_setting as reads_setting,
    unread_dimensions as unread_dimensions,
    unread_text as unread_text,
)
from .verdict import (
    EFFECT as EFFECT,
    paired as paired,
    test_design as test_design,
    compare_methods as compare_methods,
    tested_difference as tested_difference,
    diverged as diverged,
    summarise as summarise,
    parts_results as parts_results,
    frozen_parts as frozen_parts,
    named_with_schedule as named_with_schedule,
    anchors_of_batch as anchors_of_batch,
)
