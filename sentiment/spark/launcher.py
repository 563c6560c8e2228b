"""Processes that train together, as tasks of one stage of Spark's that run all at once.

Knows Spark's barrier mode through spark-tensorflow-distributor, which sets TF_CONFIG in each task;
knows nothing of training.
"""

import os
import subprocess
from pathlib import Path

from sentiment.errors import UnavailableError
from sentiment.spark.session import first_reason, spark_session


def run(command: list[str], workers: int, master: str) -> int:
    """Run `command` in `workers` tasks and print what the first says; return its exit status.

    A task that is killed ends the others: the same command with --resume goes on. Raises
    UnavailableError where Spark or the distributor is missing, or has too few slots.
    """
    with spark_session(master, ship=False):
        try:
            from spark_tensorflow_distributor import MirroredStrategyRunner
        except ImportError as error:
            raise UnavailableError(
                "training on Spark needs spark-tensorflow-distributor, which is not installed",
                hint='pip install "sentiment[spark]"',
            ) from error
        home = os.environ.get("SENTIMENT_HOME") or str(Path.cwd())

        def work() -> tuple[int, str]:
            environment = os.environ | {"SENTIMENT_HOME": home}
            ended = subprocess.run(command, env=environment, capture_output=True, text=True)
            return ended.returncode, ended.stdout + ended.stderr

        # It finds the session that is there.
        runner = MirroredStrategyRunner(
            num_slots=workers, local_mode=False, use_gpu=False, use_custom_strategy=True
        )
        try:
            status, said = runner.run(work)
        except Exception as error:
            raise UnavailableError(
                f"training on Spark has ended: {first_reason(error)}",
                hint="the same with --resume last",
            ) from error
    print(said, end="")
    return status
