"""Read any text data set of TensorFlow Datasets: `tfds:NAME` or `tfds:NAME/CONFIG:VERSION`."""

import urllib.error
import urllib.request
from typing import Any

from sentiment.config import PrepareSettings
from sentiment.data.labelled_rows import PART_NAMES, LabelledRow, RowErrors
from sentiment.data.reviews import SourceRequest
from sentiment.errors import InputError, UnavailableError
from sentiment.utils.environment import suppress_stderr
from sentiment.utils.text import first_line

PREFIX = "tfds:"
_STORAGE_URL = "https://storage.googleapis.com"  # where TFDS keeps information on its data sets
_DEFAULTS = PrepareSettings()


def identity(request: SourceRequest) -> str:
    """Return the name with its configuration and version."""
    request.progress.note("importing TensorFlow Datasets")
    return f"{PREFIX}{_builder(request).info.full_name}"


def read_rows(request: SourceRequest, errors: RowErrors) -> list[LabelledRow]:
    """Return all labelled rows and those of an unsupervised split.

    Labels are names of classes if the data set has any. Raises UnavailableError if the data set
    is not on this machine and can't be downloaded, and InputError if it has no such features.
    """
    import tensorflow_datasets as tfds

    builder = _builder(request)
    if not builder.data_path.exists():
        _download(tfds, builder, request)
    features, settings = builder.info.features, request.settings
    text = _text_feature(tfds, features, settings.text_column)
    label = _label_feature(tfds, features, settings.label_column, text)
    names = getattr(features[label], "names", None)
    rows = []
    for split, info in builder.info.splits.items():
        part = PART_NAMES.get(split.lower())
        if part is None:
            continue  # such as `extra`
        with suppress_stderr():
            examples = tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False))
        for example in request.progress.track(examples, f"reading {split}", info.num_examples):
            content = example[text].decode("utf-8", "replace")
            name = _label_name(example[label], names)
            errors.held.add(content, name, request.settings.dataset)
            rows.append(LabelledRow(content, name, part))
    return rows


def _builder(request: SourceRequest) -> Any:
    """Return the builder of the requested data set; raise InputError if TFDS knows none."""
    name = request.settings.dataset.removeprefix(PREFIX)
    with suppress_stderr():
        import tensorflow_datasets as tfds

        try:
            return tfds.builder(name, data_dir=request.paths.tfds)
        except ImportError as error:
            raise UnavailableError(
                f"TFDS can't open the data set {name}: {first_line(error)}",
                hint="install what is missing",
            ) from error
        except (tfds.core.registered.DatasetNotFoundError, ValueError) as error:
            raise InputError(
                f"TFDS has no data set {name}, with this configuration and version",
                hint="all are listed at https://www.tensorflow.org/datasets/catalog",
            ) from error


def _download(tfds: Any, builder: Any, request: SourceRequest) -> None:
    """Let TFDS download its data set; ask for the network first, as TFDS retries for minutes."""
    name = builder.info.full_name
    hint = (
        f"set TFDS_DATA_DIR to a folder that holds {builder.info.name}, "
        "or give a labelled file with --dataset FILE"
    )
    try:
        with suppress_stderr():
            urllib.request.urlopen(_STORAGE_URL, timeout=10).close()
    except urllib.error.HTTPError:
        pass  # it answers
    except OSError as error:
        raise UnavailableError(
            f"{name} is not in {request.paths.tfds}, and there is no network to download it",
            hint=hint,
        ) from error
    request.progress.note(f"downloading {name} to {builder.data_path}")
    tfds.disable_progress_bar()
    try:
        with suppress_stderr():
            builder.download_and_prepare()
    except (OSError, AssertionError, ValueError, ImportError) as error:
        raise UnavailableError(
            f"TFDS could not prepare {name}: {first_line(error)}", hint=hint
        ) from error


def _text_feature(tfds: Any, features: Any, column: str) -> str:
    """Return the feature `column`, else the only feature with texts."""
    texts = [name for name, feature in features.items() if _is_text(tfds, feature)]
    if column in texts:
        return column
    if column == _DEFAULTS.text_column and len(texts) == 1:
        return texts[0]
    raise _no_feature("text", column, texts, "--text-column")


def _label_feature(tfds: Any, features: Any, column: str, text: str) -> str:
    """Return the feature `column`, else the only feature with classes."""
    if column in features and column != text:
        return column
    classes = [
        name for name, feature in features.items() if isinstance(feature, tfds.features.ClassLabel)
    ]
    if column == _DEFAULTS.label_column and len(classes) == 1:
        return classes[0]
    others = [name for name in features if name != text]
    raise _no_feature("label", column, others, "--label-column")


def _is_text(tfds: Any, feature: Any) -> bool:
    scalar = getattr(feature, "shape", None) == ()
    is_string = getattr(feature, "np_dtype", None) in (str, object)
    return isinstance(feature, tfds.features.Text) or (scalar and is_string)


def _no_feature(kind: str, column: str, found: list[str], option: str) -> InputError:
    return InputError(
        f"no {kind} feature {column!r} in this data set; it has {', '.join(found) or 'none'}",
        hint=f"name it with {option}",
    )


def _label_name(value: Any, names: list[str] | None) -> Any:
    """Return the name of a class, None for -1, which means no label; else the value itself."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if names is None:
        return value.item() if hasattr(value, "item") else value
    return names[value] if 0 <= value < len(names) else None
