"""The study of "Autoencoding beyond pixels using a learned similarity metric": VAE/GAN beside what it is made of."""
