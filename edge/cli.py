"""The command `maskgate`: what the device does, from the command line."""

import faulthandler
import sys
import time
from functools import partial
from math import isnan
from pathlib import Path
from typing import Literal

import click

from edge import __version__
from edge.config import Detector, Settings
from edge.errors import STDERR, CommandGroup, MaskGateError
from edge.health.logs import set_up_logging
from edge.loading import load_settings

PATH = click.Path(path_type=Path)
config_option = click.option(
    "--config", type=PATH, help="Settings (TOML); the defaults when not given."
)
seconds_option = click.option(
    "--seconds",
    type=click.FloatRange(0, 10**9),
    callback=lambda _context, _option, seconds: _real(seconds),
    help="End after so many seconds.",
)
broker_option = click.option(
    "--broker", metavar="URL", help="mqtt://[user@]host[:port] or mqtts://…"
)


@click.group(cls=CommandGroup)
@click.version_option(__version__, prog_name="maskgate")
def main() -> None:
    """Watch an entrance: find faces, tell who wears a mask, alert over MQTT."""
    set_up_logging()


@main.command()
@config_option
@click.option(
    "--source",
    metavar="SRC",
    help="demo; a video, GIF, picture or folder of pictures; 0 or /dev/video0; rtsp://…; "
    "picamera2.",
)
@broker_option
@click.option(
    "--once", is_flag=True, help="Process every frame, and end when the source and alerts have."
)
@seconds_option
@click.option("--view", is_flag=True, help="Serve the live view, as [view] says.")
@click.option("--save", type=PATH, metavar="OUT.mp4", help="Record what was seen as a video.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def run(
    *,
    config: Path | None,
    source: str | None,
    broker: str | None,
    once: bool,
    seconds: float | None,
    view: bool,
    save: Path | None,
    as_json: bool,
) -> None:
    """Watch a source and send an alert for everyone who comes in without a mask."""
    from edge.health.brake import Brake
    from edge.health.systemd import Systemd
    from edge.watch.job import watch

    # What crashes or is killed by the watchdog says where each thread was.
    faulthandler.enable(STDERR)
    Brake(Systemd()).wait(time.sleep)
    read = partial(load_settings, config, _given(broker=broker, view=view), source=source)
    watch(read(), once=once, seconds=seconds, save=save, as_json=as_json, reread=read)


@main.command()
@click.argument("paths", nargs=-1, required=True, type=PATH)
@config_option
@click.option("--out", required=True, type=PATH, help="The CSV to write.")
@click.option("--crops", is_flag=True, help="Each picture is one face already.")
def predict(*, paths: tuple[Path, ...], config: Path | None, out: Path, crops: bool) -> None:
    """Find and classify the faces in pictures; a CSV with a row for each."""
    from edge.predict import PHOTO_DETECTOR
    from edge.predict import predict as predict_pictures

    settings = _with_updates(config)
    given = settings.detector.model_dump(exclude_unset=True)
    detector = Detector(**{**PHOTO_DETECTOR, **given})
    settings = settings.model_copy(update={"detector": detector})
    done = predict_pictures(paths, out, settings, crops=crops)
    click.echo(f"{out}: {done.faces} faces in {done.pictures} pictures", err=True)
    if done.unreadable:
        click.echo(f"{done.unreadable} pictures could not be read, see above", err=True)
        sys.exit(2)


@main.command()
@config_option
def check(*, config: Path | None) -> None:
    """Check the settings and the files and cameras that they name; say all that is wrong at once.

    Ends with code 2 if something is; what may be right later is a warning.
    """
    from edge.check import check as look_over

    report = look_over(config)
    for warning in report.warnings:
        click.echo(f"Warning: {warning}", err=True)
    if report.faults:
        raise MaskGateError("\n".join(report.faults))
    click.echo(f"{config or 'the defaults'}: all right")


@main.group()
def config() -> None:
    """Look at the settings."""


@config.command(name="example")
def config_example() -> None:
    """Print all settings, commented, as a file to begin with."""
    from edge.config.example import example

    click.echo(example(), nl=False)


@main.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def probe(*, config: Path | None, as_json: bool) -> None:
    """Measure what the nets run fastest on here, remember it, and show the table."""
    from edge.probe import probe as probing

    settings = _with_updates(config)
    found = probing.probe(settings)
    if as_json:
        probing.print_json(found)
    else:
        probing.print_probed(found, settings)


