# made from __init__.py by tools/write_stubs.py
from .check import (
    Check as Check,
    check_text as check_text,
)
from .clips import (
    NORMALISATIONS as NORMALISATIONS,
    clip_segments as clip_segments,
    strided as strided,
    draw_views as draw_views,
    crop as crop,
    centre_box as centre_box,
    normalise as normalise,
)
from .copies import (
    END_BYTES as END_BYTES,
    FEWEST_VALUES as FEWEST_VALUES,
    Repeated as Repeated,
    same_files as same_files,
    same_rows as same_rows,
)
from .face_detectors import (
    detectors as detectors,
    LONGEST as LONGEST,
    SMALLEST as SMALLEST,
    detect_no_faces as detect_no_faces,
    no_faces as no_faces,
    mtcnn as mtcnn,
    cascade as cascade,
    check_detectors as check_detectors,
)
from .face_tables import (
    GROUPS as GROUPS,
    STATISTICS_OF_FACES as STATISTICS_OF_FACES,
    FaceTable as FaceTable,
    columns_of as columns_of,
    read_track as read_track,
    frames_within as frames_within,
    face_window as face_window,
    face_statistics as face_statistics,
    face_series as face_series,
    CONFIDENT as CONFIDENT,
    face_fault as face_fault,
    face_doubts as face_doubts,
)
from .face_tracks import (
    overlap as overlap,
    follow as follow,
    Track as Track,
    running_mean as running_mean,
    fill as fill,
)
from .faces import (
    crop_upright as crop_upright,
    track_face as track_face,
    face_clip as face_clip,
)
from .feature_store import (
    MOST_SHARD_BYTES as MOST_SHARD_BYTES,
    MOST_ROWS as MOST_ROWS,
    write_shard as write_shard,
    open_shard as open_shard,
    shard_path as shard_path,
    read_shard as read_shard,
    gather as gather,
    map_features as map_features,
    rows_text as rows_text,
    parse_rows as parse_rows,
    keys_digest as keys_digest,
    gather_windows as gather_windows,
    stored_features as stored_features,
    prepared as prepared,
    shards_of as shards_of,
)
from .folds import (
    Fold as Fold,
    check_fold as check_fold,
    strata as strata,
    draw_parts as draw_parts,
    draw_stratified as draw_stratified,
    fold_folder as fold_folder,
    fold_lists as fold_lists,
    pinned_folds as pinned_folds,
    outer_folds as outer_folds,
    annotated as annotated,
    nested_folds as nested_folds,
    whole_fold as whole_fold,
)
from .frame_spans import (
    FrameSpans as FrameSpans,
    make_spans as make_spans,
    windows_table as windows_table,
    annotations_table as annotations_table,
    read_spans as read_spans,
)
from .large_sets import (
    random_places as random_places,
    cut_fold as cut_fold,
    take_rows as take_rows,
    fold_in as fold_in,
)
from .manifest import (
    RECORDED as RECORDED,
    SMOOTHING as SMOOTHING,
    SIMULATION_MARK as SIMULATION_MARK,
    FileSpec as FileSpec,
    PreparedSpec as PreparedSpec,
    ModalitySpec as ModalitySpec,
    TaskSpec as TaskSpec,
    ProtocolSpec as ProtocolSpec,
    PairingSpec as PairingSpec,
    PublishedSpec as PublishedSpec,
    FramesSpec as FramesSpec,
    DatasetManifest as DatasetManifest,
    parse_manifest as parse_manifest,
    split_address as split_address,
    changed as changed,
    manifests_folder as manifests_folder,
    list_manifests as list_manifests,
    with_variants as with_variants,
    with_root as with_root,
    load_manifest as load_manifest,
    resolve_inside as resolve_inside,
    is_shipped as is_shipped,
    came_with_data as came_with_data,
    audit as audit,
    require_files as require_files,
)
from .media_files import (
    UPRIGHT as UPRIGHT,
    need_av as need_av,
    error_reason as error_reason,
    empty_file as empty_file,
    nearest_file as nearest_file,
    open_media as open_media,
    first_stream as first_stream,
    recording_start as recording_start,
    can_seek as can_seek,
    turn_upright as turn_upright,
    turn_size as turn_size,
    matrix_orientation as matrix_orientation,
    frame_orientation as frame_orientation,
    picture_kind as picture_kind,
    picture_structure as picture_structure,
    picture_orientation as picture_orientation,
    read_picture as read_picture,
    jpeg_bytes as jpeg_bytes,
    write_video as write_video,
)
from .media_probe import (
    Probe as Probe,
    probe_video as probe_video,
    probe_image as probe_image,
    probe_wav as probe_wav,
    probe_sound as probe_sound,
)
from .missing import (
    LARGE_SHARE as LARGE_SHARE,
    missing_notes as missing_notes,
    require_recordings as require_recordings,
)
from .npz_files import (
    load_arrays as load_arrays,
    npz as npz,
)
from .originals import (
    RECORDINGS as RECORDINGS,
    Original as Original,
    original_columns as original_columns,
    write_recordings as write_recordings,
    read_recordings as read_recordings,
    find_original as find_original,
)
from .physiology import (
    PHYSIOLOGY as PHYSIOLOGY,
    neurokit_version as neurokit_version,
    parse_physiology as parse_physiology,
    physiology_features as physiology_features,
)
from .readers import (
    naming_source as naming_source,
    as_numbers as as_numbers,
    as_booleans as as_booleans,
    as_target as as_target,
    as_modality as as_modality,
    transform as transform,
    unprepared as unprepared,
    to_samples as to_samples,
)
from .reading import (
    without_labels as without_labels,
    row_manifest as row_manifest,
    takes_steps_from_frames as takes_steps_from_frames,
    read as read,
)
from .sample_files import (
    load_sample as load_sample,
    AbsentWarning as AbsentWarning,
    warn_absent as warn_absent,
    load_paths as load_paths,
)
from .samples import (
    MEDIA as MEDIA,
    WORDS as WORDS,
    MOST_LOST as MOST_LOST,
    SILENT as SILENT,
    UNLABELLED as UNLABELLED,
    as_media as as_media,
    is_media as is_media,
    as_words as as_words,
    is_words as is_words,
    is_unprepared as is_unprepared,
    lost_by_rounding as lost_by_rounding,
    rounding_doubt as rounding_doubt,
    as_float32 as as_float32,
    Samples as Samples,
    present_rows as present_rows,
    without_mask as without_mask,
    as_text as as_text,
    as_ids as as_ids,
    make_samples as make_samples,
    has_label as has_label,
    label_names as label_names,
    Normaliser as Normaliser,
    fit_normaliser as fit_normaliser,
    fit_target_unit as fit_target_unit,
)
from .save import (
    npz_bytes as npz_bytes,
    write_unless_same as write_unless_same,
    save_set as save_set,
)
from .shard_folders import (
    SHARDS as SHARDS,
    ShardFolders as ShardFolders,
    as_folders as as_folders,
    MARK as MARK,
    WORK as WORK,
    RESERVED as RESERVED,
    folder_fault as folder_fault,
    checked_folders as checked_folders,
    check_folder_names as check_folder_names,
    free_folders as free_folders,
    claim_folders as claim_folders,
)
from .signal_cleaning import (
    SIGNAL_KINDS as SIGNAL_KINDS,
    Cleaning as Cleaning,
    cleaning_for as cleaning_for,
    trend as trend,
    detrend as detrend,
    clean as clean,
    split_eda as split_eda,
    bad_points as bad_points,
    good_windows as good_windows,
    eda_parts as eda_parts,
    eda_parts_statistics as eda_parts_statistics,
)
from .signals import (
    inputs as inputs,
    STATISTICS as STATISTICS,
    RANGE as RANGE,
    check_rate as check_rate,
    check_below_nyquist as check_below_nyquist,
    resample as resample,
    bandpass as bandpass,
    notch as notch,
    window_starts as window_starts,
    windows as windows,
    raw as raw,
    apply_input as apply_input,
    band_edges as band_edges,
    log_power as log_power,
    log_band_power as log_band_power,
    window_statistics as window_statistics,
    check_windows as check_windows,
    spectrogram as spectrogram,
    power_spectrogram as power_spectrogram,
    hz_to_mel as hz_to_mel,
    mel_to_hz as mel_to_hz,
    mel_filters as mel_filters,
    log_mel as log_mel,
)
from .smoothing import (
    smoothings as smoothings,
    parse_smoothing as parse_smoothing,
    smooth_frames as smooth_frames,
    check_smoothings as check_smoothings,
)
from .sound import (
    WavHeader as WavHeader,
    wav_header as wav_header,
    decode_stretches as decode_stretches,
    noisy_sound as noisy_sound,
    read_sound as read_sound,
    encode_wav as encode_wav,
)
from .sound_descriptors import (
    LEVELS as LEVELS,
    parse_descriptors as parse_descriptors,
    opensmile_version as opensmile_version,
)
from .step_targets import (
    count_steps as count_steps,
    steps_first as steps_first,
    require_whole_steps as require_whole_steps,
    StepNames as StepNames,
    window_targets as window_targets,
)
from .steps_as_rows import (
    observed_steps as observed_steps,
    annotated_steps as annotated_steps,
    step_spans as step_spans,
    step_rows as step_rows,
    step_names as step_names,
    parse_step_names as parse_step_names,
    scored_pairs as scored_pairs,
    scored_units as scored_units,
    require_covered_frames as require_covered_frames,
    with_step_targets as with_step_targets,
)
from .table_files import (
    parse_text as parse_text,
    require_no_gap as require_no_gap,
    DialectWarning as DialectWarning,
    first_lines as first_lines,
    load_table as load_table,
    table_columns as table_columns,
    text_column as text_column,
    as_floats as as_floats,
    number_columns as number_columns,
)
from .tables import (
    TRANSCRIPTS as TRANSCRIPTS,
    feature_columns as feature_columns,
    named_files as named_files,
    table as table,
)
from .transcripts import (
    Segment as Segment,
    read_transcript as read_transcript,
    words_between as words_between,
)
from .video import (
    Recording as Recording,
    scan_film as scan_film,
    open_recording as open_recording,
    is_picture_file as is_picture_file,
    coarse_films as coarse_films,
    read_frames as read_frames,
    held_frames as held_frames,
    frames_in_memory as frames_in_memory,
    decoding_forward as decoding_forward,
)
from .weak_pairing import (
    Pairing as Pairing,
    parse_pairing as parse_pairing,
    pairing_groups as pairing_groups,
    cut_into_bags as cut_into_bags,
    random_bags as random_bags,
    lag_in_rows as lag_in_rows,
    shift_by_lag as shift_by_lag,
    bag_ids as bag_ids,
    widest_bag as widest_bag,
    form_bags as form_bags,
    WeakPairing as WeakPairing,
    simulate_weak_pairing as simulate_weak_pairing,
    check_pairing as check_pairing,
)
from .unpacked_arrays import (
    StoredNumbers as StoredNumbers,
    stored_numbers as stored_numbers,
    row_chunks as row_chunks,
    copy_path as copy_path,
    unpacked_rows as unpacked_rows,
)
from .windowed_array import (
    MAPPED_BYTES as MAPPED_BYTES,
    MOST_READ as MOST_READ,
    CHUNK_BYTES as CHUNK_BYTES,
    WindowedArray as WindowedArray,
    release as release,
    in_chunks as in_chunks,
    stored_chunks as stored_chunks,
    occurrences as occurrences,
    zero_where as zero_where,
)
