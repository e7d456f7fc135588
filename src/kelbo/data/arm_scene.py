"""The geometry of the robot arm's scene, and its projection to the screen.

The arm stands on a round table. x points to the right, y away from the viewer, z up; the unit is about a forearm. Its
horizontal axis turns all of it around its column, its vertical axis lifts both of its links at once; the wrist keeps the
object upright. The arm always reaches towards the viewer's side, so parts nearer its tip are drawn over parts farther from it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

SIDE = 64
STEPS = 40
"""steps of each axis"""
ELEVATIONS = (48.0, 26.0, 6.0)
"""elevations of the camera over the table's plane, degrees: top, centre, bottom"""
HEIGHTS = (0.7, 0.9, 1.05)
"""heights over the table at which the camera looks from each elevation"""
DISTANCE, FOCAL = 8.0, 124.0
"""distance of the camera from that point, and pixels per unit at distance 1"""
SHOULDER = 0.85
LINKS = (0.75, 0.65)
"""lengths of the upper and the fore arm"""
TURN = 70.0
"""degrees to either side"""
LIFT = ((15.0, 80.0), (-38.0, 42.0))
"""degrees above the horizon of the upper and the fore arm, at the first and the last step"""
GRIP = 0.34
"""from the wrist to the middle of the object"""
RADII = ((0.17, 0.12), (0.11, 0.08), (0.06, 0.06))
"""radii of the upper arm, the fore arm and the grip, at their two ends"""
COLUMN = (0.3, 0.2)
"""radii of the column"""
LIGHT = (-0.5, -0.45, 0.75)
TABLE = 2.0
"""its radius"""


class Camera(NamedTuple):
    """Place, and the unit vectors of the screen's right, of its up, and of the way into it: (3,) each, float64."""

    place: Tensor
    right: Tensor
    up: Tensor
    forward: Tensor

    def project(self, points: Tensor) -> Tensor:
        """Points (..., 3) to x and y in pixels from the picture's upper left corner, and pixels per unit there: (..., 3)."""
        away = points - self.place
        scale = FOCAL / (away @ self.forward)
        return torch.stack([SIDE / 2 + scale * (away @ self.right), SIDE / 2 - scale * (away @ self.up), scale], -1)


class Scene(NamedTuple):
    """What depends only on the camera (3) and the two axes (40 each), in the order of these three factors: P = 4800.

    links: what `paint` needs for the upper arm, the fore arm and the grip, (P, 3, 9): start x and y, unit direction x and
    y, length, and start radius, all in pixels; the radius's growth per pixel; and how the light falls on them: from the
    right of the direction, and from the front. corner: of the window around the object, x and y
    in whole pixels, (P, 2). point, way, light: the rays from that corner as `solids.Rays` has them, in units of length
    and in the object's frame. shadow: centre x and y and pixels per unit of its shadow on the table, and how flat it
    appears, (P, 4).
    """

    links: Tensor
    corner: Tensor
    point: Tensor
    way: Tensor
    light: Tensor
    shadow: Tensor


def camera(view: int) -> Camera:
    """The camera at the top, 0, in the centre, 1, or at the bottom, 2."""
    e = math.radians(ELEVATIONS[view])
    forward = torch.tensor([0.0, math.cos(e), -math.sin(e)], dtype=torch.float64)
    place = torch.tensor([0.0, -0.15, HEIGHTS[view]], dtype=torch.float64) - DISTANCE * forward
    right = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    return Camera(place, right, torch.tensor([0.0, math.sin(e), math.cos(e)], dtype=torch.float64), forward)


def light() -> Tensor:
    """Unit vector towards the light, float64 (3,)."""
    return torch.nn.functional.normalize(torch.tensor(LIGHT, dtype=torch.float64), dim=0)


