"""The subcommands that put a trained network to use."""

import argparse
import sys
from pathlib import Path

from bes.commands.arguments import add_device, add_network, add_out, add_threads
from bes.options.flags import add_flags, given_in
from bes.stages.predictions import PredictionOptions
from bes.stages.segmentation_maps import SegmentationMapOptions
from bes.storage.progress import heartbeat
from bes.storage.words import counted


class PredictCommand:
    """A folder of photographs -> labels."""

    summary = "apply a trained segmentation network to a folder of photographs"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        parser.add_argument(
            "folder", type=Path, metavar="FOLDER", help="photographs, in subfolders if you like"
        )
        add_out(parser)
        add_network(parser)
        parser.add_argument(
            "--labels",
            type=Path,
            metavar="FILE",
            help="which classes each photograph shows, a table as datasets have it; others are "
            "left out (default: not known)",
        )
        parser.add_argument(
            "--overlays", action="store_true", help="also write each photograph under its label"
        )
        parser.add_argument(
            "--probabilities",
            action="store_true",
            help="also write the probabilities of the labels, as `bes segmentation_maps` does",
        )
        add_device(parser)
        add_threads(parser)
        for options in (SegmentationMapOptions, PredictionOptions):
            add_flags(parser, options, documented=documented, given=True)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`; ends with status 1 if a photograph could not be read."""
        from bes.predict.run import predict
        from bes.predict.trained import find_network, read_trained

        given = given_in(args, SegmentationMapOptions) | given_in(args, PredictionOptions)
        trained = read_trained(find_network(args.network)).with_options(given)
        with heartbeat(f"reading {args.folder}"):
            done = predict(
                args.folder,
                out=args.out,
                trained=trained,
                kinds=[
                    "labels",
                    *(["overlays"] if args.overlays else []),
                    *(["probabilities"] if args.probabilities else []),
                ],
                labels=args.labels,
                device=args.device,
                threads=args.threads,
            )
        print(
            f"{counted(done.computed, 'photograph')} predicted, {done.unchanged} as they were, "
            f"{done.failed} failed: {args.out / 'labels'}"
        )
        if done.failed:
            sys.stdout.flush()
            raise SystemExit(1)


class ExportNetworkCommand:
    """A trained network -> a file for programs without this package."""

    summary = "write a trained segmentation network as ONNX or torch.export, with a model card"

    def configure(self, parser: argparse.ArgumentParser, *, documented: bool) -> None:
        """See `Command`."""
        parser.add_argument(
            "--format", choices=("onnx", "torch-export"), required=True, help="kind of file"
        )
        add_network(parser)
        add_out(parser)
        add_threads(parser)

    def run(self, args: argparse.Namespace) -> None:
        """See `Command`."""
        from bes.predict.export_network import export_network
        from bes.predict.trained import find_network, read_trained

        trained = read_trained(find_network(args.network))
        with heartbeat("loading the network"):
            export_network(trained, format=args.format, out=args.out, threads=args.threads)
