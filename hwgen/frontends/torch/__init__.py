"""Networks of PyTorch: modules, and programs of ``torch.export``."""
