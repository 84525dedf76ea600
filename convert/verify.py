"""Verifies a bundle that is there: every form of it, on data of the user's."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convert.detector_verification import compare_faces
from convert.on_gpu import A_RUN, STARTING, Report
from convert.verification import LOSS, Runtime, Shown, faults, verify
from convert.verification_page import page_beside, write_verification
from edge.bundle import Bundle, Form, load_bundle
from edge.errors import MaskGateError
from edge.runtime.accelerator import CPU
from edge.runtime.trial import try_model
from edge.sources.pictures import pictures_in, read_picture
from train.data.annotations import LABELS, MASKED, read_folders
from train.data.dataset import load_dataset
from train.data.kaggle import is_kaggle
from train.data.voc import is_voc
from train.feed.faces import device_cuts
from train.judging.metrics import SMALLEST


def verify_bundle(
    folder: Path,
    data: Sequence[Path],
    under: Sequence[Runtime],
    skipped: Sequence[str],
    report: Report,
) -> None:
    """Run every form of a bundle, and refuse it if its default form lost what it should keep.

    A classifier is run under every runtime, and gets a page beside the bundle. A detector is run
    under this environment's runtime alone.

    Args:
        folder: the bundle, a folder or a zip.
        data: labelled data folders; their photos alone for a detector.
        under: the runtimes.
        skipped: what cannot be verified here, and why.
        report: gets a line for each form and runtime.

    Raises:
        MaskGateError: the bundle or the data cannot be read or do not do, or the default form loses
            more than it may, or is refused by a runtime.
    """
    bundle = load_bundle(folder)
    if bundle.manifest.task == "face-detection":
        _verify_detector(bundle, data, report)
    else:
        _verify_classifier(bundle, data, under, skipped, report)


def _verify_classifier(
    bundle: Bundle,
    data: Sequence[Path],
    under: Sequence[Runtime],
    skipped: Sequence[str],
    report: Report,
) -> None:
    manifest = bundle.manifest
    if manifest.labels != LABELS or manifest.threshold is None:
        raise MaskGateError(
            f"bundle {bundle.path}: expected the labels {', '.join(LABELS)} and a threshold, "
            f"found {list(manifest.labels)} and {manifest.threshold}"
        )
    if (manifest.input.offset, manifest.input.scale) != (0, 1):
        raise MaskGateError(
            f"bundle {bundle.path}: expected a net that takes pixels as they are, found offset "
            f"{manifest.input.offset:g} and scale {manifest.input.scale:g}; only bundles of "
            "maskgate-convert can be verified"
        )
    contents: dict[Form, bytes] = {
        file.form: bundle.content(file) for file in manifest.files if file.net == "classifier"
    }
    patches = [patch for patch in load_dataset(data).patches if patch.size >= SMALLEST]
    if not patches:
        raise MaskGateError(f"data: expected faces of at least {SMALLEST:g} pixels, found none")
    pictures = device_cuts(patches, manifest.input.width, manifest.input.margin)
    reference: Form = "float32" if "float32" in contents else manifest.default_form
    shown = Shown(
        pictures,
        np.array([patch.label == MASKED for patch in patches]),
        manifest.threshold,
        _probabilities(contents[reference], pictures),
        f"{reference} under {under[0].name}",
    )
    found = verify(contents, shown, under, report, skipped)
    default = manifest.default_form
    if default in {one.form for one in found.kept}:
        page = page_beside(bundle.path)
        write_verification(page, f"{manifest.name} {manifest.version}", found, default, {})
        report(f"{page} shows what each form kept")
    against = list(faults(default, found))
    if against:
        raise MaskGateError(
            f"bundle {bundle.path}: its default form {default}: {'; '.join(against)}; convert again"
        )


def _probabilities(content: bytes, pictures: np.ndarray) -> np.ndarray:
    inputs = pictures.astype(np.float32)
    trial = try_model(content, CPU, inputs, repeats=1, limit=STARTING + A_RUN * len(inputs))
    return trial.outputs.reshape(len(inputs), -1)[:, 0].astype(np.float64)


def _verify_detector(bundle: Bundle, data: Sequence[Path], report: Report) -> None:
    photos = _photos(data)
    report(f"looking for faces in {len(photos)} photos")
    found = compare_faces(bundle, [read_picture(photo) for photo in photos], report)
    default = found[bundle.manifest.default_form]
    if default.lost_share > LOSS:
        raise MaskGateError(
            f"bundle {bundle.path}: its default form {bundle.manifest.default_form} loses "
            f"{default.lost} of the {default.faces} faces that float32 finds, {LOSS:.1%} are "
            "allowed; use detector.form = 'float32' where that matters"
        )


def _photos(data: Sequence[Path]) -> list[Path]:
    """The photos of labelled data folders, and those that lie in plain ones."""
    photos: dict[Path, None] = {}
    for folder in data:
        if is_kaggle(folder) or is_voc(folder):
            rows = (row for reading in read_folders([folder], {}) for row in reading.rows)
            photos.update((row.folder / row.name, None) for row in rows)
        else:
            photos.update((photo, None) for photo in pictures_in(folder))
    there = [photo for photo in photos if photo.is_file()]
    if not there:
        raise MaskGateError("data: expected photos, found none; name folders that hold some")
    return there
