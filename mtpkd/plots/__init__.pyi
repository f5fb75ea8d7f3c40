# made from __init__.py by tools/write_stubs.py
from .choices import (
    choice_shares as choice_shares,
    teacher_choice as teacher_choice,
    choice_bars as choice_bars,
)
from .embeddings import (
    PROJECTIONS as PROJECTIONS,
    check_projection as check_projection,
    project as project,
    thin_out as thin_out,
    embedding_panels as embedding_panels,
    same_rows as same_rows,
)
from .export import (
    PAGES as PAGES,
    on_page as on_page,
    save_figure as save_figure,
)
from .forest import (
    verdict_forest as verdict_forest,
    repeat_differences as repeat_differences,
    repeat_scatter as repeat_scatter,
    interval_ends as interval_ends,
    transfer_bars as transfer_bars,
    difference_forest as difference_forest,
    modality_forest as modality_forest,
    inflation_forest as inflation_forest,
)
from .heat_tables import (
    MOST_TEXTS as MOST_TEXTS,
    heat_table as heat_table,
)
from .lines import (
    line_panels as line_panels,
    line_dash as line_dash,
    interval_bars as interval_bars,
    band_colour as band_colour,
    band_shape as band_shape,
)
from .palette import (
    PALETTE as PALETTE,
    SYMBOLS as SYMBOLS,
    method_colour as method_colour,
    class_colours as class_colours,
    class_symbols as class_symbols,
    teacher_colours as teacher_colours,
)
from .plans import (
    SHARE as SHARE,
    SIGNED as SIGNED,
    class_mass as class_mass,
    mass_within as mass_within,
    plan_heatmap as plan_heatmap,
    class_mass_matrix as class_mass_matrix,
    matrix_panels as matrix_panels,
    cosine_similarities as cosine_similarities,
    structure_correlation as structure_correlation,
    similarity_by_step as similarity_by_step,
)
from .result_curves import (
    reliability_curves as reliability_curves,
    budget_curves as budget_curves,
    inflation_curves as inflation_curves,
    damage_curves as damage_curves,
)
from .samples import (
    MOST_STRETCHES as MOST_STRETCHES,
    envelope as envelope,
    sound_figure as sound_figure,
    signal_figure as signal_figure,
    map_figure as map_figure,
    feature_figure as feature_figure,
    titled_figure as titled_figure,
    NetworkLook as NetworkLook,
    network_looks as network_looks,
    output_figure as output_figure,
    timeline_figure as timeline_figure,
)
from .theme import (
    INK as INK,
    GRID as GRID,
    TEMPLATE as TEMPLATE,
    SEQUENTIAL_COLOURS as SEQUENTIAL_COLOURS,
    CONFIG as CONFIG,
    style as style,
    label_text as label_text,
    to_html as to_html,
    plotly_js as plotly_js,
)
from .training_curves import (
    SHORT as SHORT,
    STAGES as STAGES,
    BACKBONES as BACKBONES,
    CURVES as CURVES,
    curve as curve,
    stages_in as stages_in,
    learning_curves as learning_curves,
    pairing_curves as pairing_curves,
)
