"Plots: theme, forest plots, curves, embeddings, transport plans"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "choices": ["choice_shares", "teacher_choice", "choice_bars"],
    "embeddings": ["PROJECTIONS", "check_projection", "project", "thin_out", "embedding_panels", "same_rows"],
    "export": ["PAGES", "on_page", "save_figure"],
    "forest": [
        "verdict_forest", "repeat_differences", "repeat_scatter", "interval_ends", "transfer_bars",
        "difference_forest", "modality_forest", "inflation_forest",
    ],
    "heat_tables": ["MOST_TEXTS", "heat_table"],
    "lines": ["line_panels", "line_dash", "interval_bars", "band_colour", "band_shape"],
    "palette": ["PALETTE", "SYMBOLS", "method_colour", "class_colours", "class_symbols", "teacher_colours"],
    "plans": [
        "SHARE", "SIGNED", "class_mass", "mass_within", "plan_heatmap", "class_mass_matrix", "matrix_panels",
        "cosine_similarities", "structure_correlation", "similarity_by_step",
    ],
    "result_curves": ["reliability_curves", "budget_curves", "inflation_curves", "damage_curves"],
    "samples": [
        "MOST_STRETCHES", "envelope", "sound_figure", "signal_figure", "map_figure", "feature_figure",
        "titled_figure", "NetworkLook", "network_looks", "output_figure", "timeline_figure",
    ],
    "theme": ["INK", "GRID", "TEMPLATE", "SEQUENTIAL_COLOURS", "CONFIG", "style", "label_text", "to_html", "plotly_js"],
    "training_curves": [
        "SHORT", "STAGES", "BACKBONES", "CURVES", "curve", "stages_in", "learning_curves", "pairing_curves",
    ],
})
