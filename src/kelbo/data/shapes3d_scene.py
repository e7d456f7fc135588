"""The scene of the rendered 3-D shapes: rays from an orbiting camera into a room with one object, lit by two lights.

Lengths are in halves of the cube's side at scale 1; x points to the right wall, y to the back wall, z up, and the object
stands on the floor at the origin. The constants were found by least squares over frames of 3D Shapes;
docs/shapes3d.md reports the agreement.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np

SIDE = 64
SAMPLES = 4  # along each side of a pixel
SCALES = np.linspace(0.75, 1.25, 8)
ORIENTATIONS = np.linspace(-30, 30, 15)  # degrees: the camera's azimuth, from the left to the right
SHAPES = ("cube", "cylinder", "sphere", "capsule")

FOCAL_LENGTH, HORIZON = 69.61, 32.30  # px; the camera looks horizontally, and points at its height appear in that row
CAMERA_DISTANCE, CAMERA_HEIGHT = 7.258, 2.118
WALL_RIGHT, WALL_BACK, WALL_HEIGHT = 10.291, 10.464, 5.833  # the left wall is the mirror image of the right one
# Radius and half the length of the straight part at scale 1; the cube's half side is the unit of length.
ROUND = {"cylinder": (1.079, 1.085), "sphere": (1.217, 0.0), "capsule": (0.941, 0.918)}

# Parts of a surface's own colour that reach the camera: everywhere, facing the camera, facing the lamp. The lamp is a
# spotlight: its light falls with a power of the cosine to its axis, and the object casts a shadow on the floor.
AMBIENT, HEADLIGHT, LAMP = 0.360, 0.591, 0.979
LAMP_PLACE = np.array([-5.888, 2.272, 27.364])
LAMP_AIM = np.array([-5.443, 1.316, 0.0])
SPOT_POWER = 13.46
# White gloss of the object, from the lamp: part, and power of the cosine between normal and half vector.
GLOSS, GLOSS_POWER = 0.220, 3


class Maps(NamedTuple):
    """The composition of each pixel (64, 64), means over its samples: parts of its surfaces' colours, and of white.

    floor, wall and object are each surface's coverage times its light; sky is coverage alone; gloss is added white.
    """

    floor: np.ndarray
    wall: np.ndarray
    object: np.ndarray
    sky: np.ndarray
    gloss: np.ndarray


class View:
    """The room from one azimuth (degrees), without an object; `maps` adds one.

    rays: unit vectors (samples, 3), samples = 16 · 64 · 64 with the pixel fastest, so that a mean is over the first axis.
    """

    def __init__(self, azimuth: float) -> None:
        sine, cosine = math.sin(math.radians(azimuth)), math.cos(math.radians(azimuth))
        self.forward, right, up = np.array([-sine, cosine, 0]), np.array([cosine, sine, 0]), np.array([0.0, 0, 1])
        self.camera = -CAMERA_DISTANCE * self.forward + CAMERA_HEIGHT * up
        inside = (np.arange(SAMPLES) + 0.5) / SAMPLES
        places = np.arange(SIDE) + inside[:, None]  # (sample, pixel), px
        across = ((places - SIDE / 2) / FOCAL_LENGTH)[None, :, None, :, None]
        down = ((places - HORIZON) / FOCAL_LENGTH)[:, None, :, None, None]
        self.rays = _unit(self.forward + across * right - down * up).reshape(-1, 3)
        self._look()

    def _look(self) -> None:
        """The surface that each ray meets first, and its light without an object."""
        with np.errstate(divide="ignore"):
            distance = np.where(self.rays[:, 2] < 0, -self.camera[2] / self.rays[:, 2], np.inf)
            normal = np.zeros_like(self.rays)
            normal[:, 2] = 1.0
            wall = np.zeros(len(self.rays), dtype=bool)
            for axis, place in ((0, -WALL_RIGHT), (0, WALL_RIGHT), (1, WALL_BACK)):
                to_wall = (place - self.camera[axis]) / self.rays[:, axis]
                height = self.camera[2] + to_wall * self.rays[:, 2]
                met = (to_wall > 0) & (to_wall < distance) & (height < WALL_HEIGHT)
                distance[met], wall[met] = to_wall[met], True
                normal[met] = 0.0
                normal[met, axis] = -math.copysign(1, place)
        self.wall, self.floor = wall, np.isfinite(distance) & ~wall
        self.sky = ~wall & ~self.floor
        seen = ~self.sky
        light = np.zeros(len(self.rays))
        points = self.camera + distance[seen, None] * self.rays[seen]
        unlit, lamp, _ = self._light(points, normal[seen], self.rays[seen])
        light[seen] = unlit + lamp
        self.light = light
        self.floor_points, self.floor_unlit = points[self.floor[seen]], unlit[self.floor[seen]]

    def _light(self, points: np.ndarray, normal: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Light from everywhere else, light of the lamp, and gloss, (n,) each, at points with the normal `normal`."""
        to_lamp = _unit(LAMP_PLACE - points)
        spot = np.maximum(-to_lamp @ _unit(LAMP_AIM - LAMP_PLACE), 0) ** SPOT_POWER
        facing = np.maximum((normal * to_lamp).sum(1), 0)
        shine = np.maximum((normal * _unit(to_lamp - rays)).sum(1), 0) ** GLOSS_POWER * (facing > 0)
        unlit = AMBIENT + HEADLIGHT * np.maximum(-normal @ self.forward, 0)
        return unlit, LAMP * spot * facing, GLOSS * spot * shine

    @cached_property
    def _floor_to_lamp(self) -> np.ndarray:
        return _unit(LAMP_PLACE - self.floor_points)

    def maps(self, shape: str, scale: float) -> Maps:
        """The room with an object in it."""
        light = self.light.copy()
        near = _passes(shape, scale, self.floor_points, self._floor_to_lamp)
        shadowed = np.isfinite(meet(shape, scale, self.floor_points[near], self._floor_to_lamp[near])[0])
        light[np.flatnonzero(self.floor)[near[shadowed]]] = self.floor_unlit[near[shadowed]]
        near = _passes(shape, scale, self.camera, self.rays)
        distance, normal = meet(shape, scale, self.camera, self.rays[near])
        met = np.isfinite(distance)
        hit, rays = near[met], self.rays[near[met]]
        unlit, lamp, gloss = self._light(self.camera + distance[met, None] * rays, normal[met], rays)
        background = np.ones(len(self.rays))
        background[hit] = 0.0
        own, white = np.zeros((2, len(self.rays)))
        own[hit], white[hit] = unlit + lamp, gloss
        light *= background
        parts = (light * self.floor, light * self.wall, own, background * self.sky, white)
        return Maps(*(part.reshape(SAMPLES**2, SIDE, SIDE).mean(0) for part in parts))


