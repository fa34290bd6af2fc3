"""Networks from Keras, QKeras and HGQ2."""
