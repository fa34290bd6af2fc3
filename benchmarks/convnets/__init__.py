"""Convolutional networks: trained ones, random ones, and what their streams take."""
