"Multi-teacher privileged knowledge distillation with optimal transport"
__version__ = "0.1.0"
__all__ = ["run", "learning_curve", "compare", "sweep", "fit", "export", "predict", "Predictor", "RunFolder", "read", "save_set", "synthetic", "load_manifest"]

_LAZY = {"run": "experiments", "learning_curve": "comparisons", "compare": "comparisons", "sweep": "sweeps", "fit": "fitting", "export": "exports", "predict": "deploy", "Predictor": "deploy", "RunFolder": "experiments", "read": "readers", "save_set": "readers", "synthetic": "samples", "load_manifest": "manifests"}

def __getattr__(name): # so that `import mtpkd` stays quick
    import importlib
    if name in _LAZY: return getattr(importlib.import_module(f"mtpkd.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'mtpkd' has no attribute {name!r}")

def __dir__(): return sorted([*globals(), *_LAZY])
