"""The β-VAE study: its plan, its lanes, what is measured of them, and what its code did without saying so."""
