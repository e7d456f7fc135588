"""A recipe's augmentation: what is done to training images at random."""

from __future__ import annotations

from pydantic import Field

from kelbo.recipes.spec import Spec


class AugmentSpec(Spec):
    flip: bool = False
    """exchange left and right in half of the training images"""
    shift: int = Field(default=0, ge=0)
    """pixels by which training images are moved at most along each axis; the edge is repeated"""
    blur: float = Field(default=0.0, ge=0, le=16)
    """σ in pixels of the Gaussian with which training images are blurred before"""
