"""The σ-VAE study: every decoder on one network and schedule, a grid over β, and what calibration does to both."""
