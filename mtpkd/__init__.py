"Multi-teacher privileged knowledge distillation with optimal transport"
import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "core", "data", "models", "features", "transport", "losses", "evaluation", "training",
        "distillation", "deployment", "experiments", "execution", "plots", "reporting", "widgets", "api", "cli",
    ],
    submod_attrs={
        "api": ["RunFolder", "export", "learning_curve", "run", "sweep", "train_students", "train_teachers", "tune"],
        "experiments.comparison": ["compare"],
        "experiments.evaluate": ["evaluate"],
        "experiments.fit": ["fit"],
        "experiments.probe": ["probe"],
        "experiments.robustness": ["robustness"],
        "deployment.predictor": ["Predictor", "predict"],
        "data.reading": ["read"],
        "data.save": ["save_set"],
        "data.synthetic": ["synthetic"],
        "data.manifest": ["load_manifest"],
        "models.teacher_ensemble": ["TeacherEnsemble"],
        "models.student": ["Student", "TNet"],
        "experiments.settings": ["encoders"],  # with those of all modules of models
        "models.fusion": ["fusions"],
        "losses.catalogue": ["loss_terms"],
        "distillation.self_distillation": ["SelfDistillation"],
        "transport.sinkhorn": ["sinkhorn_divergence"],
        "transport.structural": ["structural_ot"],
        "distillation.methods": ["add_method"],
        "reporting.report": ["report"],
        "reporting.sharing": ["pack", "unpack"],
        "simulation.simulate": ["simulate"],
    },
)
