"""The scene of the rendered 3-D shapes: its geometry, surfaces and light."""

import colorsys
import math

import numpy as np
import pytest
import torch

from kelbo.data.shapes3d import (
    FACTORS,
    in_bytes,
    render,
)
from kelbo.data.shapes3d_scene import (
    CAMERA_DISTANCE,
    CAMERA_HEIGHT,
    FOCAL_LENGTH,
    HORIZON,
    ROUND,
    SCALES,
    SHAPES,
    WALL_BACK,
    WALL_HEIGHT,
    View,
    meet,
)

CUBE, CYLINDER, SPHERE, CAPSULE = range(4)
LARGEST = 7
AHEAD = 7  # the orientation of 0°


def factors(**chosen):
    """Every combination of the chosen values, one or a list for each factor; 0 where none is chosen."""
    return torch.cartesian_prod(*[torch.as_tensor(chosen.get(name, 0)).reshape(-1) for name in FACTORS.names])


@pytest.fixture(scope="module")
def ahead():
    """The room seen from the front, and what each shape at the largest scale makes of it."""
    view = View(0.0)
    return view, {shape: view.maps(shape, SCALES[LARGEST]) for shape in SHAPES}


def test_every_pixel_is_covered_once(ahead):
    view, of = ahead
    assert not (view.floor & view.wall | view.floor & view.sky | view.wall & view.sky).any()
    assert (view.floor | view.wall | view.sky).all()
    sky = of["cube"].sky
    assert sky.min() == 0
    assert sky.max() == 1


@pytest.mark.parametrize(
    ("name", "map_", "changes"), [("floor_hue", 0, "floor"), ("wall_hue", 1, "wall"), ("object_hue", 2, "object")]
)
def test_a_hue_changes_its_surface_and_nothing_else(ahead, name, map_, changes):
    maps = in_bytes(ahead[1]["capsule"])
    pictures = render(factors(**{name: [0, 4], "scale": LARGEST, "shape": CAPSULE, "orientation": AHEAD}))
    differs = (pictures[0] != pictures[1]).any(0).numpy()
    assert differs[maps[map_] > 2].all()
    assert not differs[maps[map_] == 0].any()


@pytest.mark.parametrize(("name", "row"), [("floor_hue", 44), ("wall_hue", 24)])
def test_a_surface_has_its_hue_where_light_does_not_exceed_one(name, row):
    pictures = render(factors(**{name: range(10)}, orientation=AHEAD))[:, :, row, 62]
    for hue, pixel in enumerate(pictures):
        found, saturation, value = colorsys.rgb_to_hsv(*(pixel / 255).tolist())
        assert 360 * abs((found - hue / 10 + 0.5) % 1 - 0.5) < 2
        assert saturation > 0.99
        assert value < 1


def test_the_back_wall_stands_where_the_projection_puts_it(ahead):
    distance = CAMERA_DISTANCE + WALL_BACK
    top = HORIZON - FOCAL_LENGTH * (WALL_HEIGHT - CAMERA_HEIGHT) / distance
    foot = HORIZON + FOCAL_LENGTH * CAMERA_HEIGHT / distance
    sky = ahead[1]["cube"].sky[:, :18].sum(0)
    np.testing.assert_allclose(sky, top, atol=0.25)  # a quarter of a pixel is a sample
    floor = ahead[0].floor.reshape(16, 64, 64).mean(0)[:, 10].sum()
    assert 64 - floor == pytest.approx(foot, abs=0.25)


@pytest.mark.parametrize("scale", [0, LARGEST])
def test_the_front_of_a_cube_is_as_large_as_the_projection_makes_it(scale):
    half = SCALES[scale]
    own = View(0.0).maps("cube", half).object > 0.05
    side = FOCAL_LENGTH * 2 * half / (CAMERA_DISTANCE - half)
    rows, columns = own.any(1).sum(), own.any(0).sum()
    assert columns == pytest.approx(side, abs=2)
    depth = max(2 * half - CAMERA_HEIGHT, 0)  # what stands above the camera hides the top
    assert rows >= side - 2 - depth


@pytest.mark.parametrize("scale", [0, 3, LARGEST])
def test_a_sphere_fills_the_solid_angle_of_its_cone(scale):
    view, radius = View(-30.0), SCALES[scale] * ROUND["sphere"][0]
    near = np.isfinite(meet("sphere", SCALES[scale], view.camera, view.rays)[0])
    cosine = view.rays @ view.forward
    angle = (near * cosine**3).sum() / (
        16 * FOCAL_LENGTH**2
    )  # a sample's area times cos³ over the focal length squared
    sine = radius / np.linalg.norm(view.camera - [0, 0, radius])
    assert angle == pytest.approx(2 * math.pi * (1 - math.sqrt(1 - sine**2)), rel=0.01)


