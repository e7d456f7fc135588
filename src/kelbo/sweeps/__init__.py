"""Many runs as one: a grid of recipes, trained as one stacked program, by a queue of processes, or on a cluster."""
