"""Quantization-aware training with distillation; needs the extra ``train`` (torch, Brevitas)."""
