"""Public data sets: the addresses, sizes and checksums of their official files.

Sizes and SHA-256 sums are those that the TensorFlow Datasets project records for these addresses, and for CIFAR those of
Keras; the MD5 sums in the authors' and torchvision's tables are of the same files. For dSprites' archive only the MD5 is
published, not the size. MNIST's unpacked files have checksums too, since many copies were compressed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from kelbo.data.sources import Contents, File, PublicSet

OSSCI = "https://ossci-datasets.s3.amazonaws.com/mnist"
CVDF = "https://storage.googleapis.com/cvdf-datasets/mnist"
ZALANDO = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
ZALANDO_REPOSITORY = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion"
TORONTO = ("https://www.cs.toronto.edu/~kriz", "https://cave.cs.toronto.edu/kriz")
STANFORD = "http://ufldl.stanford.edu/housenumbers"


def _files(bases: tuple[str, ...], *files: tuple[str, int, str], contents: Sequence[Contents] = ()) -> tuple[File, ...]:
    """Files in the same folder of several servers, by name, size and SHA-256. contents: of the gzipped ones, in order."""
    return tuple(
        File(name, tuple(f"{base}/{name}" for base in bases), size, sha256=sha256, contents=inside)
        for (name, size, sha256), inside in zip_longest(files, contents)
    )


MNIST = PublicSet(
    name="mnist",
    title="MNIST",
    files=_files(
        (OSSCI, CVDF),
        ("train-images-idx3-ubyte.gz", 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        ("train-labels-idx1-ubyte.gz", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        ("t10k-images-idx3-ubyte.gz", 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        ("t10k-labels-idx1-ubyte.gz", 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        contents=(
            Contents("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 47_040_016),
            Contents("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60_008),
            Contents("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7_840_016),
            Contents("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10_008),
        ),
    ),
    place="mnist",
    page="http://yann.lecun.com/exdb/mnist/",
    licence="LeCun, Cortes & Burges; CC BY-SA 3.0 as Keras states it",
)

FASHION_MNIST = PublicSet(
    name="fashion-mnist",
    title="Fashion-MNIST",
    files=_files(
        (ZALANDO, ZALANDO_REPOSITORY),
        ("train-images-idx3-ubyte.gz", 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        ("train-labels-idx1-ubyte.gz", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        ("t10k-images-idx3-ubyte.gz", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        ("t10k-labels-idx1-ubyte.gz", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ),
    place="fashion-mnist",
    page="https://github.com/zalandoresearch/fashion-mnist",
    licence="Zalando SE; MIT",
)

CIFAR10 = PublicSet(
    name="cifar10",
    title="CIFAR-10",
    files=_files(
        TORONTO,
        ("cifar-10-python.tar.gz", 170_498_071, "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"),
    ),
    place=".",
    page="https://www.cs.toronto.edu/~kriz/cifar.html",
    licence="Krizhevsky; none stated, the authors ask to be cited",
)

CIFAR100 = PublicSet(
    name="cifar100",
    title="CIFAR-100",
    files=_files(
        TORONTO,
        ("cifar-100-python.tar.gz", 169_001_437, "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"),
    ),
    place=".",
    page="https://www.cs.toronto.edu/~kriz/cifar.html",
    licence="Krizhevsky; none stated, the authors ask to be cited",
)

SVHN = PublicSet(
    name="svhn",
    title="SVHN",
    files=_files(
        (STANFORD,),
        ("train_32x32.mat", 182_040_794, "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8"),
        ("test_32x32.mat", 64_275_384, "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"),
    ),
    place="svhn",
    page="http://ufldl.stanford.edu/housenumbers/",
    licence="Netzer et al.; for non-commercial use only",
)

SVHN_EXTRA = PublicSet(
    name="svhn-extra",
    title="SVHN's extra images",
    files=_files(
        (STANFORD,),
        ("extra_32x32.mat", 1_329_278_602, "a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3"),
    ),
    place="svhn",
    page="http://ufldl.stanford.edu/housenumbers/",
    licence="Netzer et al.; for non-commercial use only",
)

DSPRITES = PublicSet(
    name="dsprites",
    title="dSprites",
    files=(
        File(
            "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",
            (
                "https://raw.githubusercontent.com/google-deepmind/dsprites-dataset/master/"
                "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",
            ),
            md5="7da33b31b13a06f4b04a70402ce90c2e",
            most=64 * 2**20,
        ),
    ),
    place="dsprites",
    page="https://github.com/google-deepmind/dsprites-dataset",
    licence="DeepMind; Apache 2.0",
)

SHAPES3D = PublicSet(
    name="3dshapes",
    title="3D Shapes",
    files=_files(
        ("https://storage.googleapis.com/3d-shapes",),
        ("3dshapes.h5", 267_573_662, "0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785"),
    ),
    place="3dshapes",
    page="https://github.com/google-deepmind/3d-shapes",
    licence="DeepMind; Apache 2.0",
)

CELEBA = PublicSet(
    name="celeba",
    title="CelebA",
    files=_files(
        (),
        ("img_align_celeba.zip", 1_443_490_838, "46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74"),
        ("list_attr_celeba.txt", 26_721_026, "f0e5da289d5ccf75ffe8811132694922b60f2af59256ed362afa03fefba324d0"),
        ("list_eval_partition.txt", 2_836_386, "fc955bcb3ef8fbdf7d5640d9a8693a8431b5f2ee291a5c1449a1549e7e073fe7"),
    ),
    place="celeba",
    page="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    licence="Liu et al.; for non-commercial research only, not to be passed on",
)

HOMES = {
    source.name: source
    for source in (MNIST, FASHION_MNIST, CIFAR10, CIFAR100, SVHN, SVHN_EXTRA, DSPRITES, SHAPES3D, CELEBA)
}
