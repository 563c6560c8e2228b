"""Choose the settings of trials with Optuna, and record their results in a file.

One process at a time uses the file of a study. Trials in other processes send it their results.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentiment.errors import DamagedFileError, UnavailableError
from sentiment.experiments.search_space import Choices, Range, SearchSpace, Value
from sentiment.utils.progress import EpochMetrics

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

RUNNING, COMPLETE, PRUNED, FAILED = "RUNNING", "COMPLETE", "PRUNED", "FAIL"  # Optuna's states
_WAITING = "WAITING"
_STUDY_NAME = "sweep"
_RETRY = "again"  # attribute of a trial with the settings of a lost one
_DROPPED = "dropped"  # attribute of a trial that never ran, as its settings were tried before
_MAX_DRAWS = 20  # of one trial; a space of few settings may have no others left
_UNPRUNED_TRIALS = 5  # trials that run to their end before any is pruned
_IMAGES = {
    "history": "plot_optimization_history",
    "parallel_coordinates": "plot_parallel_coordinate",
    "importance": "plot_param_importances",
}
Prune = Callable[[EpochMetrics], bool]


@dataclass(frozen=True)
class Trial:
    """Settings that were tried, and their result.

    losses: the validation loss by epoch; loss: the lowest, None unless the trial is complete;
    same_as: number of an earlier trial with the same settings, if no others were found.
    """

    number: int
    state: str
    values: dict[str, Value]
    losses: dict[int, float]
    loss: float | None
    same_as: int | None = None


def open_study(path: Path, space: SearchSpace, seed: int) -> "Study":
    """Return the study in the file `path`, created if it is missing.

    Raises UnavailableError if Optuna is not installed, and DamagedFileError.
    """
    optuna = import_optuna()
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    try:
        study = optuna.create_study(
            study_name=_STUDY_NAME,
            storage=optuna.storages.JournalStorage(backend),
            pruner=pruner(),
            load_if_exists=True,
        )
        study.sampler = sampler(next_seed(study, seed), constant_liar=True)
    except (ValueError, KeyError) as error:
        raise DamagedFileError(f"{path} can't be read: {error}", hint="sentiment sweep") from error
    return Study(study, space)


def sampler(seed: int, *, constant_liar: bool) -> Any:
    """Return the sampler of settings: multivariate TPE (Bergstra et al. 2011).

    constant_liar: treat running trials as bad ones, so that trials at the same time do not have
    similar settings. It is not for a tracking store: a running trial there may be half written.
    """
    return import_optuna().samplers.TPESampler(
        seed=seed, multivariate=True, constant_liar=constant_liar
    )


def next_seed(study: Any, seed: int) -> int:
    """Return the seed of the settings that `study` draws next, in a sweep with the seed `seed`.

    It depends on the number of trials so far: with the same seed again, a resumed sweep would draw
    the settings that it has tried.
    """
    trials = len(study.get_trials(deepcopy=False))
    return int(np.random.SeedSequence([seed, trials]).generate_state(1)[0]) if trials else seed


def pruner() -> Any:
    """Return the pruner: it stops a trial that is worse than the median of others at its epoch."""
    return import_optuna().pruners.MedianPruner(n_startup_trials=_UNPRUNED_TRIALS)


def objective(
    space: SearchSpace, train: Callable[[dict[str, Value], Prune], float | None]
) -> Callable[[Any], float]:
    """Return the objective that Optuna calls with a trial, for trials in other processes.

    train: runs a training with settings, and returns its lowest validation loss. After each epoch
    it calls its second argument, ends if that returns True, and then returns None.
    """

    def run_trial(trial: Any) -> float:
        values = {name: _suggest(trial, name, domain) for (_, name), domain in domains.items()}

        def should_prune(metrics: EpochMetrics) -> bool:
            trial.report(metrics.validation_loss, metrics.epoch)
            return trial.should_prune()

        loss = train(values, should_prune)
        if loss is None:
            raise import_optuna().TrialPruned
        return loss

    domains = space.settings
    return run_trial


def _suggest(trial: Any, name: str, domain: Range | Choices) -> Value:
    if isinstance(domain, Choices):
        return trial.suggest_categorical(name, domain.values)
    suggest = trial.suggest_int if domain.is_integer else trial.suggest_float
    return suggest(name, domain.low, domain.high, log=domain.log)


class Study:
    """The trials of one sweep, recorded by Optuna, which minimizes their losses."""

    def __init__(self, study: Any, space: SearchSpace):
        self._optuna, self._study = import_optuna(), study
        self._distributions = {
            name: _distribution(self._optuna, domain)
            for (_, name), domain in space.settings.items()
        }
        self._asked: dict[int, Any] = {}

    def enqueue(self, values: dict[str, Value]) -> None:
        """Make `values` the settings of a coming trial."""
        self._study.enqueue_trial(values)

    def ask(self) -> Trial:
        """Return a new trial with settings to try.

        Settings that were tried are drawn anew. A retry has the settings of the lost trial.
        """
        for draw in range(1, _MAX_DRAWS + 1):
            trial = self._study.ask(self._distributions)
            same_as = None if trial.user_attrs.get(_RETRY) else self._same_as(trial)
            if same_as is None or draw == _MAX_DRAWS:
                break
            trial.set_user_attr(_DROPPED, True)
            self.tell(trial.number, FAILED)
        self._asked[trial.number] = trial
        return Trial(trial.number, RUNNING, dict(trial.params), {}, None, same_as)

    def _same_as(self, trial: Any) -> int | None:
        """Return the number of another trial with the settings of `trial`, or None."""
        others = (other for other in self._frozen() if other.number != trial.number)
        return next((other.number for other in others if other.params == trial.params), None)

    def report(self, number: int, epoch: int, loss: float) -> bool:
        """Record a trial's validation loss after an epoch; return True if it should be pruned.

        That is so if its lowest loss is above the median of those of other trials at that epoch.
        """
        trial = self._asked[number]
        trial.report(loss, epoch)
        return trial.should_prune()

    def tell(self, number: int, state: str, loss: float | None = None) -> None:
        """End a trial."""
        self._asked.pop(number, None)
        self._study.tell(number, loss, state=self._optuna.trial.TrialState[state])

    def retry_lost(self, number: int) -> bool:
        """End a trial whose process is gone; return True if its settings will be retried.

        They are retried once: settings that end their process, for lack of memory for example,
        would do so every time.
        """
        trial = self._study.trials[number]
        self.tell(number, FAILED)
        if trial.user_attrs.get(_RETRY):
            return False
        self._study.enqueue_trial(trial.params, user_attrs={_RETRY: True})
        return True

    def running(self) -> list[int]:
        """Return the numbers of the trials that have not ended."""
        # Not from `trials`: a trial that was interrupted at its start may have no settings yet.
        return [trial.number for trial in self._frozen() if trial.state.name == RUNNING]

    @property
    def waiting(self) -> int:
        """The number of trials with settings that no process has started yet."""
        return sum(trial.state.name == _WAITING for trial in self._frozen())

    def needs_trial(self, total: int) -> bool:
        """Return True if another trial has to start to have `total` trials, without retries."""
        if self.waiting:
            return True
        return sum(not trial.user_attrs.get(_RETRY) for trial in self._frozen()) < total

    def trials(self) -> list[Trial]:
        """Return all trials with settings, by number."""
        return [_trial(trial) for trial in self._frozen() if trial.params]

    def best(self) -> Trial | None:
        """Return the trial with the lowest loss; None if none is complete."""
        complete = [trial for trial in self.trials() if trial.loss is not None]
        return min(complete, key=lambda trial: trial.loss or 0.0, default=None)

    def importances(self) -> dict[str, float]:
        """Return the importance of each setting as a share of 1, the largest first.

        Measured by PED-ANOVA (Watanabe, Bansal & Hutter 2023). Empty if fewer than two trials are
        complete.
        """
        if sum(trial.loss is not None for trial in self.trials()) < 2:
            return {}
        importances = self._optuna.importance.get_param_importances(
            self._study, evaluator=self._optuna.importance.PedAnovaImportanceEvaluator()
        )
        return {name: float(share) for name, share in importances.items()}

    def images(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield plots of history, parallel coordinates and importances, uint8 (height, width, 3).

        Yield nothing if there are no importances.
        """
        os.environ["MPLBACKEND"] = "Agg"  # Optuna draws with pyplot, which would look for a screen
        if not self.importances():
            return
        from optuna.visualization import matplotlib as plots

        for name, function in _IMAGES.items():
            figure = getattr(plots, function)(self._study).figure
            figure.set_size_inches(11, 6)
            for axes in figure.axes:  # grids of parallel axes would overlap
                axes.grid(visible=False)
                axes.set_facecolor("white")
            figure.tight_layout()
            figure.canvas.draw()
            yield name, np.asarray(figure.canvas.buffer_rgba())[:, :, :3].copy()

    def _frozen(self) -> list["FrozenTrial"]:
        """Return Optuna's record of the trials that ran, run or will run."""
        trials = self._study.get_trials(deepcopy=False)
        return [trial for trial in trials if not trial.user_attrs.get(_DROPPED)]


def import_optuna() -> Any:
    """Return Optuna; raise UnavailableError if it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise UnavailableError(
            "a sweep needs Optuna, which is not installed",
            hint='pip install "sentiment-rnn[sweep]"',
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _distribution(optuna: Any, domain: Range | Choices) -> Any:
    if isinstance(domain, Choices):
        return optuna.distributions.CategoricalDistribution(domain.values)
    if domain.is_integer:
        return optuna.distributions.IntDistribution(domain.low, domain.high, log=domain.log)
    return optuna.distributions.FloatDistribution(domain.low, domain.high, log=domain.log)


def _trial(frozen: "FrozenTrial") -> Trial:
    return Trial(
        frozen.number,
        frozen.state.name,
        dict(frozen.params),
        dict(frozen.intermediate_values),
        frozen.value if frozen.state.name == COMPLETE else None,
    )
