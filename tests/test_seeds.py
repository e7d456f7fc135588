import ast
from pathlib import Path

import torch

from kelbo.seeds import generator, seed_for, seeded


def test_purposes_seeds_and_counters_draw_apart():
    seeds = {seed_for(s, p, *c) for s in (0, 1) for p in ("init", "order") for c in ((), (0,), (1,), (0, 1))}
    assert len(seeds) == 16
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_the_same_purpose_draws_the_same_everywhere():
    assert torch.equal(
        torch.rand(3, generator=generator(5, "order", 2)), torch.rand(3, generator=generator(5, "order", 2))
    )


def test_a_seeded_block_leaves_the_outer_generator_alone():
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    with seeded(1, "evaluation"):
        first = torch.rand(2)
    assert torch.equal(torch.rand(2), expected)
    with seeded(1, "evaluation"):
        assert torch.equal(torch.rand(2), first)


def test_every_default_seed_is_zero_so_that_what_is_not_seeded_is_the_same_everywhere():
    """Records leave out a seed of 0 in their labels, and two functions without a seed draw alike."""
    defaults = set()
    for path in (Path(__file__).parents[1] / "src" / "kelbo").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                names = [*node.args.posonlyargs, *node.args.args]
                given = [*zip(names[::-1], node.args.defaults[::-1], strict=False)]
                given += [*zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]
                defaults |= {ast.unparse(value) for name, value in given if name.arg == "seed" and value is not None}
    assert defaults <= {"0", "None"}
    assert "0" in defaults
