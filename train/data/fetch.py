"""Fetches Kaggle's face-mask dataset with the user's own credentials."""

import zipfile
from pathlib import Path

from edge.errors import MaskGateError
from train.data.kaggle import is_kaggle

HANDLE = "wobotintelligence/face-mask-detection-dataset"
_SITE = "https://api.kaggle.com"
_PATIENCE = (10.0, 20.0)
"""Seconds to wait for a connection to Kaggle and for its first answer."""


def fetch_kaggle(out: Path) -> Path:
    """Download the dataset into Kaggle's own cache and let a link at `out` point there.

    Nothing is downloaded where the dataset is already.

    Args:
        out: the data folder to make.

    Returns:
        The folder that holds the dataset.

    Raises:
        MaskGateError: something else is at `out`, Kaggle cannot be reached or refuses.
    """
    if is_kaggle(out):
        return out.resolve()
    if out.exists() or out.is_symlink():
        raise MaskGateError(
            f"data folder {out}: something else than the dataset is there; name another by --out"
        )
    folder = _download(out)
    if not is_kaggle(folder):
        raise MaskGateError(
            f"dataset {HANDLE}: expected train.csv in {folder}, found none; "
            "remove that folder and fetch again"
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.symlink_to(folder, target_is_directory=True)
    except OSError as error:
        raise MaskGateError(f"data folder {out}: cannot be made ({error.strerror})") from error
    return folder


def _download(out: Path) -> Path:
    import kagglehub
    import requests
    from kagglehub import exceptions

    refusals = (
        exceptions.BackendError,
        exceptions.CredentialError,
        exceptions.DataCorruptionError,
        exceptions.KaggleEnvironmentError,
        exceptions.NotFoundError,
        exceptions.UnauthenticatedError,
        OSError,  # those of the network and of the disk
        ValueError,  # a kaggle.json that is none
        zipfile.BadZipFile,
    )
    try:
        # kagglehub's first request waits without end where a network swallows it: ask first.
        requests.head(_SITE, timeout=_PATIENCE)
        return Path(kagglehub.dataset_download(HANDLE))
    except refusals as error:
        raise MaskGateError(
            f"dataset {HANDLE}: cannot be fetched ({_first_line(error)}); put kaggle.json from "
            "https://www.kaggle.com/settings into ~/.kaggle, or set KAGGLE_API_TOKEN, or "
            "KAGGLE_USERNAME and KAGGLE_KEY; or download it by browser from "
            f"https://www.kaggle.com/datasets/{HANDLE} and unpack it into {out}"
        ) from error


def _first_line(error: Exception) -> str:
    """What went wrong, without the stack of causes that network errors carry."""
    text = str(getattr(getattr(error, "args", [""])[0], "reason", error)) or type(error).__name__
    return text.strip().splitlines()[0][:200]
