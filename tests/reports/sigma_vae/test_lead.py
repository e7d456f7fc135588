"""The first words of the σ-VAE study's page: what was run, and what came of it."""

from tests.reports.sigma_vae.maker import study_results

from kelbo.reports.sigma_vae.lead import lead
from kelbo.reports.sigma_vae.results import Study


def words(results):
    return " ".join(lead(Study(results))).replace("\u00a0", " ")


def scale_distance(results, by, **wanted):
    for lane in results["lanes"]:
        if all(lane[key] == value for key, value in wanted.items()):
            lane["distances"]["sample"]["value"] *= by[lane["seed"]] if isinstance(by, tuple) else by


def test_it_says_what_was_run_for_how_long_and_in_which_mode():
    told = words(study_results(share=0.2))
    assert "are trained and measured on MNIST, with what its released code does unsaid put right." in told
    assert "The hours budget was run on 2 threads of Some Processor." in told
    assert "All 45 models were trained for 938 steps, 20 % of the paper’s steps." in told
    assert "As published" not in told


def test_as_published_it_says_what_that_flatters():
    told = words(study_results(mode="as-published"))
    assert "As published: where σ is in closed form it is softly clipped" in told
    assert "all is measured on training images" in told


def test_it_says_which_beta_is_best_and_where_the_sigma_vae_puts_itself():
    told = words(study_results())
    assert "Of the grid, β = 0.01 has the best samples and the best bound." in told
    assert "effective β, σ², is 0.0049 (shared σ) and 0.0049 (optimal σ): 0.49 times that of the best samples." in told
    assert "β = 0.01 has the best samples and β = 0.001 the best bound." in words(study_results(role="svhn"))


def test_it_says_who_won_by_distance_and_by_bound():
    told = words(study_results())
    assert "By distance of samples the σ-VAE is ahead of the best β: shared σ (32.1) against β = 0.01 (35.0)." in told
    assert "By −ELBO the σ-VAE is ahead of the best β: " in told
    assert "the least distance is that of shared σ (32.1)." in told


def test_a_sigma_vae_that_lost_is_said_to_be_behind():
    results = study_results()
    scale_distance(results, 0.5, decoder="fixed_gaussian", beta=0.1)
    told = words(results)
    assert "the σ-VAE is behind the best β: shared σ (32.1) against β = 0.1 (22.0)." in told
    assert "the least distance is that of β = 0.1 (22.0)." in told


def test_a_lead_that_seeds_could_turn_round_is_said_to_be_one():
    results = study_results()
    scale_distance(results, (0.7, 1.0, 1.35), decoder="fixed_gaussian", beta=0.01)
    assert "is ahead of the best β by less than seeds differ" in words(results)
    assert "is ahead of the best β, on one seed" in words(study_results(seeds=(0,)))


def test_what_was_not_measured_is_not_spoken_of():
    results = study_results()
    for lane in results["lanes"]:
        lane["distances"] = None
    told = words(results)
    assert "distance" not in told
    assert "Of the grid, β = 0.01 has the best bound." in told
    assert "0.49 times the β of the best bound." in told
    nothing = words(study_results(decoders=(), betas=()))
    assert nothing.endswith("No model was trained.")


def test_lanes_that_did_not_finish_are_counted():
    results = study_results()
    results["lanes"][0] |= {"state": "diverged", "bound": None, "distances": None}
    assert "44 of 45 models were trained" in words(results)


def test_a_set_of_our_own_is_not_measured_in_the_papers_steps():
    results = study_results(share=0.5)
    results["plan"] |= {"set": "digits", "role": None}
    assert "50 % of the full schedule, which is ours here." in words(results)


def test_a_shared_sigma_that_is_still_being_learned_is_said_to_be():
    results = study_results()
    for lane in results["lanes"]:
        if lane["decoder"] == "shared_gaussian":
            lane["sigma"] = 0.5
    assert "Shared σ has not come down to its error yet: it is 0.50, and the error 0.070 (seed 0)." in words(results)
    assert "not come down" not in words(study_results())


def test_lost_encoders_are_counted_with_the_cut_that_says_so():
    results = study_results()
    assert "same posterior" not in words(results)
    for lane in results["lanes"][:2]:
        lane["constant"] = True
    results["lanes"][2] |= {"constant": True, "state": "diverged"}
    told = "(each latent’s mean spreads by less than 1e−6 over images): 2."
    assert f"Of 44 encoders, those that give every image the same posterior {told}" in words(results)


def test_ratios_are_told_from_the_smallest_to_the_largest():
    results = study_results()
    for lane in results["lanes"]:
        lane["equivalent_beta"] = {"shared_gaussian": 0.1, "optimal_gaussian": 0.09}.get(lane["decoder"], 1.0)
    assert "0.10 (shared σ) and 0.090 (optimal σ): 9.0 to 10 times that of the best samples." in words(results)
