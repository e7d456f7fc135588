"""What is told of each kind of data where sets are listed: its images, their source, and what a model can be given."""

from __future__ import annotations

# what `kelbo data list` shows of each kind: its images, and their source
SETS: dict[str, tuple[str, str]] = {
    "digits": ("1,797 of 8×8, grey, 17 levels", "scikit-learn's handwritten digits, installed with kelbo"),
    "mnist": ("70,000 of 28×28, grey", "the official IDX files, gzipped or not"),
    "fashion-mnist": ("70,000 of 28×28, grey", "the official IDX files, gzipped or not"),
    "cifar10": ("60,000 of 32×32, colour", "the official python archive, .tar.gz or unpacked"),
    "cifar100": ("60,000 of 32×32, colour", "the official python archive, .tar.gz or unpacked"),
    "svhn": ("99,289 of 32×32, colour", "the official cropped .mat files"),
    "celeba": ("202,599 of 178×218, colour, 40 attributes", "the official zip or folder, and its two lists"),
    "frey": ("1,965 of 28×20, grey", "frey_rawface.mat or frey_faces.npz"),
    "dsprites": ("737,280 of 64×64, binary, 5 factors", "the official .npz archive"),
    "3dshapes": ("480,000 of 64×64, colour, 6 factors", "the official 3dshapes.h5, unpacked once: 5.9 GB of disk"),
    "mpi3d": ("1,036,800 of 64×64, colour, 7 factors", "mpi3d_toy.npz; data.variant: realistic or real"),
    "sprites": ("93,312 of 64×64, colour, 7 factors, or fewer", "sprites_video.npz: characters in all poses"),
    "shapes2d": ("737,280 of 64×64, binary, 5 factors", "rendered here: dSprites' five factors"),
    "shapes3d": ("480,000 of 64×64, colour, 6 factors", "rendered here: 3D Shapes' six factors"),
    "arm": ("1,036,800 of 64×64, colour, 7 factors", "rendered here: a robot arm, MPI3D's seven factors"),
    "array": ("yours", "a .npy (memory-mapped) or .npz file, or a folder of them: data.root"),
    "table": ("yours", "rows of numbers in a .csv, .tsv, .parquet, .npy or .npz file: data.root"),
    "folder": ("yours", "pictures in a folder or zip (PNG, JPEG, TIFF, …): data.root"),
    "hub": ("yours, or of the Hugging Face hub", "data.dataset names it, or data.root its folder; needs the extra hub"),
}

# what a model can be given of each kind (`model.given`), as `kelbo data list` shows it
GIVEN: dict[str, str] = {
    **dict.fromkeys(("digits", "mnist", "svhn"), "labels (10 digits)"),
    "fashion-mnist": "labels (10 clothes)",
    "cifar10": "labels (10 things)",
    "cifar100": "labels (100 things)",
    "celeba": "attributes (40)",
    **dict.fromkeys(("dsprites", "shapes2d"), "factors (5)"),
    **dict.fromkeys(("3dshapes", "shapes3d"), "factors (6)"),
    **dict.fromkeys(("mpi3d", "arm", "sprites"), "factors (7)"),
    "array": "labels (a key)",
    "folder": "labels (folders), or a table's",
    "hub": "labels, attributes (columns)",
}
