"""The rendered robot arm: every factor shows, and what is drawn quickly is what a literal drawing gives."""

import pytest
import torch

from kelbo.data import arm as module
from kelbo.data.arm import BACKGROUNDS, OBJECTS, SIZES, WINDOW, arm
from kelbo.data.arm_scene import RADII, TABLE, camera, joints
from kelbo.data.factors import Factors
from kelbo.data.mpi3d import FACTORS as MPI3D
from kelbo.data.solids import SOLIDS, meet
from kelbo.errors import DataError

PLACES = Factors(("camera", "turn", "lift"), (3, 40, 40))
ALL = PLACES.of(torch.arange(len(PLACES)))


@pytest.fixture(scope="module")
def whole():
    return arm()


def at(places, colour=0, solid=5, size=0, ground=0):
    """Factors at some places (N, 3) of camera, turn and lift."""
    fixed = torch.tensor([colour, solid, size]).expand(len(places), 3)
    return torch.cat([fixed, places[:, :1], torch.full((len(places), 1), ground), places[:, 1:]], dim=1)


def draws(count, seed=0):
    return MPI3D.sample(count, torch.Generator().manual_seed(seed))


def test_it_has_a_picture_for_each_combination_of_mpi3ds_factors(whole):
    assert len(whole) == 1_036_800
    assert whole.factors is MPI3D
    assert (whole.images.shape, whole.images.levels) == ((3, 64, 64), 256)
    assert whole.images.nbytes < 4 * 2**20
    assert whole.take(MPI3D.of(torch.tensor([0, 1_036_799]))).dtype == torch.uint8


def test_a_picture_is_the_same_in_every_batch_and_every_time(whole):
    index = MPI3D.index(draws(300))
    batch = whole.images.take(index)
    assert torch.equal(whole.images.take(index.flip(0)).flip(0), batch)
    assert torch.equal(torch.cat([whole.images.take(index[i : i + 1]) for i in range(0, 300, 7)]), batch[::7])
    assert torch.equal(arm().images.take(index[:50]), batch[:50])
    assert whole.images.take(index[:0]).shape == (0, 3, 64, 64)


@pytest.mark.parametrize("column", range(7), ids=MPI3D.names)
def test_changing_one_factor_changes_the_picture(whole, column):
    factors = draws(150, seed=column)
    changed = factors.clone()
    by = torch.randint(1, MPI3D.sizes[column], (150,), generator=torch.Generator().manual_seed(9))
    changed[:, column] = (factors[:, column] + by) % MPI3D.sizes[column]
    apart = (whole.take(factors).int() - whole.take(changed).int()).abs().amax(1)
    assert ((apart > 15).sum((1, 2)) >= 4).all()  # pixels of each pair that a viewer tells apart


def test_neighbouring_steps_of_both_axes_differ_everywhere(whole):
    pictures = whole.take(at(ALL)).view(3, 40, 40, -1).int()
    assert (pictures.diff(dim=1).abs().amax(-1) > 15).all()
    assert (pictures.diff(dim=2).abs().amax(-1) > 15).all()


def test_no_two_places_of_the_arm_give_the_same_picture(whole):
    pictures = whole.take(at(ALL)).flatten(1)
    assert len({picture.numpy().tobytes() for picture in pictures}) == len(ALL)


def test_every_two_shapes_differ_even_when_small(whole):
    places = ALL[::37]
    pictures = [whole.take(at(places, solid=solid)).int() for solid in range(6)]
    for first in range(6):
        for second in range(first):
            apart = (pictures[first] - pictures[second]).abs().amax((1, 2, 3))
            assert apart.min() > 25, (SOLIDS[first], SOLIDS[second])


def test_a_large_object_covers_more_pixels_than_a_small_one(whole):
    red = [whole.take(at(ALL[::50], colour=2, size=size, ground=1)).int() for size in (0, 1)]
    covered = [((picture[:, 0] > 70) & (picture[:, 0] > 2 * picture[:, 1])).sum((1, 2)) for picture in red]
    assert (covered[1] > 1.4 * covered[0]).all()


