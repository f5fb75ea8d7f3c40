# made from __init__.py by tools/write_stubs.py
from .encoder_choice import (
    FITS as FITS,
    PLAIN as PLAIN,
    PrepareConfig as PrepareConfig,
    choices_by_name as choices_by_name,
    choose_for as choose_for,
    known_encoders as known_encoders,
    choose_encoder as choose_encoder,
    choose_weights as choose_weights,
)
from .extractors import (
    HASHED_COLUMNS as HASHED_COLUMNS,
    Extractor as Extractor,
)
from .piece_features import (
    BLOCK as BLOCK,
    is_per_frame as is_per_frame,
    block_pixels as block_pixels,
    run_network as run_network,
    features_of as features_of,
)
from .piece_workers import (
    GROUP as GROUP,
    HELD_BYTES as HELD_BYTES,
    piece_path as piece_path,
    save_piece as save_piece,
    load_piece as load_piece,
    do_piece as do_piece,
    in_groups as in_groups,
    shared_decoding as shared_decoding,
    run_pieces as run_pieces,
)
from .pieces import (
    MOST_FRAMES as MOST_FRAMES,
    Piece as Piece,
    piece_key as piece_key,
    content_sha256 as content_sha256,
    window_positions as window_positions,
    view_positions as view_positions,
    video_pixels as video_pixels,
    sound_samples as sound_samples,
    picture as picture,
    spectrogram_rate as spectrogram_rate,
    standardise as standardise,
)
from .pipeline import (
    known_shards as known_shards,
    collect as collect,
    shard_name as shard_name,
    write_features as write_features,
    prepare_modality as prepare_modality,
)
from .plan import (
    SHARD as SHARD,
    FilmWindows as FilmWindows,
    Modality as Modality,
    digest_files as digest_files,
    plan_modality as plan_modality,
    median_seconds as median_seconds,
    media_path as media_path,
    RecordedSet as RecordedSet,
    set_recipes as set_recipes,
    check_tools as check_tools,
    read_recorded as read_recorded,
    check_columns as check_columns,
    plan_pieces as plan_pieces,
    plan_set as plan_set,
    share_frames as share_frames,
    piece_fault as piece_fault,
)
from .prepare import (
    SPAN_TABLES as SPAN_TABLES,
    index_frame as index_frame,
    write_span_tables as write_span_tables,
    index_entry as index_entry,
    film_recipe as film_recipe,
    prepared_manifest as prepared_manifest,
    fold_texts as fold_texts,
    manifest_digest as manifest_digest,
    prepare_settings as prepare_settings,
    describe as describe,
    prepared_text as prepared_text,
)
from .prepared_folder import (
    FOLDERS as FOLDERS,
    earlier_folders as earlier_folders,
    holds_labels as holds_labels,
    holds_features as holds_features,
    check_prepared_folder as check_prepared_folder,
    claim_prepared_folder as claim_prepared_folder,
)
from .recipes import (
    METHOD as METHOD,
    Recipe as Recipe,
    make_recipe as make_recipe,
    recipe_facts as recipe_facts,
    weights_digest as weights_digest,
    backbone as backbone,
    frozen_network as frozen_network,
    settings_read as settings_read,
)
from .setting_checks import (
    check_settings as check_settings,
    check_names as check_names,
    unread_settings as unread_settings,
)
