"Optimal transport: geometry of a batch, Sinkhorn divergence, structural loss, matching"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "annealing": ["iterations_for"],
    "barycenters": ["class_cost", "barycentre", "balance_labels", "histogram_divergence"],
    "fused": [
        "ENGINES", "is_warm", "warm_up", "triton_is_interpreted", "resolve_engine", "transport_engine",
        "using_engine", "engine_on",
    ],
    "geometry": ["power_of_two", "cosine_gram", "least_similar", "anchor_clouds", "half_squared_distance"],
    "matching": ["row_ot", "bag_plans", "bag_targets"],
    "pot_solvers": ["PlanResult", "exact_ot", "unbalanced_ot", "gromov_wasserstein", "fused_gromov_wasserstein"],
    "sinkhorn": ["OTResult", "sinkhorn_divergence"],
    "structural": ["structural_divergence", "structural_ot"],
})
