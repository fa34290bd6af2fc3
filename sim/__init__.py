"""Cocotb benches and the simulators that run them."""
