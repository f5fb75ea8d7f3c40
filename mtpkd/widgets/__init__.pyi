# made from __init__.py by tools/write_stubs.py
from .base import (
    table_html as table_html,
    Explorer as Explorer,
    open_or_explain as open_or_explain,
    dropdown as dropdown,
    on_click as on_click,
    on_cell_click as on_cell_click,
)
from .embedding_figures import (
    align_to as align_to,
    project_all as project_all,
    colour_groups as colour_groups,
    embedding_figure as embedding_figure,
    hover_texts as hover_texts,
)
from .explorers import (
    EmbeddingExplorer as EmbeddingExplorer,
    TeacherChoice as TeacherChoice,
    TransferLedger as TransferLedger,
)
from .live_figure import (
    LOAD as LOAD,
    RELAY as RELAY,
    FIGURE as FIGURE,
    NAMES as NAMES,
    SCRIPT as SCRIPT,
    library_text as library_text,
    library_key as library_key,
    Library as Library,
    library as library,
    LiveFigure as LiveFigure,
    as_widget as as_widget,
    refill as refill,
)
from .plan_explorer import (
    PlanExplorer as PlanExplorer,
)
from .plan_figures import (
    unit_square as unit_square,
    two_sided_layout as two_sided_layout,
    heaviest_entries as heaviest_entries,
    line_segments as line_segments,
    lines_data as lines_data,
    sample_lines as sample_lines,
    plan_lines as plan_lines,
    in_columns as in_columns,
    batch_of as batch_of,
    plan_figure as plan_figure,
)
from .run_browser import (
    RunBrowser as RunBrowser,
)
from .sample_timeline import (
    MOST_CLASSES as MOST_CLASSES,
    MOST_MOMENTS as MOST_MOMENTS,
    FRAME_WIDTH as FRAME_WIDTH,
    recording_figure as recording_figure,
    moments_of as moments_of,
    nearest_sample as nearest_sample,
    MomentSlider as MomentSlider,
    framed_picture as framed_picture,
)
from .sample_view import (
    MOST_CHANNELS as MOST_CHANNELS,
    MOST_LISTED as MOST_LISTED,
    MOST_FRAMES_SHOWN as MOST_FRAMES_SHOWN,
    Media as Media,
    part_figure as part_figure,
    prediction_figure as prediction_figure,
    sample_title as sample_title,
    SampleView as SampleView,
    SampleExplorer as SampleExplorer,
    sample_html as sample_html,
)
from .teacher_explorers import (
    SHARES as SHARES,
    TeacherAgreement as TeacherAgreement,
    HiddenModality as HiddenModality,
)
