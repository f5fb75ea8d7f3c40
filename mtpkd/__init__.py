"Multi-teacher privileged knowledge distillation with optimal transport"
__version__ = "0.1.0"
