"""Networks from TensorFlow Lite."""
