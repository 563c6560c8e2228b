"""Run training workers as tasks of one Spark stage, all at once (barrier mode).

spark-tensorflow-distributor sets TF_CONFIG in each task.
"""

import os
import subprocess

from sentiment.errors import UnavailableError
from sentiment.spark.session import first_reason, spark_session
from sentiment.utils.paths import HOME_VARIABLE, find_project


def run(command: list[str], workers: int, master: str) -> int:
    """Run `command` in `workers` tasks, print the output of the first; return its exit status.

    A task that is killed ends the others; the same command with --resume continues. Raises
    UnavailableError if Spark or the distributor is missing, or has too few slots.
    """
    with spark_session(master, ship=False):
        try:
            from spark_tensorflow_distributor import MirroredStrategyRunner
        except ImportError as error:
            raise UnavailableError(
                "training on Spark needs spark-tensorflow-distributor, which is not installed",
                hint='pip install "sentiment-rnn[spark]"',
            ) from error
        home = str(find_project().root)

        def task() -> tuple[int, str]:
            environment = os.environ | {HOME_VARIABLE: home}
            process = subprocess.run(command, env=environment, capture_output=True, text=True)
            return process.returncode, process.stdout + process.stderr

        # The runner uses the session that is open.
        runner = MirroredStrategyRunner(
            num_slots=workers, local_mode=False, use_gpu=False, use_custom_strategy=True
        )
        try:
            status, output = runner.run(task)
        except Exception as error:
            raise UnavailableError(
                f"training on Spark failed: {first_reason(error)}",
                hint="the same command with --resume last",
            ) from error
    print(output, end="")
    return status
