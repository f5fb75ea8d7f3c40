"Deployment: student files, ONNX export, predictor"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "onnx_export": [
        "OPSET", "TOLERANCE", "build_student", "load_member", "Deployed", "deployed", "one_graph", "graph_of",
        "as_onnx", "in_torch", "difference", "write_onnx",
    ],
    "predictor": [
        "MOST_BYTES", "METADATA", "CHUNK", "open_session", "card_in", "Predictor", "prepare", "predict",
        "check_manifest",
    ],
    "student_file": [
        "CARD", "MOST_BYTES", "InputSpec", "Member", "EncoderPart", "FusionPart", "StudentCard", "parse_card",
        "card_of", "Kept", "normal_shape", "save_student", "load_student", "join", "pick", "whole_members",
    ],
})
