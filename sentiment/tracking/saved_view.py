"""Save a view of an experiment in MLflow that shows which run is best, and why runs differ.

MLflow keeps a view as JSON in a tag of the experiment. Its pages list it under "Views", and a link
may name it. The table has the runs with the best one first; its charts have the settings and
metrics that differ, the hidden states of all runs before and after training, and the curves.
"""

import json
from typing import Any

from sentiment.tracking import metric_names

KEY = "compare"  # the view's name in links
TAG = f"mlflow.sharedViewState.{KEY}"
HIDDEN_STATES = "hidden_states_before_and_after"  # a series of images with one step, 0

_COLUMNS = {
    f"metrics.`{metric_names.TEST_ACCURACY}`": 115,
    "params.`recipe`": 80,
    "params.`readout`": 80,
    "params.`seed`": 60,
    "params.`units`": 60,
    f"metrics.`{metric_names.BEST}{metric_names.VALIDATION_LOSS}`": 150,
}  # and their widths in pixels: the first four fit on a small screen
_RUN_NAME = "attributes.`Run Name`"
_RUN_NAME_WIDTH = 350
_CURVES = (
    metric_names.VALIDATION_LOSS,
    metric_names.VALIDATION_ACCURACY,
    metric_names.TRAIN_LOSS,
)


def content() -> str:
    """Return the value of the tag."""
    state = _search() | _table() | _charts()
    view = {"name": "Compare runs", "createdAt": 0, "updatedAt": 0, "state": json.dumps(state)}
    return json.dumps(view)


def _search() -> dict[str, Any]:
    """Return which runs are shown: all, the most accurate first."""
    return {
        "searchFilter": "",
        "orderByKey": f"metrics.`{metric_names.TEST_ACCURACY}`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
    }


def _table() -> dict[str, Any]:
    """Return the columns of the table and their widths."""
    return {
        "selectedColumns": list(_COLUMNS),
        "columnOrder": [_RUN_NAME, *_COLUMNS],
        "columnWidths": {_RUN_NAME: _RUN_NAME_WIDTH, **_COLUMNS},
    }


def _charts() -> dict[str, Any]:
    """Return the charts, in two sections; MLflow adds those of all other metrics below."""
    first, second = "compare", "curves"
    difference = _card(
        "differences",
        first,
        "DIFFERENCE",
        compareGroups=["Parameters", "Model metrics"],
        chartName="Why do runs differ?",
        showChangeFromBaseline=False,
        showDifferencesOnly=True,
        baselineColumnUuid="",
    )
    states = _card("states", first, "IMAGE", imageKeys=[HIDDEN_STATES], step=0, showRunParams=False)
    return {
        "compareRunCharts": [difference, states, *(_curve(name, second) for name in _CURVES)],
        "compareRunSections": [
            _section(first, "How runs differ, and what the hidden states did", 2, 460),
            _section(second, "Curves", 3, 360),
        ],
        "isAccordionReordered": True,
        "runListHidden": True,  # the table is one click away
        "viewMaximized": True,
    }


def _card(name: str, section: str, kind: str, **settings: Any) -> dict[str, Any]:
    return {
        "uuid": name,
        "type": kind,
        "metricSectionId": section,
        "runsCountToCompare": 10,
        "deleted": False,
        "isGenerated": False,
        **settings,
    }


def _curve(metric: str, section: str) -> dict[str, Any]:
    return _card(
        metric,
        section,
        "LINE",
        metricKey=metric,
        selectedMetricKeys=[metric],
        displayName=metric,
        lineSmoothness=0,
        xAxisScaleType="linear",
        scaleType="linear",
        range={},
        xAxisKey="step",
        selectedXAxisMetricKey="",
        yAxisKey="metric",
        yAxisExpressions=[],
        ignoreOutliers=False,
        useGlobalXaxisKey=True,
        useGlobalLineSmoothing=True,
    )


def _section(name: str, title: str, columns: int, height: int) -> dict[str, Any]:
    return {
        "uuid": name,
        "name": title,
        "display": True,
        "isReordered": True,
        "deleted": False,
        "isGenerated": False,
        "columns": columns,
        "cardHeight": height,
    }
