"""The shipped network: the file that was trained, and answers that depend on nothing far away."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import chc_gating
from chc_gating.errors import ChcError
from chc_gating.imaging.network import STRIDE, NucleusNetwork, load_network, read_facts

MODEL = Path(chc_gating.__file__).parent / "imaging" / "models" / "nuclei.onnx"


def draw_scene(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Blobs about 14 px wide, some of them touching, on noise."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros(shape)
    for cy, cx in rng.uniform(0, 1, (shape[0] * shape[1] // 700, 2)) * shape:
        image = np.maximum(image, 1 / (1 + np.exp(np.hypot(y - cy, x - cx) - 8)))
    noisy = image * 0.8 + 0.05 + 0.03 * rng.standard_normal(shape)
    return np.clip(noisy, 0, 1.5).astype(np.float32)


@pytest.fixture(scope="module")
def scene() -> NDArray[np.float32]:
    return draw_scene((320, 384))


@pytest.fixture(scope="module")
def whole(scene: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return load_network().predict(scene)


def test_the_file_is_the_one_whose_facts_are_stated() -> None:
    content = MODEL.read_bytes()
    facts = read_facts()
    assert hashlib.sha256(content).hexdigest() == facts.sha256
    assert len(content) < 1_000_000
    assert facts.target_diameter_px == 14
    assert facts.version


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    content = bytearray(MODEL.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "nuclei.onnx").write_bytes(content)
    (tmp_path / "nuclei.json").write_bytes(MODEL.with_suffix(".json").read_bytes())
    with pytest.raises(ChcError, match=r"nuclei\.onnx: the network's file is damaged"):
        NucleusNetwork(tmp_path / "nuclei.onnx")


@pytest.mark.parametrize(
    "tile",
    [
        (0, 200, 0, 384),
        (64, 320, 0, 200),
        (8, 152, 16, 160),
        (96, 256, 120, 344),
        (56, 320, 72, 384),
    ],
)
def test_a_tiles_interior_equals_the_whole_to_the_last_bit(
    tile: tuple[int, int, int, int],
    scene: NDArray[np.float32],
    whole: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    y0, y1, x0, x1 = tile
    network = load_network()
    reach = network.reach_px
    answers = network.predict(np.ascontiguousarray(scene[y0:y1, x0:x1]))
    # Where the tile ends with the image, both see the same edge.
    rows = slice(reach if y0 else 0, y1 - y0 - (reach if y1 < scene.shape[0] else 0))
    columns = slice(reach if x0 else 0, x1 - x0 - (reach if x1 < scene.shape[1] else 0))
    for answer, expected in zip(answers, whole, strict=True):
        inner = expected[y0:y1, x0:x1][rows, columns]
        assert inner.size > 0
        np.testing.assert_array_equal(answer[rows, columns], inner)


@pytest.mark.parametrize("place", [(160, 192), (163, 197), (167, 199)])
def test_a_pixel_changes_no_answer_beyond_the_reach_and_some_within(
    place: tuple[int, int],
    scene: NDArray[np.float32],
    whole: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    changed = scene.copy()
    changed[place[0] - 1 : place[0] + 2, place[1] - 1 : place[1] + 2] = 1.5
    network = load_network()
    y, x = np.mgrid[: scene.shape[0], : scene.shape[1]]
    away = np.maximum(abs(y - place[0]), abs(x - place[1])) - 1
    answers = network.predict(changed)
    differs = (answers[0] != whole[0]) | (answers[1] != whole[1])
    assert not differs[away > network.reach_px].any()
    assert differs[away > network.reach_px // 3].any()


def test_threads_that_share_a_network_get_the_same_answers(
    scene: NDArray[np.float32], whole: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> None:
    with ThreadPoolExecutor(4) as pool:
        for answers in pool.map(load_network().predict, [scene] * 8):
            np.testing.assert_array_equal(answers[0], whole[0])
            np.testing.assert_array_equal(answers[1], whole[1])


def test_an_image_that_is_looked_at_in_bands_has_no_seam(
    scene: NDArray[np.float32],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tall = np.concatenate([scene, scene[:, ::-1], scene])
    expected = load_network().predict(tall)
    monkeypatch.setattr("chc_gating.imaging.network._LARGEST_PIXELS", 1)
    for answer, of_one_look in zip(load_network().predict(tall), expected, strict=True):
        np.testing.assert_array_equal(answer, of_one_look)


def test_sides_need_not_be_multiples_of_the_stride(scene: NDArray[np.float32]) -> None:
    foreground, distance = load_network().predict(
        np.ascontiguousarray(scene[:101, : 9 * STRIDE + 3])
    )
    assert foreground.shape == distance.shape == (101, 75)
    assert foreground.dtype == distance.dtype == np.float32


def test_blobs_are_foreground_and_what_lies_between_is_not(
    whole: tuple[NDArray[np.float32], NDArray[np.float32]], scene: NDArray[np.float32]
) -> None:
    foreground, distance = whole
    bright, dark = scene > 0.6, scene < 0.15
    assert (foreground[bright] > 0).mean() > 0.98
    assert (foreground[dark] < 0).mean() > 0.95
    assert distance[bright].mean() > 5 * abs(distance[dark].mean())
