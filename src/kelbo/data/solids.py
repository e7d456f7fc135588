"""Six ray-traced solids: which rays meet one, and the brightness of its surface there.

A solid stands upright within a cylinder of radius 1 and half height 1 around its centre. Rays form a grid whose points
and directions are affine in the screen's coordinates, and every affine form of them is computed as a sum of a row and a column.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

SOLIDS = ("cone", "cube", "cylinder", "hexagonal", "pyramid", "sphere")
AMBIENT = 0.35
"""part of the light that reaches every surface"""
NEVER = 1e9
TINY = 1e-20
"""added to slopes, so that a ray along a plane is decidedly inside or outside of it"""


class Rays(NamedTuple):
    """B grids of rays, p + t d.

    point: p, at t = 0, (B, 3, 3): for x, y and z, the value at the screen's origin, and its change per unit of the screen to
    the right and per unit downwards. way: d in the same form. light: unit vector towards the light, (B, 3).
    columns, rows: the grid's coordinates on the screen, which must broadcast to the grid's shape G, such as (1, W) and
    (H, 1).
    """

    point: Tensor
    way: Tensor
    light: Tensor
    columns: Tensor
    rows: Tensor

    def take(self, index: Tensor) -> Rays:
        """Some of the grids."""
        return Rays(self.point[index], self.way[index], self.light[index], self.columns, self.rows)

    def along(self, form: Tensor) -> Tensor:
        """The value of an affine form (B, 3) at each ray: (B, *G)."""
        origin, right, down = (part.view(-1, *[1] * self.rows.ndim) for part in form.unbind(-1))
        return (origin + right * self.columns) + down * self.rows


def meet(solid: str, rays: Rays) -> tuple[Tensor, Tensor]:
    """Which rays meet the solid, float 0 or 1 (B, *G), and the light of its surface there, 0.35 to 1, same shape.

    The rays must begin outside of it. Raises KeyError for another name.
    """
    return SHAPES[solid](rays)


def lit(cosine: Tensor) -> Tensor:
    """Brightness of a surface whose normal has this cosine with the light's direction: 0.35 to 1."""
    return cosine.clamp(min=0) * (1 - AMBIENT) + AMBIENT


def _polyhedron(rays: Rays, normals: list[tuple[float, float, float]], heights: list[float]) -> tuple[Tensor, Tensor]:
    """The body below planes n·x = h: a ray is inside between its last entry and its first exit."""
    n = torch.tensor(normals, dtype=rays.point.dtype, device=rays.point.device)
    starts, ways, cosines = (_dot(n, form) for form in (rays.point, rays.way, rays.light[..., None]))
    lights = lit(cosines[..., 0])  # (B, K); the two above (B, K, 3)
    enter, exit_, light = (torch.full((), value, device=n.device) for value in (-NEVER, NEVER, 0.0))
    for k, height in enumerate(heights):
        slope = rays.along(ways[:, k]) + TINY
        t = (height - rays.along(starts[:, k])) / slope
        entry = torch.where(slope < 0, t, -NEVER)
        out = torch.where(slope < 0, NEVER, t)
        shown = lights[:, k].view(-1, *[1] * rays.rows.ndim)
        light = torch.where(entry > enter, shown, light)
        enter, exit_ = torch.maximum(enter, entry), torch.minimum(exit_, out)
    return (enter < exit_).to(light.dtype), light


def _dot(normals: Tensor, form: Tensor) -> Tensor:
    """(K, 3) and (B, 3, F) to (B, K, F): not by a matrix product, which would round differently in batches of other sizes."""
    x, y, z = form[:, None].unbind(2)
    return normals[:, :1] * x + normals[:, 1:2] * y + normals[:, 2:] * z


