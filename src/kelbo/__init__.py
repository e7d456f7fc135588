"""kelbo: variational autoencoders with honest rate and distortion."""

__version__ = "0.1.0"
