"""The names of tags, and those that they had in earlier versions.

MLflow's pages hide tags that begin with `mlflow.`: those below are for this program. All others
are for people.
"""

from collections.abc import Mapping

_HIDDEN = "mlflow.sentiment."
PROCESS = f"{_HIDDEN}process"  # the process that writes the run, see process.py
QUEUE = f"{_HIDDEN}queue"  # the id of the queue from which the run was created
BEST_MODEL = f"{_HIDDEN}best_model"  # the id of the logged model of the best epoch
NOTE = "mlflow.note.content"  # the description, which MLflow's pages show

MODEL = "model"  # the name of the model's folder, and of the run before an evaluation
HOST = "host"
COMMAND = "command"  # repeats the training
BEST_EPOCH = "best_epoch"
FAILURE = "failure"
DIAGNOSIS = "diagnosis"

FORMER = {PROCESS: "process", QUEUE: "sentiment.spool", BEST_MODEL: "model_id"}


def accuracy_tag(reviews: str) -> str:
    """Return the tag with the accuracy on `reviews`, such as test, and its interval."""
    return f"{reviews}_accuracy"


def with_present_names(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a run with present names in the place of former ones."""
    renamed = {former: name for name, former in FORMER.items()}
    return {renamed.get(name, name): text for name, text in tags.items()} | {
        name: text for name, text in tags.items() if name in FORMER
    }
