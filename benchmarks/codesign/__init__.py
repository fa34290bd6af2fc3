"""Fronts of accuracy and area, ours and HGQ2's."""
