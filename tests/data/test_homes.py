"""The table of public homes: whole, and agreeing with the readers about the places."""

import hashlib

import pytest

from kelbo.data.cifar import cifar10, cifar100
from kelbo.data.dsprites import dsprites
from kelbo.data.homes import HOMES
from kelbo.data.idx import fashion_mnist, mnist
from kelbo.data.shapes3d_h5 import shapes3d_h5
from kelbo.data.sources import File, fault
from kelbo.data.svhn import svhn
from kelbo.errors import DataMissing

READERS = {
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "svhn": svhn,
    "dsprites": dsprites,
    "3dshapes": shapes3d_h5,
}


@pytest.mark.parametrize("source", HOMES.values(), ids=HOMES)
def test_every_file_has_a_checksum_and_homes_of_its_name(source):
    assert HOMES[source.name] is source
    assert source.licence
    assert source.page.startswith("http")
    for file in source.files:
        algorithm, checksum = file.checksum
        assert len(bytes.fromhex(checksum)) == hashlib.new(algorithm).digest_size
        assert all(url.endswith(f"/{file.name}") for url in file.urls)


@pytest.mark.parametrize("name", READERS)
def test_a_reader_looks_where_its_set_is_fetched_to_and_names_the_command(name, tmp_path):
    with pytest.raises(DataMissing) as raised:
        READERS[name](tmp_path)
    assert str(tmp_path / HOMES[name].place) in str(raised.value)
    assert f"`kelbo data fetch {name}`" in str(raised.value)


def test_the_real_mnist_is_what_the_table_says(real_data):
    assert [fault(real_data / "mnist" / file.name, file) for file in HOMES["mnist"].files] == [None] * 4


def test_a_home_that_is_not_on_the_web_is_refused():
    with pytest.raises(ValueError, match="must be a http or https address; got file:///a.bin"):
        File("a.bin", ("file:///a.bin",), size=1, md5="0")


def test_a_file_without_checksum_or_size_is_refused():
    with pytest.raises(ValueError, match="needs a checksum"):
        File("a", size=1)
    with pytest.raises(ValueError, match="needs a size"):
        File("a", md5="0")
