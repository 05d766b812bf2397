"""The same pixels written in every format that is read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

NAMES = ("DAPI", "CD45", "EPCAM")
UM = 0.5
Pixels = NDArray[np.generic]
Writer = Callable[[Path, Pixels], Path]


def write_ome_tiff(folder: Path, image: Pixels, **options: object) -> Path:
    path = folder / "slide.ome.tif"
    metadata = {
        "axes": "CYX",
        "PhysicalSizeX": UM,
        "PhysicalSizeY": UM,
        "Channel": {"Name": list(NAMES)},
    }
    settings = {"tile": (64, 64), "photometric": "minisblack", "metadata": metadata, **options}
    tifffile.imwrite(path, image, **settings)
    return path


def write_pyramid(folder: Path, image: Pixels) -> Path:
    """Write an OME-TIFF whose smaller levels are SubIFDs."""
    path = folder / "pyramid.ome.tif"
    metadata = {
        "axes": "CYX",
        "PhysicalSizeX": UM,
        "PhysicalSizeY": UM,
        "Channel": {"Name": list(NAMES)},
    }
    with tifffile.TiffWriter(path) as file:
        settings = {"photometric": "minisblack", "tile": (64, 64), "compression": "zlib"}
        file.write(image, subifds=2, metadata=metadata, **settings)
        for step in (2, 4):
            file.write(image[:, ::step, ::step], subfiletype=1, **settings)
    return path


def describe_qpi_page(kind: str, *, name: str = "", marker: str = "", size: str = "") -> str:
    biomarker = f"<Biomarker>{marker}</Biomarker>" if marker else ""
    scan = f"<ScanProfile><PixelSizeMicrons>{size}</PixelSizeMicrons></ScanProfile>" if size else ""
    return (
        '<?xml version="1.0" encoding="utf-16"?>\n<PerkinElmer-QPI-ImageDescription>'
        "<DescriptionVersion>2</DescriptionVersion><AcquisitionSoftware>x</AcquisitionSoftware>"
        f"<ImageType>{kind}</ImageType><Name>{name}</Name>{biomarker}<ExposureTime>1500"
        f"</ExposureTime>{scan}</PerkinElmer-QPI-ImageDescription>"
    )


def write_qptiff(
    folder: Path,
    image: Pixels,
    *,
    names: Sequence[str] = NAMES,
    markers: Sequence[str] = ("", "", ""),
    size: str = "",
    resolution: tuple[float, float] | None = (1e4 / UM, 1e4 / UM),
) -> Path:
    """Write pages in the order of the format: channels, thumbnail, pyramid, overview, label."""
    path = folder / "slide.qptiff"
    colour = np.full((40, 50, 3), 99, np.uint8)
    scale = {} if resolution is None else {"resolution": resolution, "resolutionunit": 3}
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        settings = {"metadata": None, "software": False, **scale}
        grey = {"photometric": "minisblack", "tile": (64, 64), "compression": "lzw", **settings}
        for c, name in enumerate(names):
            text = describe_qpi_page("FullResolution", name=name, marker=markers[c], size=size)
            file.write(image[c], description=text, **grey)
        thumbnail = describe_qpi_page("Thumbnail")
        file.write(colour, photometric="rgb", description=thumbnail, **settings)
        for step in (2, 4):
            for c, name in enumerate(names):
                text = describe_qpi_page("ReducedResolution", name=name, marker=markers[c])
                file.write(image[c, ::step, ::step], description=text, **grey)
        for kind in ("Overview", "Label"):
            text = describe_qpi_page(kind)
            file.write(colour, photometric="rgb", description=text, **settings)
    return path


def write_plain_tiff(folder: Path, image: Pixels) -> Path:
    path = folder / "slide.tif"
    scale = {"resolution": (1e4 / UM, 1e4 / UM), "resolutionunit": 3}
    tifffile.imwrite(path, image, photometric="minisblack", metadata=None, **scale)
    return path


def write_channel_folder(
    folder: Path, image: Pixels, *, names: Sequence[str] = ("P1_DAPI", "P1_CD45", "P1_EPCAM")
) -> Path:
    path = folder / "slide"
    path.mkdir()
    for name, plane in zip(names, image, strict=True):
        scale = {"resolution": (1e4 / UM, 1e4 / UM), "resolutionunit": 3}
        tifffile.imwrite(path / f"{name}.tif", plane, compression="zlib", **scale)
    return path


def write_zarr(
    folder: Path,
    image: Pixels,
    *,
    version: str = "0.4",
    compressor: str = "blosc",
    shards: tuple[int, ...] | None = None,
    chunks: tuple[int, ...] = (1, 64, 64),
    unit: str | None = "micrometer",
    scale: float = UM,
    names: Sequence[str] = NAMES,
    axes: str = "cyx",
    byteorder: str = "<",
) -> Path:
    import zarr

    path = folder / "slide.ome.zarr"
    form = 2 if version == "0.4" else 3
    group = zarr.create_group(store=str(path), zarr_format=form)
    datasets = []
    for level, step in enumerate((1, 2, 4)):
        pixels = image[..., ::step, ::step]
        dtype = pixels.dtype.newbyteorder(byteorder) if form == 2 else pixels.dtype
        array = group.create_array(
            str(level),
            shape=pixels.shape,
            chunks=chunks,
            shards=shards,
            dtype=dtype,
            compressors=_make_compressor(compressor, form),
            fill_value=0,
        )
        array[...] = pixels
        factors = [scale * step if axis in "yx" else 1.0 for axis in axes]
        moves = [{"type": "scale", "scale": factors}]
        datasets.append({"path": str(level), "coordinateTransformations": moves})
    kinds = {"c": "channel", "t": "time"}
    described = [
        {"name": axis, "type": kinds.get(axis, "space")}
        | ({"unit": unit} if unit and axis in "zyx" else {})
        for axis in axes
    ]
    ome = {
        "multiscales": [{"version": version, "axes": described, "datasets": datasets}],
        "omero": {"channels": [{"label": name, "color": "FFFFFF"} for name in names]},
    }
    group.attrs.update(ome if form == 2 else {"ome": {"version": version, **ome}})
    return path


def _make_compressor(name: str, form: int) -> object:
    import numcodecs
    from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

    old = {"blosc": numcodecs.Blosc(), "zstd": numcodecs.Zstd(), "gzip": numcodecs.GZip()}
    new = {"blosc": BloscCodec(cname="zstd"), "zstd": ZstdCodec(), "gzip": GzipCodec()}
    return None if name == "none" else (old if form == 2 else new)[name]


def write_bioformats2raw(folder: Path, image: Pixels) -> Path:
    """Write a store of one image as bioformats2raw lays it out."""
    inner = write_zarr(folder, image)
    path = folder / "raw.zarr"
    path.mkdir()
    shutil.move(inner, path / "0")
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text(json.dumps({"bioformats2raw.layout": 3}))
    return path


def write_czi(folder: Path, image: Pixels, *, compression: str | None = None) -> Path:
    """Write tiles of 64 px at stage positions; skipped where pylibCZIrw is not installed."""
    library = pytest.importorskip("pylibCZIrw.czi")
    path = folder / "slide.czi"
    with library.create_czi(str(path), compression_options=compression) as file:
        for c, plane in enumerate(image):
            for y in range(0, plane.shape[0], 64):
                for x in range(0, plane.shape[1], 64):
                    tile = np.ascontiguousarray(plane[y : y + 64, x : x + 64, np.newaxis])
                    file.write(tile, location=(x - 1000, y + 50), plane={"C": c})
        file.write_metadata(
            "slide", channel_names=dict(enumerate(NAMES)), scale_x=UM * 1e-6, scale_y=UM * 1e-6
        )
    return path


def _zarr(**options: object) -> Writer:
    return lambda folder, image: write_zarr(folder, image, **options)  # type: ignore[arg-type]


FORMATS: dict[str, Writer] = {
    "OME-TIFF": write_ome_tiff,
    "OME-TIFF, big-endian BigTIFF, LZW": lambda folder, image: write_ome_tiff(
        folder, image, bigtiff=True, byteorder=">", compression="lzw", predictor=True
    ),
    "OME-TIFF with pyramid": write_pyramid,
    "QPTIFF": write_qptiff,
    "TIFF": write_plain_tiff,
    "folder of TIFFs": write_channel_folder,
    "OME-Zarr 0.4, blosc": _zarr(),
    "OME-Zarr 0.4, gzip": _zarr(compressor="gzip"),
    "OME-Zarr 0.4, big-endian, not compressed": _zarr(compressor="none", byteorder=">"),
    "OME-Zarr 0.4, chunks of all channels": _zarr(compressor="zstd", chunks=(3, 50, 70)),
    "OME-Zarr 0.5, zstd": _zarr(version="0.5", compressor="zstd"),
    "OME-Zarr 0.5, blosc, shards": _zarr(version="0.5", chunks=(1, 32, 32), shards=(1, 64, 64)),
    "OME-Zarr 0.5, gzip, shards of all channels": _zarr(
        version="0.5", compressor="gzip", chunks=(1, 32, 32), shards=(3, 64, 64)
    ),
    "OME-Zarr of bioformats2raw": write_bioformats2raw,
    "CZI": write_czi,
    "CZI, zstd": lambda folder, image: write_czi(
        folder, image, compression="zstd1:ExplicitLevel=2"
    ),
}
PYRAMIDS = [name for name in FORMATS if "pyramid" in name or "Zarr" in name or name == "QPTIFF"]
