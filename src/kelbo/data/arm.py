"""Rendered pictures of a robot arm that holds an object, with MPI3D's seven factors: rendered by this module, never downloaded.

Factors, their values' names and their order follow MPI3D (Gondal et al., 2019, github.com/rr-learning/
disentanglement_dataset); the scene is simpler and its own, so no picture equals one of MPI3D's. Links are
projected and antialiased analytically; the object is ray traced with five rays per pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kelbo.data.arm_scene import FOCAL, SIDE, STEPS, TABLE, Camera, Scene, camera, column, scene
from kelbo.data.factors import FactorImages
from kelbo.data.images import Images
from kelbo.data.mpi3d import FACTORS
from kelbo.data.solids import SOLIDS, Rays, lit, meet

Colour = tuple[int, int, int]

OBJECTS = ((236, 236, 236), (40, 168, 60), (214, 40, 40), (40, 80, 216), (130, 78, 36), (138, 136, 30))
"""white, green, red, blue, brown, olive: red, green and blue of a surface that faces the light, one row per colour"""
BACKGROUNDS = ((134, 74, 172), (56, 156, 112), (244, 136, 118))
"""purple, sea green, salmon: of the table"""
METAL = ((196, 200, 208), (164, 168, 178), (70, 72, 80))
"""of the upper arm, the fore arm and the grip"""
BEHIND = (34, 36, 42)
SIZES = (0.25, 0.37)
"""fractions of the object's radius"""
WINDOW = 20
"""side in pixels of the square that contains every object and its shadow"""
LINK_WINDOWS = (20, 18, 12)
"""sides in pixels of the squares that contain the links"""
SAMPLES = 5
"""rays per pixel; no two share a column or a row of it"""
FINE = 6
"""points along each side of a pixel in the static background"""
BATCH = 256
"""pictures drawn at a time"""
THICKNESS, RIM, WALL = 0.14, 0.55, 0.12
"""brightness of the table, and what parts of its colour its rim and the wall behind have"""
SHADE = 0.4
"""part of the light that the object's shadow removes"""


class ArmImages(Images):
    """All 1,036,800 pictures, (3, 64, 64), each rendered when it is taken, on the images' device."""

    shape = (3, SIDE, SIDE)
    levels = 256

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._device = torch.device(device)
        self.scene = Scene(*(part.to(device) for part in scene(WINDOW)))
        self.still = torch.cat([_still(camera(view)) for view in range(3)]).to(device)

    def __len__(self) -> int:
        return len(FACTORS)

    def take(self, index: Tensor) -> Tensor:
        return torch.cat([self._draw(part) for part in FACTORS.of(index).split(BATCH)])

    def to(self, device: torch.device) -> ArmImages:
        return self if device == self._device else ArmImages(device)

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in (*self.scene, self.still))

    def _draw(self, factors: Tensor) -> Tensor:
        """Factors (B, 7) to uint8 (B, 3, 64, 64)."""
        colour, solid, size, view, ground, turn, lift = factors.unbind(1)
        place = (view * STEPS + turn) * STEPS + lift
        images = self.still.index_select(0, view * len(BACKGROUNDS) + ground)
        radius = torch.tensor(SIZES, device=self._device)[size]
        _paint_shadow(images, self.scene.shadow[place], radius)
        _paint_links(images, self.scene.links[place], LINK_WINDOWS, METAL)
        paint = torch.tensor(OBJECTS, dtype=torch.float32, device=self._device)[colour]
        for number, name in enumerate(SOLIDS):
            part = torch.nonzero(solid == number).flatten()
            if len(part):
                window = Window(images, part, self.scene.corner[place[part]], WINDOW)
                _paint_object(window, name, self._rays(place[part], radius[part]), paint[part])
        return images.add_(0.5).to(torch.uint8)

    def _rays(self, place: Tensor, radius: Tensor) -> Rays:
        """Rays of the objects' windows, in units of the objects' radii."""
        steps = torch.arange(SAMPLES, device=self._device)
        pixels = torch.arange(WINDOW, device=self._device)
        columns = ((steps + 0.5) / SAMPLES)[:, None, None] + pixels
        rows = ((2 * steps % SAMPLES + 0.5) / SAMPLES)[:, None, None] + pixels[:, None]
        start, way, light = (part[place] for part in (self.scene.point, self.scene.way, self.scene.light))
        return Rays(start / radius[:, None, None], way, light, columns, rows)


def arm() -> FactorImages:
    """All 1,036,800 pictures in the order of their factors; only the scene's geometry is held in memory."""
    return FactorImages(ArmImages(), FACTORS)