def _prism(rays: Rays, sides: int, inner: float, half: float) -> tuple[Tensor, Tensor]:
    """A regular prism; `inner` is the distance from its axis to a face."""
    around = [2 * math.pi * i / sides for i in range(sides)]
    normals = [(math.cos(a), math.sin(a), 0.0) for a in around] + [(0.0, 0.0, 1.0), (0.0, 0.0, -1.0)]
    return _polyhedron(rays, normals, [inner] * sides + [half, half])


def _pyramid(rays: Rays, inner: float, half: float) -> tuple[Tensor, Tensor]:
    """A square pyramid with its apex up; `inner` is the distance from its axis to an edge of its base."""
    length = math.hypot(2 * half, inner)
    across, up = 2 * half / length, inner / length
    normals = [(across, 0.0, up), (-across, 0.0, up), (0.0, across, up), (0.0, -across, up), (0.0, 0.0, -1.0)]
    return _polyhedron(rays, normals, [up * half] * 4 + [half])


def _round(rays: Rays, bottom: float, top: float, half: float) -> tuple[Tensor, Tensor]:
    """A cylinder or cone around the axis, of these radii at its ends: the nearest of side, base and lid is visible."""
    (px, py, pz), (dx, dy, dz) = ([rays.along(form[:, i]) for i in range(3)] for form in (rays.point, rays.way))
    narrow = (bottom - top) / (2 * half)  # the radius is middle - narrow z
    middle = (bottom + top) / 2
    radius, widen = middle - narrow * pz, -narrow * dz
    a = dx * dx + dy * dy - widen * widen
    b = px * dx + py * dy - radius * widen
    c = px * px + py * py - radius * radius
    root = (b * b - a * c).clamp(min=0).sqrt()
    met, light = torch.full_like(a, NEVER), torch.zeros_like(a)
    lx, ly, lz = (part.view(-1, *[1] * rays.rows.ndim) for part in rays.light.unbind(-1))
    tilt = 1 / math.hypot(1, narrow)
    for sign in (-1, 1):
        t = (-b + sign * root) / a
        z = pz + t * dz
        # a root of 0 means that the ray misses it; a cone's other half is above its apex
        seen = (root > 0) & (z.abs() <= half) & (t < met)
        facing = ((px + t * dx) * lx + (py + t * dy) * ly) / (radius + t * widen) + narrow * lz
        met, light = torch.where(seen, t, met), torch.where(seen, lit(facing * tilt), light)
    for z, reach, cosine in ((-half, bottom, -lz), (half, top, lz)):
        t = (z - pz) / (dz + TINY)
        seen = ((px + t * dx) ** 2 + (py + t * dy) ** 2 <= reach**2) & (t < met)
        met, light = torch.where(seen, t, met), torch.where(seen, lit(cosine), light)
    return (met < NEVER).to(light.dtype), light


def _sphere(rays: Rays, radius: float) -> tuple[Tensor, Tensor]:
    (px, py, pz), (dx, dy, dz) = ([rays.along(form[:, i]) for i in range(3)] for form in (rays.point, rays.way))
    a, b = dx * dx + dy * dy + dz * dz, px * dx + py * dy + pz * dz
    square = b * b - a * (px * px + py * py + pz * pz - radius * radius)
    t = -(b + square.clamp(min=0).sqrt()) / a
    lx, ly, lz = (part.view(-1, *[1] * rays.rows.ndim) for part in rays.light.unbind(-1))
    facing = (px + t * dx) * lx + (py + t * dy) * ly + (pz + t * dz) * lz
    return (square > 0).to(t.dtype), lit(facing / radius)


SHAPES = {
    "cone": lambda rays: _round(rays, 0.9, 0.0, 0.85),
    "cube": lambda rays: _prism(rays, 4, 0.72, 0.72),
    "cylinder": lambda rays: _round(rays, 0.72, 0.72, 0.85),
    "hexagonal": lambda rays: _prism(rays, 6, 0.84, 0.6),
    "pyramid": lambda rays: _pyramid(rays, 0.7, 0.85),
    "sphere": lambda rays: _sphere(rays, 0.9),
}
