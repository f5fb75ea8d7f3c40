# made from __init__.py by tools/write_stubs.py
from .acted_speech import (
    RAVDESS as RAVDESS,
    CREMA_D as CREMA_D,
    SENTENCES as SENTENCES,
    parse_ravdess as parse_ravdess,
    parse_crema_d as parse_crema_d,
    unique_files as unique_files,
    as_files as as_files,
    ravdess as ravdess,
    crema_d as crema_d,
)
from .affwild2 import (
    SETS as SETS,
    video_of as video_of,
    read_labels as read_labels,
    edition_of as edition_of,
    window_rows as window_rows,
    windows_of_steps as windows_of_steps,
    sound_range as sound_range,
)
from .biovid import (
    BIOVID_CLASSES as BIOVID_CLASSES,
    parse_name as parse_name,
    class_of_folder as class_of_folder,
)
from .ceap import (
    CEAP_PARTS as CEAP_PARTS,
    LIMITS as LIMITS,
    read_part as read_part,
    head_signal as head_signal,
    eye_signal as eye_signal,
)
from .scan import (
    Finding as Finding,
    show_path as show_path,
    ScanLog as ScanLog,
    require_folder as require_folder,
    option as option,
    as_part as as_part,
    scan_copy as scan_copy,
    corpus as corpus,
    list_folder as list_folder,
    nearest_names as nearest_names,
    folders_below as folders_below,
    text_of as text_of,
    number_of as number_of,
    whole_number_of as whole_number_of,
    split_rows as split_rows,
    find_columns as find_columns,
    rows_of as rows_of,
    numbers_of as numbers_of,
    check_video as check_video,
    check_sound as check_sound,
    numbered as numbered,
    check_pictures as check_pictures,
)
from .stress_predict import (
    E4_HZ as E4_HZ,
    read_e4 as read_e4,
)
from .stressid import (
    FOLDERS as FOLDERS,
    find_table as find_table,
    read_features as read_features,
    filled as filled,
)
from .wesad import (
    CHEST_HZ as CHEST_HZ,
    WRIST_HZ as WRIST_HZ,
    load_arrays_only as load_arrays_only,
)
from .windowing import (
    label_windows as label_windows,
    start_name as start_name,
    cut_windows as cut_windows,
    to_rate as to_rate,
    windows_of_sensor as windows_of_sensor,
    join_subjects as join_subjects,
)
