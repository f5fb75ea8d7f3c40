"The mtpkd command"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "data_commands": [
        "SIMULATED_FAULTS", "do_data_simulate", "do_data_list", "in_columns", "do_data_show", "do_data_check",
        "do_data_prepare",
    ],
    "deploy_commands": [
        "trust_option", "study_options", "whole_number", "do_fit", "do_export", "do_predict", "do_evaluate",
    ],
    "doctor": ["do_doctor"],
    "lab_command": ["copy_companions", "do_lab", "method_text", "do_methods", "lab_commands"],
    "main": ["build_parser"],
    "parser": ["write_output"],
    "run_commands": [
        "do_run", "do_budgets", "curve_text", "do_sweep", "sweep_text", "do_tune", "do_compare", "compare_text",
        "verdict_text", "do_demo", "do_report", "do_pack", "do_unpack", "do_track",
    ],
})
