"Deployment: student files, ONNX export, predictor"
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "encoder_export": [
        "FEATURE_TOLERANCE", "fold_scales", "FrozenEncoder", "encoder_of", "encoder_bytes", "write_encoder",
        "write_encoders",
    ],
    "film": [
        "ENCODER_METADATA", "MOST_ROWS", "EncoderCard", "encoder_path", "read_encoder_card", "ExportedEncoder",
        "WindowPlan", "plan_windows", "film_frames", "live_frames", "Window", "windows_of", "FilmPredictor",
        "window_row", "timeline_columns", "open_camera", "film_windows", "stream_windows", "Timeline",
        "predict_film",
    ],
    "first_batch": [
        "SECONDS", "SECOND_BYTES", "MORE_BYTES", "MOST_SECONDS", "open_graph", "run_graph", "limit_process",
        "are_probabilities", "serve", "check_answer", "check_probabilities", "serve_batches", "BoundedGraph",
    ],
    "frame_files": ["frame_formats", "affwild2_text", "write_frame_files", "predict_frames"],
    "onnx_export": [
        "OPSET", "TOLERANCE", "build_student", "load_member", "Deployed", "deployed", "need_onnx",
        "quiet_export", "one_graph", "graph_of", "as_onnx", "deployed_members", "mean_prediction",
        "predict_in_torch", "largest_difference", "write_onnx",
    ],
    "predictor": [
        "MAX_ONNX_BYTES", "METADATA", "CHUNK", "seal", "read_model", "open_session", "card_in", "try_out",
        "Predictor", "prepare_arrays", "predict", "predict_samples", "check_manifest",
    ],
    "student_file": [
        "CARD", "READABLE", "MAX_CARD_CHARACTERS", "MAX_STUDENT_BYTES", "InputSpec", "Member", "EncoderPart",
        "FusionPart", "StudentCard", "simulation_mark", "parse_card", "card_of", "StoredStudents", "normal_shape",
        "save_student", "load_student", "join_students", "select_members", "complete_members",
    ],
    "timeline_page": [
        "MOST_PICTURES", "PICTURE_WIDTH", "BOX_COLOUR", "COLOURS", "jpeg_of", "with_box", "PictureStrip",
        "time_text", "curve_points", "figure_limits", "curves_svg", "spans_without_face",
    ],
})
