"""Which settings to try next, and what came of those that were tried, kept in a file.

Knows Optuna, which is imported here alone; knows nothing of training or of who runs the trials.
A study in a file is touched by one process at a time: whoever runs trials elsewhere asks that one.
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
_NAME = "sweep"
_AGAIN = "again"  # marks a trial with the settings of one that was lost
_BEFORE_PRUNING = 5  # trials that go on to their end whatever they come to
_PICTURES = {
    "history": "plot_optimization_history",
    "parallel_coordinates": "plot_parallel_coordinate",
    "importance": "plot_param_importances",
}


@dataclass(frozen=True)
class Trial:
    """Settings that were tried: `losses` of validation by step, `loss` what they came to."""

    number: int
    state: str
    values: dict[str, Value]
    losses: dict[int, float]
    loss: float | None


def open_study(path: Path, space: SearchSpace, seed: int) -> "Study":
    """Return the study in the file `path`, a new one where there is none.

    Raises UnavailableError where Optuna is missing, and DamagedFileError.
    """
    optuna = import_optuna()
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    try:
        study = optuna.create_study(
            study_name=_NAME,
            storage=optuna.storages.JournalStorage(backend),
            sampler=sampler(seed, lie=True),
            pruner=pruner(),
            load_if_exists=True,
        )
    except (ValueError, KeyError) as error:
        raise DamagedFileError(f"{path} can't be read: {error}", hint="sentiment sweep") from error
    return Study(study, space)


def sampler(seed: int, *, lie: bool) -> Any:
    """Return what chooses settings: TPE (Bergstra et al. 2011), over all settings jointly.

    lie: take trials that are under way for bad ones, so that several at once are not near one
    another. Not where their settings may be half written, as in a tracking store.
    """
    return import_optuna().samplers.TPESampler(seed=seed, multivariate=True, constant_liar=lie)


def pruner() -> Any:
    """Return what gives up on a trial: it is below the median of those before at its epoch."""
    return import_optuna().pruners.MedianPruner(n_startup_trials=_BEFORE_PRUNING)


def objective(
    space: SearchSpace,
    train: Callable[[dict[str, Value], Callable[[EpochMetrics], bool]], float | None],
) -> Callable[[Any], float]:
    """Return `train`, of settings and who ends it early, as Optuna calls it in other processes."""

    def tried(trial: Any) -> float:
        values = {name: _suggested(trial, name, domain) for (_, name), domain in domains.items()}

        def hopeless(report: EpochMetrics) -> bool:
            trial.report(report.validation_loss, report.epoch)
            return trial.should_prune()

        loss = train(values, hopeless)
        if loss is None:
            raise import_optuna().TrialPruned
        return loss

    domains = space.settings
    return tried


def _suggested(trial: Any, name: str, domain: Range | Choices) -> Value:
    if isinstance(domain, Choices):
        return trial.suggest_categorical(name, domain.values)
    suggest = trial.suggest_int if domain.whole else trial.suggest_float
    return suggest(name, domain.low, domain.high, log=domain.log)


class Study:
    """The trials of one sweep, as Optuna keeps them. Losses are minimised."""

    def __init__(self, study: Any, space: SearchSpace):
        self._optuna, self._study = import_optuna(), study
        self._distributions = {
            name: _distribution(self._optuna, domain)
            for (_, name), domain in space.settings.items()
        }
        self._asked: dict[int, Any] = {}

    def first(self, values: dict[str, Value]) -> None:
        """Have `values` tried before any others."""
        self._study.enqueue_trial(values)

    def ask(self) -> Trial:
        """Return settings to try."""
        trial = self._study.ask(self._distributions)
        self._asked[trial.number] = trial
        return Trial(trial.number, RUNNING, dict(trial.params), {}, None)

    def report(self, number: int, step: int, loss: float) -> bool:
        """Keep the validation loss of a trial after `step`; tell whether it is hopeless.

        It is where its lowest loss is above the median of what others had come to by that step.
        """
        trial = self._asked[number]
        trial.report(loss, step)
        return trial.should_prune()

    def tell(self, number: int, state: str, loss: float | None = None) -> None:
        """End a trial."""
        self._asked.pop(number, None)
        self._study.tell(number, loss, state=self._optuna.trial.TrialState[state])

    def give_back(self, number: int) -> bool:
        """End a trial that nobody runs any more; return whether its settings are tried again.

        They are once: settings that end their process, for want of memory, would do so for ever.
        """
        lost = self._study.trials[number]
        self.tell(number, FAILED)
        if lost.user_attrs.get(_AGAIN):
            return False
        self._study.enqueue_trial(lost.params, user_attrs={_AGAIN: True})
        return True

    def running(self) -> list[int]:
        """Return the numbers of the trials that have not ended."""
        # Of one that was broken off as it began there may be no settings yet.
        trials = self._study.get_trials(deepcopy=False)
        return [trial.number for trial in trials if trial.state.name == RUNNING]

    @property
    def waiting(self) -> int:
        """The number of trials whose settings are there and that nobody runs yet."""
        trials = self._study.get_trials(deepcopy=False)
        return sum(trial.state.name == "WAITING" for trial in trials)

    def wants_more(self, wanted: int) -> bool:
        """Tell whether another trial is to begin, where `wanted` are in all."""
        if self.waiting:
            return True
        trials = self._study.get_trials(deepcopy=False)
        return sum(not trial.user_attrs.get(_AGAIN) for trial in trials) < wanted

    def trials(self) -> list[Trial]:
        """Return all trials by number."""
        return [_told(trial) for trial in self._study.get_trials(deepcopy=False) if trial.params]

    def best(self) -> Trial | None:
        """Return the trial with the lowest loss; None where none has ended."""
        ended = [trial for trial in self.trials() if trial.loss is not None]
        return min(ended, key=lambda trial: trial.loss or 0.0, default=None)

    def importances(self) -> dict[str, float]:
        """Return how much each setting matters, as shares of 1, the largest first.

        By PED-ANOVA (Watanabe, Bansal & Hutter 2023). Empty where fewer than two trials have ended.
        """
        if sum(trial.loss is not None for trial in self.trials()) < 2:
            return {}
        found = self._optuna.importance.get_param_importances(
            self._study, evaluator=self._optuna.importance.PedAnovaImportanceEvaluator()
        )
        return {name: float(share) for name, share in found.items()}

    def pictures(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the history, parallel coordinates and importances as uint8 (height, width, 3)."""
        os.environ["MPLBACKEND"] = "Agg"  # Optuna draws with pyplot, which would look for a screen
        if len(self.importances()) < 1:
            return
        from optuna.visualization import matplotlib as drawings

        for name, function in _PICTURES.items():
            axes = getattr(drawings, function)(self._study)
            figure = axes.figure
            figure.set_size_inches(11, 6)
            for one in figure.axes:  # parallel ones would lay their grids over one another
                one.grid(visible=False)
                one.set_facecolor("white")
            figure.tight_layout()
            figure.canvas.draw()
            yield name, np.asarray(figure.canvas.buffer_rgba())[:, :, :3].copy()


def import_optuna() -> Any:
    """Return Optuna; raise UnavailableError where it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise UnavailableError(
            "a sweep needs Optuna, which is not installed",
            hint='pip install "sentiment[sweep]"',
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _distribution(optuna: Any, domain: Range | Choices) -> Any:
    if isinstance(domain, Choices):
        return optuna.distributions.CategoricalDistribution(domain.values)
    whole = optuna.distributions.IntDistribution
    kind = whole if domain.whole else optuna.distributions.FloatDistribution
    return kind(domain.low, domain.high, log=domain.log)


def _told(trial: "FrozenTrial") -> Trial:
    return Trial(
        trial.number,
        trial.state.name,
        dict(trial.params),
        dict(trial.intermediate_values),
        trial.value if trial.state.name == COMPLETE else None,
    )