def meet(shape: str, scale: float, start: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where rays first enter an object: distances (n,), infinite if they miss it, and its normals there (n, 3).

    start (3,) or (n, 3) lies outside of the object; rays are unit vectors (n, 3).
    """
    start = np.broadcast_to(start, rays.shape)
    if shape == "cube":
        return _meet_cube(scale, start - [0, 0, scale], rays)
    radius, half = (scale * length for length in ROUND[shape])
    start = start - [0, 0, half if shape == "cylinder" else half + radius]
    distance, normal = _meet_side(radius, half, start, rays)
    for end in (half, -half):
        meet_end = _meet_disc if shape == "cylinder" else _meet_ball
        nearer, facing = meet_end(radius, end, start, rays)
        normal = np.where((nearer < distance)[:, None], facing, normal)
        distance = np.minimum(distance, nearer)
    return distance, normal


def _meet_cube(half: float, start: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        through = np.stack([(-half - start) / rays, (half - start) / rays])
    enter, leave = through.min(0), through.max(0)
    axis, distance = enter.argmax(1), enter.max(1)
    normal = np.where(np.arange(3) == axis[:, None], -np.sign(rays), 0.0)
    return np.where((distance < leave.min(1)) & (distance > 0), distance, np.inf), normal


def _meet_side(radius: float, half: float, start: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The vertical tube between -half and half."""
    distance = _first_root(
        (rays[:, :2] ** 2).sum(1), (start * rays)[:, :2].sum(1), (start[:, :2] ** 2).sum(1) - radius**2
    )
    point = start + np.where(np.isfinite(distance), distance, 0)[:, None] * rays
    return np.where(np.abs(point[:, 2]) < half, distance, np.inf), point * [1, 1, 0] / radius


def _meet_disc(radius: float, height: float, start: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(divide="ignore"):
        distance = (height - start[:, 2]) / rays[:, 2]
    inside = ((start + distance[:, None] * rays)[:, :2] ** 2).sum(1) < radius**2
    return np.where(inside & (distance > 0), distance, np.inf), np.array([0, 0, math.copysign(1, height)])


def _meet_ball(radius: float, height: float, start: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    start = start - [0, 0, height]
    distance = _first_root(np.ones(len(rays)), (start * rays).sum(1), (start**2).sum(1) - radius**2)
    return distance, (start + np.where(np.isfinite(distance), distance, 0)[:, None] * rays) / radius


def _first_root(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """The lower root of a t² + 2 b t + c if it is positive, else infinity: where a ray enters a quadric."""
    square = b * b - a * c
    with np.errstate(divide="ignore", invalid="ignore"):
        root = (-b - np.sqrt(np.maximum(square, 0))) / a
    return np.where((square > 0) & (root > 0), root, np.inf)


def _passes(shape: str, scale: float, start: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Indices of the rays that meet the bounding sphere of an object: no others can meet it."""
    radius, half = (1.0, 1.0) if shape == "cube" else ROUND[shape]
    height = half if shape in ("cube", "cylinder") else half + radius
    reach = math.hypot(radius * (math.sqrt(2) if shape == "cube" else 1), height)
    offset = np.broadcast_to(start - [0, 0, scale * height], rays.shape)
    along = (offset * rays).sum(1)
    return np.flatnonzero((offset**2).sum(1) - along**2 < (scale * reach) ** 2)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.sqrt((vectors**2).sum(-1, keepdims=True))
