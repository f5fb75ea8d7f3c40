# made from __init__.py by tools/write_stubs.py
from .answers import (
    answering_method as answering_method,
    describe_help as describe_help,
    describe_pairing as describe_pairing,
    describe_transport_gain as describe_transport_gain,
    answer_sentences as answer_sentences,
    takeaway as takeaway,
    describe_experiment as describe_experiment,
    describe_names as describe_names,
)
from .companion import (
    SMALL as SMALL,
    single_teachers as single_teachers,
    companion_run as companion_run,
    manifest_of as manifest_of,
    set_of as set_of,
    shown_methods as shown_methods,
    best_student as best_student,
    selecting_student as selecting_student,
    first_adapted_teacher as first_adapted_teacher,
    shown as shown,
)
from .data_tables import (
    modality_table as modality_table,
    parts_table as parts_table,
    label_table as label_table,
    presence_table as presence_table,
    missing_patterns as missing_patterns,
    protocol_folds as protocol_folds,
    fold_table as fold_table,
    shared_subjects as shared_subjects,
    divisions as divisions,
    linear_scores as linear_scores,
    scores_by_subject as scores_by_subject,
    signal_figure as signal_figure,
    subject_recognised as subject_recognised,
    sample_figure as sample_figure,
)
from .embedding_tables import (
    JOINT as JOINT,
    nearest_rows as nearest_rows,
    neighbour_table as neighbour_table,
    common_neighbours as common_neighbours,
    aligned_teachers as aligned_teachers,
    cosine_to_joint as cosine_to_joint,
    structure_to_joint as structure_to_joint,
    linear_readout as linear_readout,
    directions_used as directions_used,
    adapter_figure as adapter_figure,
)
from .fault_tables import (
    fold_overlap as fold_overlap,
    runs_with_faults as runs_with_faults,
    chosen_epoch_gain as chosen_epoch_gain,
)
from .findings import (
    describe_winners as describe_winners,
    describe_unclear as describe_unclear,
    describe_transport as describe_transport,
    same_schedule as same_schedule,
    describe_ablations as describe_ablations,
    describe_controls as describe_controls,
    describe_baselines as describe_baselines,
    describe_teacher as describe_teacher,
    describe_selection as describe_selection,
    describe_validation as describe_validation,
    describe_graph as describe_graph,
    describe_fallback as describe_fallback,
    has_no_headroom as has_no_headroom,
    describe_headroom as describe_headroom,
    describe_calibration as describe_calibration,
    describe_modalities as describe_modalities,
)
from .folder_states import (
    PATIENCE as PATIENCE,
    MOST_SILENT_SECONDS as MOST_SILENT_SECONDS,
    journal_events as journal_events,
    is_evaluation as is_evaluation,
    silence as silence,
    lock_is_here as lock_is_here,
    is_held as is_held,
    FolderState as FolderState,
    RUNNING as RUNNING,
    run_state as run_state,
    sweep_state as sweep_state,
    study_state as study_state,
    folder_state as folder_state,
)
from .glossary import (
    method_cost as method_cost,
    method_time as method_time,
    MethodNote as MethodNote,
    named_methods as named_methods,
    method_notes as method_notes,
    glossary_words as glossary_words,
)
from .hub_folders import (
    PART_BYTES as PART_BYTES,
    HUB_LICENCES as HUB_LICENCES,
    hub_licence as hub_licence,
    hub_folder as hub_folder,
    as_lists as as_lists,
    write_parquet_files as write_parquet_files,
    tabular as tabular,
)
from .limits import (
    describe_multiple_tests as describe_multiple_tests,
    describe_correction as describe_correction,
    describe_marks as describe_marks,
    describe_limits as describe_limits,
    describe_test as describe_test,
    describe_power as describe_power,
    most_hurt as most_hurt,
    describe_hurt as describe_hurt,
    describe_diverged as describe_diverged,
    describe_unfinished as describe_unfinished,
    describe_tuning as describe_tuning,
    describe_provenance as describe_provenance,
    describe_simulation as describe_simulation,
)
from .network_tables import (
    WIDTH as WIDTH,
    sample_shapes as sample_shapes,
    encoder_sizes as encoder_sizes,
    token_shapes as token_shapes,
    masked_change as masked_change,
)
from .outcome_tables import (
    right_rows as right_rows,
    outcome_names as outcome_names,
    outcomes as outcomes,
    outcome_table as outcome_table,
    outcome_figure as outcome_figure,
    changed_table as changed_table,
    class_scores as class_scores,
    class_table as class_table,
    confusion_table as confusion_table,
    disagreement_table as disagreement_table,
    right_counts as right_counts,
    teacher_losses as teacher_losses,
    loss_unit as loss_unit,
    teacher_table as teacher_table,
    margin_table as margin_table,
    perfect_choice as perfect_choice,
    score_table as score_table,
)
from .page import (
    Page as Page,
)
from .part_figures import (
    figure_or_note as figure_or_note,
)
from .plan_tables import (
    made_up_batch as made_up_batch,
    batch_to_explain as batch_to_explain,
    batch_groups as batch_groups,
    one_row_a_group as one_row_a_group,
    anchor_groups as anchor_groups,
    similarity_means as similarity_means,
    whole_rows as whole_rows,
    student_plans as student_plans,
)
from .private_paths import (
    PATHS as PATHS,
    without_paths as without_paths,
    last_part as last_part,
    check_no_paths as check_no_paths,
    texts_of as texts_of,
    check_content as check_content,
)
from .ranking import (
    fallen_back as fallen_back,
    verdict_rows as verdict_rows,
    best_method as best_method,
)
from .rehearsal import (
    face_thumbnails as face_thumbnails,
    first_film as first_film,
    film_moments as film_moments,
    value_timeline as value_timeline,
)
from .report import (
    render as render,
    comparison_page as comparison_page,
)
from .result_sections import (
    budget_section as budget_section,
    teacher_section as teacher_section,
    transfer_section as transfer_section,
    calibration_section as calibration_section,
    frame_section as frame_section,
    modality_section as modality_section,
    pairing_section as pairing_section,
    describe_unit as describe_unit,
    repeat_section as repeat_section,
)
from .robustness_section import (
    MOST_LINES as MOST_LINES,
    damage_panels as damage_panels,
    damage_figure as damage_figure,
)
from .row_facts import (
    EmbeddingSpaces as EmbeddingSpaces,
    embedding_spaces as embedding_spaces,
    first_repeat as first_repeat,
    prediction_losses as prediction_losses,
    chosen_teacher as chosen_teacher,
    default_embedding_spaces as default_embedding_spaces,
    presets as presets,
    colourings as colourings,
    choice_by_group as choice_by_group,
    chosen_samples as chosen_samples,
    changed_samples as changed_samples,
)
from .run_figures import (
    choice_figure as choice_figure,
    transfer_unit as transfer_unit,
    ledger_figure as ledger_figure,
    runs_figure as runs_figure,
)
from .run_pairs import (
    LEAST_COMMON as LEAST_COMMON,
    run_labels as run_labels,
    paired_spaces as paired_spaces,
    common_names as common_names,
    run_neighbours as run_neighbours,
    second_spaces as second_spaces,
    run_presets as run_presets,
    default_pair as default_pair,
)
from .run_view import (
    first_line_of as first_line_of,
    reason_of as reason_of,
    value_or_reason as value_or_reason,
    optional_table as optional_table,
    required_table as required_table,
    open_run as open_run,
    is_regression as is_regression,
    task_classes as task_classes,
    target_name as target_name,
    plan_names as plan_names,
    panel_order as panel_order,
    panels_of as panels_of,
    main_rows as main_rows,
    Batch as Batch,
    stored_batch as stored_batch,
    drawn_batch as drawn_batch,
    explain_plan as explain_plan,
    anchors_of as anchors_of,
    find_runs as find_runs,
    run_line as run_line,
    flatten_settings as flatten_settings,
    settings_that_differ as settings_that_differ,
)
from .sample_facts import (
    MOST_SECONDS as MOST_SECONDS,
    FilmPart as FilmPart,
    film_part as film_part,
    SamplePart as SamplePart,
    sample_part as sample_part,
    sample_parts as sample_parts,
    shown_networks as shown_networks,
    sample_outputs as sample_outputs,
    sample_targets as sample_targets,
    recording_rows as recording_rows,
    Timeline as Timeline,
    timeline as timeline,
)
from .sections import (
    as_yaml as as_yaml,
    run_section as run_section,
)
from .sentences import (
    verdict_sentences as verdict_sentences,
    setting_rows as setting_rows,
    markdown_text as markdown_text,
    as_markdown as as_markdown,
)
from .set_rows import (
    StoredPart as StoredPart,
    RunSamples as RunSamples,
    preparation_settings as preparation_settings,
)
from .sharing import (
    SHARED as SHARED,
    CARD_FILE as CARD_FILE,
    NOT_FOR as NOT_FOR,
    kind_of as kind_of,
    shared_files as shared_files,
    numbered as numbered,
    shared_contents as shared_contents,
    run_card as run_card,
    fit_card as fit_card,
    prepared_card as prepared_card,
    MOST_LICENCE as MOST_LICENCE,
    licence_of as licence_of,
    pack as pack,
    unpack as unpack,
)
from .study_report import (
    STUDY_PAGE as STUDY_PAGE,
    describe_protocol as describe_protocol,
    describe_cost as describe_cost,
    best_so_far as best_so_far,
    tuning_curves as tuning_curves,
    study_text as study_text,
)
from .sweep_ranks import (
    RANKS as RANKS,
    mean_ranks as mean_ranks,
    critical_difference as critical_difference,
    cliques as cliques,
    rank_figure as rank_figure,
    describe_ranks as describe_ranks,
    describe_counts as describe_counts,
    describe_failed as describe_failed,
)
from .sweep_report import (
    SWEEP_PAGE as SWEEP_PAGE,
    table_cell as table_cell,
    table_rows as table_rows,
    longer_way_down as longer_way_down,
    curve_figures as curve_figures,
)
from .sweep_table import (
    SWEEP as SWEEP,
    sweep_groups as sweep_groups,
    pool_results as pool_results,
    is_upper_bound as is_upper_bound,
    group_rows as group_rows,
)
from .tables import (
    PAIRED_HEAD as PAIRED_HEAD,
    method_extras as method_extras,
    verdict_table as verdict_table,
    verdict_frame as verdict_frame,
    overview as overview,
    first_unpaying_budget as first_unpaying_budget,
    describe_budgets as describe_budgets,
    paired_cells as paired_cells,
    protocols_to_name as protocols_to_name,
)
from .teacher_pairs import (
    THIRDS as THIRDS,
    predicted_groups as predicted_groups,
    compared_networks as compared_networks,
    group_predictions as group_predictions,
    agreement_table as agreement_table,
    prediction_table as prediction_table,
    rows_of_cell as rows_of_cell,
    teacher_without as teacher_without,
    hideable_modalities as hideable_modalities,
    hidden_scores as hidden_scores,
)
from .template import (
    CSS as CSS,
    MACROS as MACROS,
    RUN as RUN,
    PAGE as PAGE,
    FOLDING as FOLDING,
    PAIRED as PAIRED,
    templates as templates,
)
from .tracked_runs import (
    TrackedRun as TrackedRun,
    flat_settings as flat_settings,
    point_name as point_name,
    result_points as result_points,
    live_points as live_points,
    progress_points as progress_points,
    unfinished_points as unfinished_points,
    finished_points as finished_points,
    collect_run as collect_run,
    trial_points as trial_points,
    collect_study as collect_study,
    collect as collect,
    describe_update as describe_update,
)
from .tracker_stores import (
    SOURCE_TAG as SOURCE_TAG,
    MLflowStore as MLflowStore,
    WandbStore as WandbStore,
)
from .trackers import (
    EVENT_FILES as EVENT_FILES,
    slug as slug,
    curves as curves,
    lost_repeats as lost_repeats,
    verdict_numbers as verdict_numbers,
    writer as writer,
    claim_log_folder as claim_log_folder,
    track_run as track_run,
    track as track,
)
from .tracking import (
    TRACKERS as TRACKERS,
    Tracker as Tracker,
    parse_tracker as parse_tracker,
    open_store as open_store,
    track_to as track_to,
)
from .training_sections import (
    plan_section as plan_section,
    embedding_arguments as embedding_arguments,
    embedding_section as embedding_section,
    curve_sections as curve_sections,
)
from .training_state import (
    HISTORY as HISTORY,
    journal_history as journal_history,
    TrainingState as TrainingState,
    duration_text as duration_text,
    read_training_state as read_training_state,
    training_figure as training_figure,
)
from .verdict_steps import (
    repeat_scores as repeat_scores,
    check_scores as check_scores,
    repeat_differences as repeat_differences,
    spread_table as spread_table,
    significance_steps as significance_steps,
    check_p as check_p,
    holm_table as holm_table,
    power_line as power_line,
    power_figure as power_figure,
)
