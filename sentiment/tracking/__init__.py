"""MLflow: the store, runs on their way in and out of it, the registry, and its servers.

With `pyfunc.py` this package is the only importer of MLflow. Knows nothing of Keras.

What a run holds, under the same names in every run:
- parameters: `recipe` and every setting; tags: `model`, the folder of its bundle; `model_id`, its
  best logged model; `host` and `process`, which writes it; `failure` and `diagnosis` where there
  is something to say; `version.…`;
- metrics: `train/…`, `validation/…` at each epoch, and `test/…` once it has been evaluated;
- one logged model an epoch, with the validation metrics of that epoch;
- `hidden_states/epoch_NN.npz` (see `snapshots.Snapshot.arrays`) and the images `hidden_states`,
  `projection` and `sentences` at each epoch; `hidden_states/probes.json`, a table, and
  `report.html` at the end;
- `evaluation/NAME_predictions.npz`: `probabilities`, float32 (N,), and `labels`, int8 (N,), of an
  evaluation on the reviews NAME, and `evaluation/NAME_mistakes.json`.
"""