class Window:
    """A square of pixels in each of some images, float (B, 3, 64, 64), at its own place in each.

    index: which images, (b,). corner: x and y of each square, (b, 2), whole pixels. Painting is done in place.
    """

    def __init__(self, images: Tensor, index: Tensor, corner: Tensor, side: int) -> None:
        steps = torch.arange(side, device=images.device)
        columns, rows = corner[:, 0, None] + steps, corner[:, 1, None] + steps
        self.columns, self.rows = columns[:, None, :] + 0.5, rows[:, :, None] + 0.5  # of the pixels' centres
        place = (index * 3 * SIDE * SIDE)[:, None, None] + (rows * SIDE)[:, :, None] + columns[:, None, :]
        self.place = (place[:, None] + (torch.arange(3, device=images.device) * SIDE * SIDE)[:, None, None]).flatten()
        self.pixels = images.view(-1)

    def paint(self, cover: Tensor, paint: Tensor) -> None:
        """Remove the fraction `cover` (b, side, side) of what was there, and add `paint` (b, 3, side, side)."""
        behind = self.pixels.index_select(0, self.place).view(len(cover), 3, *cover.shape[1:])
        self.pixels.scatter_(0, self.place, torch.addcmul(paint, behind, (1 - cover)[:, None]).flatten())


def _paint_shadow(images: Tensor, shadow: Tensor, radius: Tensor) -> None:
    """Darken what lies below the object. shadow: as the scene has it, (B, 4); radius: (B,)."""
    corner = _around(shadow[:, :2], WINDOW)
    window = Window(images, torch.arange(len(images), device=images.device), corner, WINDOW)
    x, y, scale, flat = (part[:, None, None] for part in shadow.unbind(1))
    across = scale * radius[:, None, None]
    square = ((window.columns - x) / across) ** 2 + ((window.rows - y) / (across * flat)) ** 2
    cover = SHADE * (1.4 - square).clamp_(0, 1)
    window.paint(cover, torch.zeros_like(cover)[:, None])


def _paint_links(images: Tensor, links: Tensor, sides: tuple[int, ...], colours: tuple[Colour, ...]) -> None:
    """Draw tapered rods with round ends, later ones over earlier ones.

    links: (B, L, 9), as the scene has them. sides: of the windows that contain them, pixels.
    """
    index = torch.arange(len(images), device=images.device)
    for link, side, colour in zip(links.unbind(1), sides, colours, strict=True):
        middle = link[:, :2] + link[:, 2:4] * link[:, 4:5] / 2
        window = Window(images, index, _around(middle, side), side)
        x, y, ahead_x, ahead_y, length, first, growth, beside, front = (part[:, None, None] for part in link.unbind(1))
        dx, dy = window.columns - x, window.rows - y  # (B, 1, W), (B, H, 1)
        along = dx * ahead_x + dy * ahead_y
        across = dy * ahead_x - dx * ahead_y  # to the right of the direction, since y points down
        near = along.clamp(min=0).minimum(length)
        radius = first + near * growth
        cover = (radius - (across * across + (along - near) ** 2).sqrt_() + 0.5).clamp_(0, 1)
        beyond = (across / radius).clamp_(-1, 1)  # distance from the axis, as the sine of the surface's angle
        light = lit(beyond * beside + (1 - beyond * beyond).sqrt_() * front)
        paint = torch.tensor(colour, dtype=torch.float32, device=images.device)[:, None, None]
        window.paint(cover, paint * (light * cover)[:, None])


def _around(centre: Tensor, side: int) -> Tensor:
    """Corners of squares around centres (B, 2), within the picture: int64 (B, 2)."""
    return (centre - side / 2).round().long().clamp_(0, SIDE - side)


def _paint_object(window: Window, solid: str, rays: Rays, colour: Tensor) -> None:
    """Draw one solid in colours (b, 3)."""
    hit, light = meet(solid, rays)
    window.paint(hit.mean(1), colour[:, :, None, None] * (hit * light).mean(1)[:, None])


def _still(eye: Camera) -> Tensor:
    """The static background for each colour of the table: float (3, 3, 64, 64)."""
    points = (torch.arange(SIDE * FINE, dtype=torch.float64) + 0.5) / FINE - SIDE / 2
    ways = eye.forward + (points[:, None] * eye.right - points[:, None, None] * eye.up) / FOCAL  # (H, W, 3)
    top = _on_table(eye, ways, 0.0)
    rim = torch.stack([_on_table(eye, ways, -THICKNESS * i / 8) for i in range(9)]).any(0)
    fade = torch.linspace(1.25, 0.75, SIDE * FINE, dtype=torch.float64)[:, None, None]
    behind = torch.tensor(BEHIND) * fade
    images = []
    for ground in torch.tensor(BACKGROUNDS, dtype=torch.float64):
        wall = (behind + WALL * ground).expand_as(ways)
        seen = torch.where(top[..., None], ground, torch.where(rim[..., None], RIM * ground, wall))
        images.append(torch.nn.functional.avg_pool2d(seen.permute(2, 0, 1), FINE))
    still = torch.stack(images).float()
    _paint_links(still, column(eye).float().expand(len(still), 1, 9), (SIDE,), METAL[:1])
    return still


def _on_table(eye: Camera, ways: Tensor, height: float) -> Tensor:
    """Whether rays from the camera meet the table's disc at this height."""
    met = eye.place + ways * ((height - eye.place[2]) / ways[..., 2:])
    return (ways[..., 2] < 0) & (met[..., 0] ** 2 + met[..., 1] ** 2 < TABLE**2)