@pytest.mark.parametrize("colour", range(6), ids=MPI3D.values[0])
def test_the_object_has_its_colours_hue(whole, colour):
    places = ALL[::211]
    picture = whole.take(at(places, colour=colour, size=1)).float()
    corner = whole.images.scene.corner[torch.arange(len(ALL))[::211]]
    centre = torch.stack(
        [image[:, y + WINDOW // 2, x + WINDOW // 2] for image, (x, y) in zip(picture, corner, strict=True)]
    )
    paint = torch.tensor(OBJECTS[colour], dtype=torch.float32)
    light = centre.amax(1) / paint.max()
    assert ((light > 0.34) & (light <= 1.01)).all()
    assert (centre - light[:, None] * paint).abs().max() <= 1.5


@pytest.mark.parametrize("ground", range(3), ids=MPI3D.values[4])
def test_the_table_has_its_colour_from_every_height(whole, ground):
    for view in range(3):
        eye = camera(view)
        back = eye.project(torch.tensor([1.2, 0.6, 0.0], dtype=torch.float64))
        picture = whole.take(at(torch.tensor([[view, 0, 39]]), ground=ground))[0]
        assert picture[:, int(back[1]), int(back[0])].tolist() == list(BACKGROUNDS[ground])


def test_what_the_arm_holds_stays_over_the_table_and_within_the_picture(whole):
    held = joints()[0][:, 3]
    assert (held[:, 2] > 0.95 * SIZES[1]).all()
    assert (held[:, :2].norm(dim=1) + SIZES[1] < TABLE).all()
    for view in range(3):
        x, y, scale = camera(view).project(held).unbind(1)
        reach = 1.07 * SIZES[1] * scale
        for centre in (x, y):
            assert (centre - reach > 0).all()
            assert (centre + reach < 64).all()


@pytest.mark.parametrize("solid", SOLIDS)
def test_no_object_reaches_out_of_its_window(solid, monkeypatch):
    monkeypatch.setattr(module, "WINDOW", WINDOW + 4)  # the outer two pixels at each side lie out of it
    images = module.ArmImages()
    inside = ((images.scene.corner > 0) & (images.scene.corner < 60 - WINDOW)).all(1)  # else it ends with the picture
    place = torch.nonzero(inside).flatten()[::5]
    hit, _ = meet(solid, images._rays(place, torch.full((len(place),), SIZES[1])))
    assert hit[..., 2:-2, 2:-2].sum() == hit.sum() > 100 * len(place)


def test_no_link_and_no_shadow_reaches_out_of_its_window(whole, monkeypatch):
    factors = at(ALL[::9], size=1)
    drawn = whole.take(factors)
    monkeypatch.setattr(module, "LINK_WINDOWS", (40, 40, 40))
    assert torch.equal(whole.take(factors), drawn)
    shadows = []
    for side in (WINDOW, 40):
        monkeypatch.setattr(module, "WINDOW", side)
        shadows.append(torch.ones(len(ALL), 3, 64, 64))
        module._paint_shadow(shadows[-1], whole.images.scene.shadow, torch.full((len(ALL),), SIZES[1]))
    assert torch.equal(*shadows)


def test_the_links_cover_what_the_balls_along_them_cover(whole):
    """200 balls along each rod, their outlines taken as discs, at 8×8 points to a pixel."""
    place = torch.arange(0, len(ALL), 601)
    painted = torch.ones(len(place), 3, 64, 64)
    module._paint_links(painted, whole.images.scene.links[place], module.LINK_WINDOWS, ((0, 0, 0),) * 3)
    points = (torch.arange(512, dtype=torch.float64) + 0.5) / 8
    along = torch.linspace(0, 1, 200, dtype=torch.float64)[:, None]
    for row, number in enumerate(place):
        eye, ends = camera(int(ALL[number, 0])), joints()[0][number % 1600]
        covered = torch.zeros(512, 512, dtype=torch.bool)
        for link, (first, last) in enumerate(RADII):
            balls = eye.project(ends[link] + along * (ends[link + 1] - ends[link]))
            radii = (first + along[:, 0] * (last - first)) * balls[:, 2]
            for (x, y, _), radius in zip(balls.tolist(), radii.tolist(), strict=True):
                covered |= (points - x) ** 2 + (points[:, None] - y) ** 2 < radius**2
        expected = covered.double().view(64, 8, 64, 8).mean((1, 3))
        apart = (1 - painted[row, 0] - expected).abs()
        assert apart.max() < 0.35
        assert apart.sum() < 0.04 * expected.sum()


def test_a_factor_out_of_range_is_refused_by_name(whole):
    with pytest.raises(DataError, match='Factor "horizontal_axis" must be 0 to 39; got 40'):
        whole.take(torch.tensor([[0, 0, 0, 0, 0, 40, 0]]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and KELBO_TEST_CUDA=1")
def test_a_cuda_device_draws_the_same_pictures(whole):
    index = MPI3D.index(draws(500))
    images = whole.images.to(torch.device("cuda"))
    drawn = images.take(index.cuda())
    assert drawn.device.type == "cuda"
    assert ((drawn.cpu().int() - whole.images.take(index).int()).abs() > 2).float().mean() < 1e-4
