"""How networks come in: from ONNX, by quantizing, by training."""
