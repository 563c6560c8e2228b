"""Options that several commands share.

Knows Typer; knows nothing of what the commands do.
"""

from typing import Annotated

import typer

ModelOption = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER|RUN|models:/…",
        help="a model's folder, the name of its run, or models:/sentiment@champion; else "
        "SENTIMENT_MODEL, the newest, the one in the box",
    ),
]
HostOption = Annotated[
    str, typer.Option(metavar="ADDRESS", help="address to listen on; 0.0.0.0 lets others in")
]
ExperimentOption = Annotated[
    str, typer.Option(envvar="MLFLOW_EXPERIMENT_NAME", help="MLflow experiment of the runs")
]