def joints() -> tuple[Tensor, Tensor]:
    """Shoulder, elbow, wrist and object, (1600, 4, 3), and the angle of the turn, (1600,): horizontal, vertical."""
    steps = torch.linspace(0, 1, STEPS, dtype=torch.float64)
    turn = torch.deg2rad((2 * steps - 1) * TURN).repeat_interleave(STEPS)
    upper, fore = (torch.deg2rad(first + (last - first) * steps).repeat(STEPS) for first, last in LIFT)
    place = torch.tensor([0.0, 0.0, SHOULDER], dtype=torch.float64).expand(len(turn), 3)
    points = [place]
    for length, lift in zip((*LINKS, GRIP), (upper, fore, fore), strict=True):
        ahead = torch.stack([turn.sin() * lift.cos(), -turn.cos() * lift.cos(), lift.sin()], dim=-1)
        place = place + length * ahead
        points.append(place)
    return torch.stack(points, dim=1), turn


def scene(window: int) -> Scene:
    """The scene at every step, float32 and corners int64; window: the side of the window around the object, pixels."""
    parts = [_seen(camera(view), window) for view in range(3)]
    joined = [torch.cat(part) for part in zip(*parts, strict=True)]
    return Scene(*(part if part.dtype == torch.int64 else part.float() for part in joined))


def _seen(eye: Camera, window: int) -> Scene:
    points, turn = joints()
    held = points[:, 3]
    centre = eye.project(held)
    corner = (centre[:, :2] - window / 2).round().long().clamp(0, SIDE - window)
    away = held - eye.place
    depth = away @ eye.forward
    ways = torch.stack(  # directions of rays that advance one unit into the screen: at the corner, and the change per pixel
        [
            eye.forward + ((corner[:, :1] - SIDE / 2) * eye.right - (corner[:, 1:] - SIDE / 2) * eye.up) / FOCAL,
            (eye.right / FOCAL).expand_as(held),
            (-eye.up / FOCAL).expand_as(held),
        ],
        dim=-1,
    )
    starts = depth[:, None, None] * ways  # in the object's plane, so that float32 is exact enough
    starts[..., 0] -= away
    frame = _turned(turn)
    below = eye.project(held * torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64))
    shadow = torch.cat([below, eye.up[1].expand(len(below), 1)], dim=1)
    return Scene(links(eye, points, RADII), corner, frame @ starts, frame @ ways, frame @ light(), shadow)


def _turned(turn: Tensor) -> Tensor:
    """Rotations from the world's axes to those of the object, which turns with the arm: (P, 3, 3)."""
    zero, one = torch.zeros_like(turn), torch.ones_like(turn)
    c, s = turn.cos(), turn.sin()
    return torch.stack([c, s, zero, -s, c, zero, zero, zero, one], dim=-1).view(-1, 3, 3)


def column(eye: Camera) -> Tensor:
    """The column that the arm turns on, as a link: (1, 1, 9)."""
    ends = torch.tensor([[[0.0, 0.0, 0.0], [0.0, 0.0, SHOULDER]]], dtype=torch.float64)
    return links(eye, ends, (COLUMN,))


def links(eye: Camera, points: Tensor, radii: tuple[tuple[float, float], ...]) -> Tensor:
    """Rods from each of the points (P, L+1, 3) to the next on the screen: (P, L, 9), as `Scene` has them."""
    ends = eye.project(points)
    wide = torch.tensor(radii, dtype=torch.float64)
    start, way = ends[:, :-1, :2], ends[:, 1:, :2] - ends[:, :-1, :2]
    length = way.norm(dim=-1).clamp(min=1e-6)
    ahead = way / length[..., None]
    first, last = wide[:, 0] * ends[:, :-1, 2], wide[:, 1] * ends[:, 1:, 2]
    # the light from the right of the direction on the screen, and from the viewer
    beside = -ahead[..., 1] * (light() @ eye.right) - ahead[..., 0] * (light() @ eye.up)
    front = (-(light() @ eye.forward)).expand_as(beside)
    values = [length, first, (last - first) / length, beside, front]
    return torch.cat([start, ahead, torch.stack(values, dim=-1)], dim=-1)