def depth_inside(shape, scale, points):
    """Signed distance to an object's surface (exact outside, negative inside), (n,), from its definition."""
    if shape == "cube":
        beyond = np.abs(points - [0, 0, scale]) - scale
        return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(1), 0)
    radius, half = (scale * length for length in ROUND[shape])
    centre = half if shape == "cylinder" else half + radius
    aside, height = np.linalg.norm(points[:, :2], axis=1), points[:, 2] - centre
    if shape == "cylinder":
        beyond = np.stack([aside - radius, np.abs(height) - half], axis=1)
        return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(1), 0)
    return np.hypot(aside, height - np.clip(height, -half, half)) - radius


@pytest.mark.parametrize("shape", SHAPES)
def test_rays_meet_an_object_where_marching_along_them_does(shape):
    draw = np.random.default_rng(0)
    start = draw.normal(size=(400, 3)) * [4, 4, 2] + [0, 0, 6]
    start = start[depth_inside(shape, 1.1, start) > 0.1]
    rays = draw.normal(size=start.shape) * 0.6 + [0, 0, 1] - start
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    distance, normal = meet(shape, 1.1, start, rays)
    marched = np.zeros(len(start))
    for _ in range(500):  # a step of the distance to the surface never passes through it
        marched += depth_inside(shape, 1.1, start + marched[:, None] * rays)
    met = np.isfinite(distance)
    assert 50 < met.sum() < len(met) - 20
    np.testing.assert_allclose(distance[met], marched[met], atol=1e-3)
    assert (depth_inside(shape, 1.1, (start + np.minimum(marched, 1e6)[:, None] * rays)[~met]) > 1e-6).all()
    points = (start + np.where(met, distance, 0)[:, None] * rays)[met]
    slope = [depth_inside(shape, 1.1, points + 1e-6 * step) - depth_inside(shape, 1.1, points) for step in np.eye(3)]
    smooth = np.abs(np.linalg.norm(slope, axis=0) / 1e-6 - 1) < 1e-3  # off the edges
    assert smooth.mean() > 0.9
    np.testing.assert_allclose((np.array(slope).T / 1e-6)[smooth], normal[met][smooth], atol=1e-3)


def coverage(view, shape, scale):
    near = np.isfinite(meet(shape, scale, view.camera, view.rays)[0])
    return near.reshape(16, 64, 64).mean(0)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_camera_turns_about_the_object_alike_on_both_sides(shape):
    left, ahead, right = (coverage(View(angle), shape, 1.0) for angle in (-30.0, 0.0, 30.0))
    np.testing.assert_allclose(left, right[:, ::-1], atol=1e-9)
    if shape == "cube":
        assert np.abs(left - ahead).sum() > 20
    else:
        np.testing.assert_allclose(left, ahead, atol=0.13)  # a ray or two along the outline


@pytest.mark.parametrize("shape", SHAPES)
def test_objects_grow_with_their_scale(shape, ahead):
    areas = [coverage(ahead[0], shape, scale).sum() for scale in SCALES]
    assert (np.diff(areas) > 0).all()


def test_from_the_left_one_sees_the_right_corner_of_the_room():
    """In the original frames a corner stands right of the middle at the first orientation, and left of it at the last."""
    for angle, side in ((-30.0, slice(36, 52)), (30.0, slice(12, 28))):
        wall = View(angle).maps("cube", 0.75).wall[28]
        steps = np.abs(np.diff(wall))
        assert steps.max() > 0.1
        assert range(64)[side].start <= steps.argmax() < range(64)[side].stop


def test_an_object_shades_the_floor_beside_it_and_no_more_of_it(ahead):
    view, of = ahead
    free = view.light.reshape(16, 64, 64)
    floor = np.where(view.floor.reshape(16, 64, 64), free, 0).mean(0)
    darker = (of["capsule"].floor < 0.6 * floor) & (of["capsule"].object == 0)
    rows, columns = np.nonzero(darker)
    assert 40 < len(rows) < 600
    assert columns.mean() > 34  # the lamp stands on the left
    assert rows.min() > 45
    np.testing.assert_allclose(of["capsule"].wall[:, :16], of["cube"].wall[:, :16])


def test_only_the_object_is_glossy(ahead):
    for shape, maps in ahead[1].items():
        assert maps.gloss.max() < 0.2
        assert (maps.gloss[maps.object == 0] == 0).all()
        if shape in ("sphere", "capsule"):  # of the others one sees walls alone, which the lamp is above
            assert maps.gloss.max() > 0.1
