"""The network for programs that have no torch: ONNX Runtime, OpenVINO."""
