# made from __init__.py by tools/write_stubs.py
from .annealing import (
    iterations_for as iterations_for,
)
from .barycenters import (
    class_cost as class_cost,
    barycentre as barycentre,
    balance_labels as balance_labels,
    histogram_divergence as histogram_divergence,
)
from .fused import (
    ENGINES as ENGINES,
    is_warm as is_warm,
    warm_up as warm_up,
    triton_is_interpreted as triton_is_interpreted,
    resolve_engine as resolve_engine,
    transport_engine as transport_engine,
    using_engine as using_engine,
    engine_on as engine_on,
)
from .geometry import (
    power_of_two as power_of_two,
    cosine_gram as cosine_gram,
    least_similar as least_similar,
    anchor_clouds as anchor_clouds,
    half_squared_distance as half_squared_distance,
)
from .matching import (
    row_ot as row_ot,
    bag_plans as bag_plans,
    bag_targets as bag_targets,
)
from .pot_solvers import (
    PlanResult as PlanResult,
    exact_ot as exact_ot,
    unbalanced_ot as unbalanced_ot,
    gromov_wasserstein as gromov_wasserstein,
    fused_gromov_wasserstein as fused_gromov_wasserstein,
)
from .sinkhorn import (
    OTResult as OTResult,
    sinkhorn_divergence as sinkhorn_divergence,
)
from .structural import (
    structural_divergence as structural_divergence,
    structural_ot as structural_ot,
)
