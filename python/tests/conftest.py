"""Small data that all tests share."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def arrays():
    """Three parts of two classes that differ in their low bands: x, y and song of each."""
    random = np.random.default_rng(7)

    def part(songs, first):
        song = np.repeat(np.arange(first, first + songs), 4)
        y = song % 2
        x = random.normal(-40, 8, (len(song), 24, 20)).astype(np.float32)
        x[y == 1, :8] += 12
        return x, y, song

    return {"train": part(24, 0), "val": part(8, 24), "test": part(8, 32)}


@pytest.fixture(scope="session")
def folder(arrays, tmp_path_factory):
    """The same as a folder of npy files."""
    folder = tmp_path_factory.mktemp("arrays")
    for name, part in arrays.items():
        for role, array in zip(("x", "y", "song"), part):
            np.save(folder / f"{role}_{name}.npy", array)
    return folder


@pytest.fixture(scope="session")
def fitted(arrays):
    """P1 after two epochs."""
    import genre_gpu

    model = genre_gpu.Model("p1")
    model.fit(*arrays["train"][:2], validation_data=arrays["val"], test_data=arrays["test"], epochs=2)
    return model
