# made from __init__.py by tools/write_stubs.py
from .alignment import (
    alignments as alignments,
    align_cosine as align_cosine,
    align_mse as align_mse,
    align_kl as align_kl,
    squared_distances as squared_distances,
    align_mmd as align_mmd,
    align_mmd_released as align_mmd_released,
)
from .feature import (
    TINY as TINY,
    mmd as mmd,
    unit_rows as unit_rows,
    project as project,
    fitnets as fitnets,
    cosine_mse as cosine_mse,
    crd as crd,
)
from .relation import (
    CHUNK_NUMBERS as CHUNK_NUMBERS,
    CHUNK_ELSEWHERE as CHUNK_ELSEWHERE,
    relative_distances as relative_distances,
    angles as angles,
    rkd_distance as rkd_distance,
    rkd_angle as rkd_angle,
    sp as sp,
    cc as cc,
    pkt as pkt,
)
from .response import (
    AGREEMENT as AGREEMENT,
    soften as soften,
    logit_kd as logit_kd,
    target_class as target_class,
    tckd as tckd,
    nckd as nckd,
    kendall as kendall,
    prototype_cost as prototype_cost,
    wkd as wkd,
)
from .structural import (
    STRUCTURES as STRUCTURES,
    euclidean_distances as euclidean_distances,
    centroid as centroid,
    structural_clouds as structural_clouds,
    compare_clouds as compare_clouds,
)
from .task import (
    cross_entropy as cross_entropy,
    cumulative_probabilities as cumulative_probabilities,
    ordinal_cross_entropy as ordinal_cross_entropy,
    concordance as concordance,
    row_losses as row_losses,
    task_loss as task_loss,
)
from .terms import (
    LEVELS as LEVELS,
    COMPARED as COMPARED,
    OVER_TIME as OVER_TIME,
    loss_terms as loss_terms,
    weighted_mean as weighted_mean,
    TermInputs as TermInputs,
    LossTerm as LossTerm,
    loss_term as loss_term,
    get_term as get_term,
    term_names as term_names,
)
