"""What a source of raw tiles may be, and what is refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from tile_scenes import cut_tiles, describe_tile, draw_scene, grid_places, stage_um, write_images

from chc_gating.errors import ChcError, ConfigError, RawFileError
from chc_gating.imaging.raw_tiles import grid_tiles, open_tiles
from chc_gating.imaging.tile_positions import read_positions
from chc_gating.imaging.tile_reader import TileReader
from chc_gating.imaging.tile_source import find_tiles, is_tile_source, source_files

PLACES = grid_places(2, 2)
TILES = cut_tiles(draw_scene((260, 300)), PLACES)
STAGE = stage_um(PLACES)


def write_cycle(path: Path, **options: object) -> Path:
    return write_images(path, TILES, STAGE, **options)


def test_a_file_per_cycle_holds_all_images_of_its_cycle(tmp_path: Path) -> None:
    for name in ("scan_cycle2.ome.tif", "scan_cycle1.ome.tif"):
        write_cycle(tmp_path / "tiles" / name)
    found = open_tiles(tmp_path / "tiles")
    assert [len(cycle.tiles) for cycle in found.cycles] == [4, 4]
    assert found.channels == ("DAPI", "CD45", "DAPI cycle 2", "CD45 cycle 2")
    assert found.stage_px(found.cycles[0]).tolist() == [[y / 0.5, x / 0.5] for y, x in STAGE]


def test_a_file_per_tile_tells_its_cycle_by_its_name(tmp_path: Path) -> None:
    for cycle in (1, 2):
        for k in range(4):
            path = tmp_path / f"tile{k}_Cycle-{cycle}.ome.tif"
            write_images(path, [TILES[k]], [STAGE[k]])
    assert is_tile_source(tmp_path)
    tiles, notes = find_tiles(tmp_path)
    assert [tile.cycle for tile in tiles] == [1] * 4 + [2] * 4
    assert notes == ()


def test_one_ome_tiff_of_several_images_is_a_source(tmp_path: Path) -> None:
    path = write_cycle(tmp_path / "scan.ome.tif")
    assert not is_tile_source(path)  # of a sheet it is a slide, one image of which is chosen
    assert len(open_tiles(path).cycles[0].tiles) == 4


def test_plain_tiffs_with_a_table_of_positions(tmp_path: Path) -> None:
    lines = ["file\timage\tcycle\tx_um\ty_um"]
    for k, (y, x) in enumerate(STAGE):
        tifffile.imwrite(tmp_path / f"t{k}.tif", TILES[k], photometric="minisblack")
        lines.append(f"t{k}.tif\t0\t1\t{x}\t{y}")
    (tmp_path / "tiles.tsv").write_text("\n".join(lines))
    assert is_tile_source(tmp_path)
    for source in (tmp_path, tmp_path / "tiles.tsv"):
        found = open_tiles(source, pixel_size_um=0.5, channel_names=["DAPI"])
        assert found.channels == ("DAPI",)
        assert len(source_files(source)) == 5
        with TileReader(found) as reader:
            assert np.array_equal(reader.read(found.cycles[0].tiles[3], 0), TILES[3])


def test_a_table_may_only_tell_cycles_apart(tmp_path: Path) -> None:
    write_cycle(tmp_path / "a.ome.tif")
    write_cycle(tmp_path / "b.ome.tif")
    (tmp_path / "scan.csv").write_text("file,cycle\na.ome.tif,1\nb.ome.tif,2\n")
    found = open_tiles(tmp_path / "scan.csv", channel_names=["DAPI", "CD45", "DAPI2", "CK"])
    assert [cycle.number for cycle in found.cycles] == [1, 2]


def test_positions_without_a_unit_are_taken_as_um_and_said_so(tmp_path: Path) -> None:
    found = open_tiles(write_cycle(tmp_path / "s.ome.tif", unit=None))
    assert found.repairs == ("stage positions: they carry no length unit; um was assumed",)


def test_big_endian_and_bigtiff_positions_are_read(tmp_path: Path) -> None:
    for name, options in (("a", {"byteorder": ">"}), ("b", {"bigtiff": True})):
        with tifffile.TiffWriter(tmp_path / name, ome=True, **options) as file:
            file.write(
                np.stack([TILES[0]] * 2),
                photometric="minisblack",
                metadata=describe_tile(("DAPI", "CD45"), (3.0, 7.5)),
            )
        position = read_positions(tmp_path / name)[0]
        assert position is not None
        assert (position.y, position.x, position.unit_known) == (3.0, 7.5, True)


def _no_position(folder: Path) -> None:
    write_images(folder / "a.ome.tif", TILES, [*STAGE[:3], None])


def _same_place(folder: Path) -> None:
    write_images(folder / "a.ome.tif", TILES, [*STAGE[:3], STAGE[0]])


def _two_cycles_without_a_name(folder: Path) -> None:
    write_cycle(folder / "a.ome.tif")
    write_cycle(folder / "b.ome.tif")


def _no_overlap(folder: Path) -> None:
    write_images(folder / "a.ome.tif", TILES, [(y * 10, x * 10) for y, x in STAGE])


def _wrong_unit(folder: Path) -> None:
    write_images(folder / "a.ome.tif", TILES, [(y / 8, x / 8) for y, x in STAGE])


def _other_size(folder: Path) -> None:
    write_images(folder / "a.ome.tif", [*TILES[:3], TILES[3][:-2]], STAGE)


def _other_channels(folder: Path) -> None:
    write_images(folder / "a.ome.tif", TILES[:2], STAGE[:2])
    write_images(folder / "b.ome.tif", TILES[2:], STAGE[2:], names=("DAPI", "CK"))


def _some_name_a_cycle(folder: Path) -> None:
    write_cycle(folder / "cycle1.ome.tif")
    write_cycle(folder / "other.ome.tif")


def _cut_short(folder: Path) -> None:
    path = write_cycle(folder / "a.ome.tif")
    path.write_bytes(path.read_bytes()[:3])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_no_position, r"a\.ome\.tif: image 3 has no stage position"),
        (_same_place, "cycle 1: two tiles have the same stage position"),
        (_two_cycles_without_a_name, "tell cycles apart by the file names"),
        (_no_overlap, "no two tiles overlap at their stage positions; check the unit"),
        (_wrong_unit, "overlap by more than three quarters; check the unit"),
        (_other_size, "image 3 has another size than the first tile"),
        (_other_channels, "other channels than the first tile of its cycle"),
        (_some_name_a_cycle, r"other\.ome\.tif: names no cycle"),
        (_cut_short, r"a\.ome\.tif: not a TIFF that can be read"),
        (lambda folder: folder.mkdir(), "holds no TIFF file"),
    ],
)
def test_contradictory_tiles_are_refused_in_one_line(
    tmp_path: Path, make: object, message: str
) -> None:
    folder = tmp_path / "tiles"
    make(folder)  # type: ignore[operator]
    with pytest.raises(RawFileError, match=message) as caught:
        open_tiles(folder)
    assert "\n" not in str(caught.value)
    assert not any(str(value) in str(caught.value) for pair in STAGE for value in pair)


def test_planes_of_one_image_at_different_places_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        plane = {"PositionX": [0.0, 70.0], "PositionY": [0.0, 0.0]}
        file.write(
            np.stack([TILES[0]] * 2),
            photometric="minisblack",
            metadata={"axes": "CYX", "Plane": plane},
        )
    with pytest.raises(RawFileError, match="planes of image 0 have different stage positions"):
        find_tiles(tmp_path / "a.ome.tif")


def test_all_faults_of_a_table_come_with_their_rows(tmp_path: Path) -> None:
    table = tmp_path / "tiles.tsv"
    table.write_text("file\tx_um\ty_um\timage\na.tif\tleft\t1\t0\n\t1\t1\t0\nb.tif\t1\t\tx\n")
    with pytest.raises(ConfigError) as caught:
        find_tiles(table)
    lines = str(caught.value).splitlines()
    assert [line.split(", ")[1].split(":")[0] for line in lines] == [
        "row 2",
        "row 2",
        "row 3",
        "row 4",
        "row 4",
    ]
    table.write_text("image\n0\n")
    with pytest.raises(ConfigError, match="has no column file"):
        find_tiles(table)


def test_names_of_the_panel_must_name_every_channel_of_every_cycle(tmp_path: Path) -> None:
    write_cycle(tmp_path / "cycle1.ome.tif")
    with pytest.raises(RawFileError, match=r"cycles have 2 channels, .* name 1: DAPI"):
        open_tiles(tmp_path, channel_names=["DAPI"])


def test_a_missing_file_of_a_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,x_um,y_um\ngone.tif,0,0\n")
    with pytest.raises(ChcError, match=r"gone\.tif: no such file"):
        open_tiles(tmp_path / "t.csv")


def test_a_grid_must_be_whole_tiles(tmp_path: Path) -> None:
    path = tmp_path / "s.tif"
    pixels = draw_scene((240, 280))
    tifffile.imwrite(path, pixels, photometric="minisblack")
    found = grid_tiles(path, (120, 140), pixel_size_um=0.5, channel_names=["DAPI"])
    assert [(t.y0, t.x0) for t in found.cycles[0].tiles] == [(0, 0), (0, 140), (120, 0), (120, 140)]
    with TileReader(found) as reader:
        assert np.array_equal(reader.read(found.cycles[0].tiles[3], 0), pixels[120:, 140:])
    with pytest.raises(RawFileError, match="no whole number of camera tiles of 150 x 120 px"):
        grid_tiles(path, (120, 150), pixel_size_um=0.5)


def test_a_slide_folder_without_positions_is_no_tile_source(tmp_path: Path) -> None:
    for name in ("DAPI.tif", "CD45.tif"):
        tifffile.imwrite(tmp_path / name, TILES[0], photometric="minisblack")
    assert not is_tile_source(tmp_path)
    assert not is_tile_source(tmp_path / "gone")


def test_channels_of_one_place_are_no_tile_source(tmp_path: Path) -> None:
    """The stage read a little differently for each."""
    for k, name in enumerate(("DAPI", "CD45")):
        write_images(tmp_path / f"{name}.ome.tif", TILES[:1], [(100.0 + k, 50.0)], names=(name,))
    assert not is_tile_source(tmp_path)
