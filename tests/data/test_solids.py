"""The six solids against a literal one: step along each ray until a point lies inside, then find the surface."""

import math

import pytest
import torch

from kelbo.data.solids import AMBIENT, SOLIDS, Rays, meet

GRID = 24


def outside(solid, p):
    """How far points (..., 3) lie outside of a solid (0 on its surface), as the largest of its sides' distances."""
    x, y, z = p.unbind(-1)
    r = torch.hypot(x, y)

    def faces(sides, inner):
        return [
            x * math.cos(2 * math.pi * i / sides) + y * math.sin(2 * math.pi * i / sides) - inner for i in range(sides)
        ]

    slope = 1.7 / 0.7  # of the pyramid's faces, whose apex lies at z = 0.85
    pyramid = [(face * slope + z + 0.85) / math.hypot(slope, 1) for face in faces(4, 0.7)]
    sides = {
        "cone": [(r * 1.7 + 0.9 * (z - 0.85)) / math.hypot(1.7, 0.9), -z - 0.85],
        "cube": [*faces(4, 0.72), z.abs() - 0.72],
        "cylinder": [r - 0.72, z.abs() - 0.85],
        "hexagonal": [*faces(6, 0.84), z.abs() - 0.6],
        "pyramid": [*pyramid, -z - 0.85],
        "sphere": [torch.sqrt(x * x + y * y + z * z) - 0.9],
    }
    return torch.stack(sides[solid]).amax(0)


def view(seed):
    """A grid of rays of one perspective camera, somewhere around the solid and not near, and where the light is."""
    generator = torch.Generator().manual_seed(seed)
    elevation, turn = torch.rand(2, generator=generator, dtype=torch.float64) * torch.tensor([2.6, 6.2]) - torch.tensor(
        [1.3, 0]
    )
    forward = torch.stack([turn.cos() * elevation.cos(), turn.sin() * elevation.cos(), -elevation.sin()])
    right = torch.stack([turn.sin(), -turn.cos(), torch.zeros(())])
    down = torch.linalg.cross(forward, right)
    pixel = 2.6 / GRID / 20
    way = torch.stack([forward - GRID / 2 * pixel * (right + down), pixel * right, pixel * down], dim=-1)
    point = 20 * way
    point[:, 0] -= 20 * forward
    light = torch.nn.functional.normalize(torch.randn(3, generator=generator, dtype=torch.float64), dim=0)
    return Rays(point[None], way[None], light[None], torch.arange(GRID) + 0.5, torch.arange(GRID)[:, None] + 0.5)


def literal(solid, rays):
    """Hits and light by steps of 1/250 and bisection, the normal by differentiation."""
    p, d = (torch.stack([rays.along(form[:, i]) for i in range(3)], dim=-1)[0] for form in (rays.point, rays.way))
    t = torch.linspace(-2, 2, 1001, dtype=torch.float64)
    inside = outside(solid, p[..., None, :] + t[:, None] * d[..., None, :]) < 0
    hit, first = inside.any(-1), inside.byte().argmax(-1)
    low, high = t[(first - 1).clamp(min=0)], t[first]
    for _ in range(40):
        middle = (low + high) / 2
        within = outside(solid, p + middle[..., None] * d) < 0
        low, high = torch.where(within, low, middle), torch.where(within, middle, high)
    surface = (p + low[..., None] * d).requires_grad_()
    (normal,) = torch.autograd.grad(outside(solid, surface).sum(), surface)
    cosine = torch.nn.functional.normalize(normal, dim=-1) @ rays.light[0]
    return hit, AMBIENT + (1 - AMBIENT) * cosine.clamp(min=0)


@pytest.mark.parametrize("solid", SOLIDS)
@pytest.mark.parametrize("seed", range(4))
def test_a_solid_is_met_and_lit_as_by_steps_along_each_ray(solid, seed):
    rays = view(seed)
    hit, light = (value[0] for value in meet(solid, rays))
    expected, brightness = literal(solid, rays)
    assert 60 < expected.sum() < GRID * GRID
    both = (hit > 0) & expected
    assert (hit.bool() != expected).sum() <= 2  # rays that graze it by less than a step
    away = (light - brightness).abs()[both] > 1e-3
    assert away.sum() <= 2  # rays at an edge


def test_each_grid_of_a_batch_is_met_as_it_is_alone():
    both = [view(5), view(6)]
    joined = Rays(*(torch.cat(parts) for parts in zip(*(rays[:3] for rays in both), strict=True)), *both[0][3:])
    for solid in SOLIDS:
        hit, light = meet(solid, joined)
        for i, rays in enumerate(both):
            alone = meet(solid, rays)
            assert torch.equal(hit[i], alone[0][0])
            assert torch.equal(light[i], alone[1][0])
