"""Reads Pascal VOC: images/, and annotations/ with an XML file for each picture."""

from pathlib import Path
from xml.etree import ElementTree

from train.data.rows import Reading, Row, content_of, pairs

_SIDES = ("xmin", "ymin", "xmax", "ymax")


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses document types: only they can define entities that grow or that read files."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002
        raise ValueError("it has a DOCTYPE, which no Pascal VOC file needs")


def is_voc(folder: Path) -> bool:
    """Whether a folder has this layout."""
    return (folder / "annotations").is_dir() and (folder / "images").is_dir()


def read_voc(folder: Path, collection: str) -> Reading:
    """Read all annotations of a folder.

    same_photo.csv, if there, names the photo of a Kaggle folder that a picture repeats.

    Raises:
        MaskGateError: same_photo.csv is no CSV file or lacks a column.
    """
    reading = Reading(collection)
    pictures = folder / "images"
    twins = pairs(folder / "same_photo.csv", "name", "scenes_name")
    reading.repeating = [(pictures / name, photo) for name, photo in twins.items()]
    for path in sorted((folder / "annotations").glob("*.xml")):
        where = f"annotations/{path.name}"
        try:
            parser = ElementTree.XMLParser(target=_NoDoctype())  # noqa: S314 - see _NoDoctype
            parser.feed(content_of(path))
            root: ElementTree.Element = parser.close()
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            reading.skip(where, path.stem, "annotation file is broken", error)
            continue
        name = (root.findtext("filename") or "").strip()
        group = f"photo {twins[name]}" if name in twins else f"photo {collection}/{name}"
        for number, item in enumerate(root.iter("object"), 1):
            sides = tuple(item.findtext(f"bndbox/{side}") for side in _SIDES)
            classname = (item.findtext("name") or "").strip()
            reading.rows.append(
                Row(f"{where} face {number}", pictures, name, classname, sides, group)
            )
    return reading
