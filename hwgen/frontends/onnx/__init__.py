"""Parts of the importer of quantized ONNX models (:mod:`hwgen.frontends.onnx.convert`)."""
