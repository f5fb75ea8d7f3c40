# made from __init__.py by tools/write_stubs.py
from .data_commands import (
    SIMULATED_FAULTS as SIMULATED_FAULTS,
    do_data_simulate as do_data_simulate,
    do_data_list as do_data_list,
    in_columns as in_columns,
    do_data_show as do_data_show,
    do_data_check as do_data_check,
    do_data_prepare as do_data_prepare,
)
from .deploy_commands import (
    trust_option as trust_option,
    study_options as study_options,
    whole_number as whole_number,
    do_fit as do_fit,
    do_export as do_export,
    do_predict as do_predict,
    do_evaluate as do_evaluate,
)
from .doctor import (
    do_doctor as do_doctor,
)
from .lab_command import (
    copy_companions as copy_companions,
    do_lab as do_lab,
    method_text as method_text,
    do_methods as do_methods,
    lab_commands as lab_commands,
)
from .main import (
    build_parser as build_parser,
)
from .parser import (
    write_output as write_output,
)
from .run_commands import (
    do_run as do_run,
    do_budgets as do_budgets,
    curve_text as curve_text,
    do_sweep as do_sweep,
    sweep_text as sweep_text,
    do_tune as do_tune,
    do_compare as do_compare,
    compare_text as compare_text,
    verdict_text as verdict_text,
    do_demo as do_demo,
    do_report as do_report,
    do_pack as do_pack,
    do_unpack as do_unpack,
    do_track as do_track,
)
