"Widgets: live figures and explorers"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "base": ["table_html", "Explorer", "open_or_explain", "dropdown", "on_click", "on_cell_click"],
    "embedding_figures": ["align_to", "project_all", "colour_groups", "embedding_figure", "hover_texts"],
    "explorers": ["EmbeddingExplorer", "TeacherChoice", "TransferLedger"],
    "live_figure": [
        "LOAD", "RELAY", "FIGURE", "NAMES", "SCRIPT", "library_text", "library_key", "Library", "library",
        "LiveFigure", "as_widget", "refill",
    ],
    "plan_explorer": ["PlanExplorer"],
    "plan_figures": [
        "unit_square", "two_sided_layout", "heaviest_entries", "line_segments", "lines_data", "sample_lines",
        "plan_lines", "in_columns", "batch_of", "plan_figure",
    ],
    "run_browser": ["RunBrowser"],
    "sample_timeline": [
        "MOST_CLASSES", "MOST_MOMENTS", "FRAME_WIDTH", "recording_figure", "moments_of", "nearest_sample",
        "MomentSlider", "framed_picture",
    ],
    "sample_view": [
        "MOST_CHANNELS", "MOST_LISTED", "MOST_FRAMES_SHOWN", "Media", "part_figure", "prediction_figure",
        "sample_title", "SampleView", "SampleExplorer", "sample_html",
    ],
    "teacher_explorers": ["SHARES", "TeacherAgreement", "HiddenModality"],
})
