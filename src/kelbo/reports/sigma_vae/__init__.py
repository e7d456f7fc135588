"""The σ-VAE study's page: its tables, figures and claims, from results.json and the runs."""