@main.command()
@config_option
@click.option(
    "--bundle", type=PATH, help="The bundle to time; the settings' bundles when not given."
)
@click.option(
    "--threads",
    type=click.IntRange(1, 16),
    multiple=True,
    help="CPU threads; may be given several times. 1, 2 and 4 when not given, as far as there are "
    "cores.",
)
def bench(*, config: Path | None, bundle: Path | None, threads: tuple[int, ...]) -> None:
    """Time every form of a bundle on the CPU of this device."""
    from edge.finder import detector_bundle
    from edge.probe import bench as benching
    from edge.trust.gate import load_trusted

    settings = _with_updates(config)
    if bundle:
        bundles = [load_trusted(bundle, settings)]
    else:
        nets, judging = detector_bundle(settings), settings.classifier.bundle
        bundles = [*([nets] if nets else []), load_trusted(judging, settings)]
    for loaded in bundles:
        timed = benching.bench(loaded, settings, threads or benching.usual_threads())
        benching.print_timed(loaded, settings, timed)
    benching.print_place()


@main.command()
@broker_option
@config_option
@seconds_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def subscribe(
    *, broker: str | None, config: Path | None, seconds: float | None, as_json: bool
) -> None:
    """Show the alerts of all devices at a broker as they come."""
    from edge.mqtt.subscribe import subscribe as show_alerts

    settings = load_settings(config, _given(broker=broker))
    show_alerts(settings.broker, as_json=as_json, seconds=seconds)


@main.group()
def discovery() -> None:
    """What Home Assistant knows of this device."""


@discovery.command("remove")
@broker_option
@config_option
def discovery_remove(*, broker: str | None, config: Path | None) -> None:
    """Have Home Assistant forget this device."""
    from edge.home_assistant.discovery import remove

    settings = load_settings(config, _given(broker=broker))
    topic = remove(settings.home_assistant, settings.broker, settings.device)
    click.echo(f"{topic}: cleared")
    if settings.home_assistant.discovery:
        click.echo(
            "home_assistant.discovery is still on: the device comes back when it next connects",
            err=True,
        )


@main.group()
def bundle() -> None:
    """Look at model bundles."""


@bundle.command()
@click.argument("bundle", type=PATH)
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(*, bundle: Path, config: Path | None, as_json: bool) -> None:
    """Show what a bundle is, whether it is intact, and whether this device would run it."""
    from edge.show.bundle_table import print_json, print_table
    from edge.trust.inspection import inspect_bundle

    found = inspect_bundle(bundle, load_settings(config))
    (print_json if as_json else print_table)(found)
    if found.faults:
        raise MaskGateError("\n".join(found.faults))


@bundle.command(name="list")
@config_option
def list_bundles(*, config: Path | None) -> None:
    """List the bundles that run, and those to go back to."""
    from edge.show.updates_table import print_updates

    print_updates(load_settings(config))


@main.command()
@click.argument("source", required=False)
@config_option
@click.option(
    "--back",
    metavar="[detector|classifier]",
    type=click.Choice(["", "detector", "classifier"]),
    is_flag=False,
    flag_value="",
    help="Go back to what ran before the last update.",
)
def update(
    *,
    source: str | None,
    config: Path | None,
    back: Literal["", "detector", "classifier"] | None,
) -> None:
    """Put a signed bundle in place of the one that runs.

    SOURCE is an https:// URL or a file; updates.url when not given.
    """
    from edge.show.download_bar import DownloadBar
    from edge.updates.update import go_back
    from edge.updates.update import update as renew

    if source is not None and back is not None:
        raise click.UsageError("give either a SOURCE or --back")
    settings = load_settings(config)
    if back is not None:
        click.echo(go_back(settings, back or None))
    else:
        with DownloadBar() as bar:
            done = renew(source, settings, bar.show)
        click.echo(done)
    click.echo("it runs from the next start or reload on", err=True)


def _with_updates(config: Path | None) -> Settings:
    """The settings with the bundles that run in place of those that they name."""
    from edge.updates.current import with_updates

    return with_updates(load_settings(config))


def _real(seconds: float | None) -> float | None:
    """Refuse what is no number: it is neither more nor less than any limit."""
    if seconds is not None and isnan(seconds):
        raise click.BadParameter("nan is no number of seconds")
    return seconds


def _given(*, broker: str | None, view: bool = False) -> dict[str, tuple[str, str, object]]:
    """Say which settings the command line gives, by option."""
    options: dict[str, tuple[str, str, object]] = {
        "--broker": ("broker", "url", broker),
        "--view": ("view", "enabled", view or None),
    }
    return {name: option for name, option in options.items() if option[2] is not None}
